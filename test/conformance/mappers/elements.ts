import type {
  Coding,
  Endpoint,
  HumanName,
  Identifier,
  ImagingStudy,
  ImagingStudySeries,
  ImagingStudySeriesInstance,
  Patient,
} from 'fhir/r4';
import { instantKey } from '../../../src/mapping/instants';

/** How one element is read for the comparison; undefined where it is absent. */
interface Reader<T> {
  readonly path: string;
  read(resource: T): unknown;
}

const element = <T>(path: string, read: (resource: T) => unknown): Reader<T> => ({
  path,
  read: (from) => some(read(from)),
});

export const studyElements: readonly Reader<ImagingStudy>[] = [
  element('ImagingStudy.identifier (study UID)', ({ identifier }) => withSystem(identifier, 'urn:dicom:uid')?.value),
  element('ImagingStudy.identifier (accession number)', (study) => accessions(study).map(({ value }) => value)),
  element('ImagingStudy.identifier (accession number).type', (study) =>
    accessions(study).map(({ type }) => codes(type?.coding)),
  ),
  element('ImagingStudy.identifier (Study ID)', ({ identifier }) =>
    identifier?.filter(({ use }) => use === 'secondary').map(({ value }) => value),
  ),
  element('ImagingStudy.status', ({ status }) => status),
  element('ImagingStudy.modality', ({ modality }) => codes(modality)),
  element('ImagingStudy.started', ({ started }) => instant(started)),
  element('ImagingStudy.basedOn', ({ basedOn }) => basedOn?.map(({ identifier }) => identifier?.value)),
  element('ImagingStudy.referrer', ({ referrer }) => referrer?.display),
  element('ImagingStudy.interpreter', ({ interpreter }) => interpreter?.map(({ display }) => display)),
  element('ImagingStudy.endpoint', ({ endpoint }) => (endpoint === undefined ? undefined : 'present')),
  element('ImagingStudy.numberOfSeries', ({ numberOfSeries }) => numberOfSeries),
  element('ImagingStudy.numberOfInstances', ({ numberOfInstances }) => numberOfInstances),
  element('ImagingStudy.procedureCode', ({ procedureCode }) => procedureCode?.map(concept)),
  element('ImagingStudy.location', ({ location }) => location?.display),
  element('ImagingStudy.reasonCode', ({ reasonCode }) => reasonCode?.map(concept)),
  element('ImagingStudy.note', ({ note }) => note?.map(({ text }) => text)),
  element('ImagingStudy.description', ({ description }) => description),
  element('ImagingStudy.series (UIDs)', ({ series }) => series?.map(({ uid }) => uid)),
];

export const seriesElements: readonly Reader<ImagingStudySeries>[] = [
  element('ImagingStudy.series.number', ({ number }) => number),
  element('ImagingStudy.series.modality', ({ modality }) => coded(modality)),
  element('ImagingStudy.series.description', ({ description }) => description),
  element('ImagingStudy.series.numberOfInstances', ({ numberOfInstances }) => numberOfInstances),
  element('ImagingStudy.series.bodySite', ({ bodySite }) => coded(bodySite) ?? textOnly(bodySite)),
  element('ImagingStudy.series.bodySite.display', ({ bodySite }) =>
    coded(bodySite) === undefined ? undefined : bodySite?.display,
  ),
  element('ImagingStudy.series.laterality', ({ laterality }) => coded(laterality)),
  element('ImagingStudy.series.specimen', ({ specimen }) => specimen?.map(({ identifier }) => identifier?.value)),
  element('ImagingStudy.series.started', ({ started }) => instant(started)),
  element('ImagingStudy.series.performer', ({ performer }) =>
    Array.isArray(performer) ? performer.map((each) => [codes(each.function?.coding), each.actor.display]) : performer,
  ),
  element('ImagingStudy.series.instance (UIDs)', ({ instance }) => instance?.map(({ uid }) => uid)),
];

export const instanceElements: readonly Reader<ImagingStudySeriesInstance>[] = [
  element('ImagingStudy.series.instance.sopClass', ({ sopClass }) => coded(sopClass)),
  element('ImagingStudy.series.instance.number', ({ number }) => number),
  element('ImagingStudy.series.instance.title', ({ title }) => title),
];

