import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Device, Patient, Reference, Resource } from 'fhir/r4';
import { readSamples } from '../../local/samples/samples';
import { readDataset } from '../../src/dicom/dataset';
import { endpointFor } from '../../src/mapping/endpoint';
import { identifierKey } from '../../src/mapping/identifiers';
import { emptyAdoptedStudy, overlayImagingStudy } from '../../src/mapping/imagingStudy';
import { defaultMappingOptions, type MappingOptions } from '../../src/mapping/options';
import { type OrderReferences } from '../../src/mapping/orders';
import { newPatient, type PatientProjection } from '../../src/mapping/patient';
import { newDevice } from '../../src/mapping/phantoms';
import { projectStudy } from '../../src/mapping/projectStudy';
import { readInstance } from '../../src/mapping/readInstance';
import { castSource } from '../../src/mapping/source';
import { MADO_NUMBER_OF_FRAMES_EXTENSION } from '../../src/mapping/systems';

/** A resource that Cast would write, and what it was made from. */
export interface WrittenResource {
  readonly origin: string;
  readonly resource: Resource;
}

export const CONFORMANCE_OPTIONS: MappingOptions = {
  ...defaultMappingOptions,
  defaultTimeZone: 'Europe/Berlin',
  patientIdSystem: 'https://hospital.example/patient-ids',
  accessionSystem: 'https://hospital.example/accession-numbers',
  issuerPrefix: 'https://hospital.example/issuers/',
  personIdSystem: 'https://hospital.example/persons',
  today: '2026-01-01',
};

/** Everything that is off by default, on. */
export const EVERY_OPTION: MappingOptions = {
  ...CONFORMANCE_OPTIONS,
  missingPatientId: 'placeholder',
  patientIdTypeDefault: 'MR',
  otherPatientIdsSystem: 'https://hospital.example/other-patient-ids',
  codeSystemBase: 'https://hospital.example/codes/',
  nameUse: 'official',
  accession: 'plurality',
  studyIdIdentifier: true,
  encounter: true,
  phantoms: 'device',
  middleNameQualifier: true,
  flagMojibake: true,
  otherPatientNames: true,
  extendedDemographics: true,
  heightAndWeight: true,
  orderLookup: true,
  studyDescriptionAsNote: true,
  dicomCastCleanup: true,
  imageTypeAsTitle: true,
  codedBodySitesOnly: true,
  numberOfFramesExtension: MADO_NUMBER_OF_FRAMES_EXTENSION,
  retrieveLocationUid: '1.2.826.0.1.3680043.10.1338',
};

const SOURCE = castSource('https://dicom.example', 'v2', 'Microsoft.Default');

/** The Endpoint, once for all studies. */
export function writtenEndpoint({ retrieveLocationUid }: MappingOptions = CONFORMANCE_OPTIONS): WrittenResource {
  return { origin: 'endpoint', resource: { ...endpointFor(SOURCE, retrieveLocationUid), id: 'e1' } };
}

/** Everything that Cast writes for one study of these objects: Patient, ImagingStudy, Observations, and the adopted study when it is emptied. */
export function writtenResources(
  origin: string,
  studyUid: string,
  datasets: readonly object[],
  options: MappingOptions = CONFORMANCE_OPTIONS,
): readonly WrittenResource[] {
  const readings = datasets.map((json) => readInstance(readDataset(json), options));
  const valid = readings.flatMap((reading) => (reading.kind === 'valid' ? [reading] : []));
  const projection = projectStudy({ partition: 'Microsoft.Default', uid: studyUid }, valid, options);
  if (projection === undefined) return [];
  const subjects = projection.patient === undefined ? [] : [subjectOf(projection.patient)];
  const [written] = subjects;
  const type = written?.resourceType;
  const subject = type === undefined ? UNKNOWN_PATIENT : { reference: `${type}/p1`, type };
  const study = { reference: 'ImagingStudy/s1', type: 'ImagingStudy' };
  const orders = options.orderLookup ? allFound(projection.imagingStudy.orders) : undefined;
  const imagingStudy = overlayImagingStudy(undefined, projection, {
    subject,
    endpoint: { reference: 'Endpoint/e1', type: 'Endpoint' },
    source: SOURCE,
    orders,
  });
  const resources: Resource[] = [
    ...subjects.map((resource) => ({ ...resource, id: 'p1' })),
    { ...imagingStudy, id: 's1' },
    { ...emptyAdoptedStudy(imagingStudy, SOURCE), id: 's2' },
    ...projection.observations.map((observation, index) => ({
      ...observation.build({ subject, study, source: SOURCE, orders }),
      id: `o${index}`,
    })),
  ];
  return resources.map((resource) => ({ origin, resource }));
}

function subjectOf(patient: PatientProjection): Patient | Device {
  return patient.isPhantom === true ? newDevice(patient, SOURCE) : newPatient(patient, SOURCE);
}

/** As if the order system had each of them. */
function allFound(orders: readonly Reference[]): OrderReferences {
  return new Map(
    orders.flatMap(({ identifier }, index) =>
      identifier === undefined ? [] : [[identifierKey(identifier), `ServiceRequest/r${index}`] as const],
    ),
  );
}

const UNKNOWN_PATIENT = {
  extension: [{ url: 'http://hl7.org/fhir/StructureDefinition/data-absent-reason', valueCode: 'unknown' }],
  display: 'Unknown patient',
};

/** Everything that Cast writes for the dose reports of the tests. */
export function resourcesOfDoseReports(options?: MappingOptions): readonly WrittenResource[] {
  const lines = readFileSync(resolve(__dirname, '../fixtures/dose-reports/dose-reports.ndjson'), 'utf8').split('\n');
  const reports = lines
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { readonly vector: number; readonly dicom: object });
  const vectors = [...new Set(reports.map(({ vector }) => vector))];
  return vectors.flatMap((vector) =>
    writtenResources(
      `dose reports of vector ${vector}`,
      `1.2.826.0.1.3680043.10.1338.${vector}`,
      reports.filter((report) => report.vector === vector).map(({ dicom }) => dicom),
      options,
    ),
  );
}

/** Everything that Cast writes for the samples. */
export function resourcesOfSamples(options?: MappingOptions): readonly WrittenResource[] {
  return readSamples().studies.flatMap(({ studyUid, samples }) =>
    writtenResources(
      `sample ${studyUid}`,
      studyUid,
      samples.map(({ dataset }) => dataset),
      options,
    ),
  );
}