export const patientElements: readonly Reader<Patient>[] = [
  element('Patient.identifier', ({ identifier }) => identifier?.map(({ value }) => value)),
  element('Patient.identifier.system', ({ identifier }) => identifier?.map(({ system }) => system)),
  element('Patient.active', ({ active }) => active),
  element('Patient.name', ({ name }) => name?.map(nameParts)),
  element('Patient.gender', ({ gender }) => gender),
  element('Patient.birthDate', ({ birthDate }) => birthDate),
  element('Patient.address', ({ address }) => (address === undefined ? undefined : 'present')),
];

export const endpointElements: readonly Reader<Endpoint>[] = [
  element('Endpoint.identifier', ({ identifier }) => identifier?.map(({ value }) => value)),
  element('Endpoint.status', ({ status }) => status),
  element('Endpoint.connectionType', ({ connectionType }) => coded(connectionType)),
  element('Endpoint.name', ({ name }) => name),
  element('Endpoint.payloadType', ({ payloadType }) => payloadType.map(concept)),
  element('Endpoint.payloadMimeType', ({ payloadMimeType }) => payloadMimeType),
  element('Endpoint.address', ({ address }) => address),
];

/** Members that are not compared: they name no attribute of DICOM, or are compared under another name. */
export const NOT_COMPARED: ReadonlySet<string> = new Set([
  'ImagingStudy.resourceType',
  'ImagingStudy.id',
  'ImagingStudy.meta',
  'ImagingStudy.subject',
  'ImagingStudy.extension',
  'ImagingStudy.series.uid',
  'ImagingStudy.series.instance.uid',
  'ImagingStudy.series.extension',
  'ImagingStudy.series.instance.extension',
  'Patient.resourceType',
  'Patient.id',
  'Patient.meta',
  'Endpoint.resourceType',
  'Endpoint.id',
  'Endpoint.meta',
]);

/** What dicomjson-to-fhir calls an accession number has no type, only a use. */
function accessions({ identifier = [] }: ImagingStudy): readonly Identifier[] {
  return identifier.filter(
    ({ type, use, system }) =>
      type?.coding?.some(({ code }) => code === 'ACSN') === true ||
      (type === undefined && use === 'usual' && system === undefined),
  );
}

function withSystem(identifiers: readonly Identifier[] | undefined, system: string): Identifier | undefined {
  return identifiers?.find((identifier) => identifier.system === system);
}

function codes(codings: readonly Coding[] | undefined): readonly string[] | undefined {
  return codings?.flatMap((coding) => coded(coding) ?? []).sort();
}

function coded(coding: Coding | undefined): string | undefined {
  return coding?.code === undefined ? undefined : `${coding.system ?? ''}#${coding.code}`;
}

function textOnly(coding: Coding | undefined): string | undefined {
  return coding?.display === undefined ? undefined : `"${coding.display}"`;
}

function concept({ coding, text }: { readonly coding?: Coding[]; readonly text?: string }): unknown {
  return { code: coding?.map(coded), text };
}

/** Without `use` and `text`, which say nothing of the name itself. The order of given names counts. */
function nameParts({ family, given, prefix, suffix }: HumanName): unknown {
  return { family, given: given?.join(' '), prefix: prefix?.join(' '), suffix: suffix?.join(' ') };
}

function instant(text: string | undefined): string | undefined {
  return text === undefined ? undefined : instantKey(text);
}

/** Absent, empty text, empty lists and objects without members are the same: nothing is said. Lists are sets. */
function some(value: unknown): unknown {
  if (value === undefined || value === null || value === '') return undefined;
  if (Array.isArray(value)) {
    const items = value.map(some).filter((item) => item !== undefined);
    return items.length === 0 ? undefined : items.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  }
  if (typeof value !== 'object') return value;
  const members = Object.entries(value).flatMap(([key, member]) => {
    const kept = some(member);
    return kept === undefined ? [] : [[key, kept] as const];
  });
  return members.length === 0 ? undefined : Object.fromEntries(members);
}

/** The paths of all elements that are compared, in the order of the tables. */
export const COMPARED_PATHS: readonly string[] = [
  ...studyElements,
  ...seriesElements,
  ...instanceElements,
  ...patientElements,
  ...endpointElements,
].map(({ path }) => path);
