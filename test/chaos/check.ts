import type { Endpoint, FhirResource, ImagingStudy, Observation, Patient } from 'fhir/r4';
import type { DicomJson } from '../../local/dicom/dicomJson';
import { firstText, Tag } from '../../local/dicom/dicomJson';
import { readDataset } from '../../src/dicom/dataset';
import type { FailedEntry, FailedFeedEntry } from '../../src/failures/failedEntry';
import { overlayImagingStudy } from '../../src/mapping/imagingStudy';
import { observationKey, observationKeyOf } from '../../src/mapping/observations/observationProjection';
import { projectStudy } from '../../src/mapping/projectStudy';
import { readInstance } from '../../src/mapping/readInstance';
import { sameMeaning } from '../../src/mapping/sameMeaning';
import { mappingOptions } from '../../src/mappingOptions';
import { type History, PATIENT_SYSTEM } from './history';
import type { World } from './world';

const PUBLIC_URL = 'https://dicom.example.org/v2';
const SOURCE_TAG = 'urn:fhir-imaging-functions:cast-source';
const ADOPTED_TAG = 'urn:fhir-imaging-functions:cast-adopted';

type Row = FailedEntry | FailedFeedEntry;

export interface Verdict {
  /** What breaks the invariant of design 1, one line each. */
  readonly violations: readonly string[];
  /** Rows of studies that are in FHIR although nobody could confirm it; a retry has to settle them. */
  readonly unconfirmed: number;
  /** Rows that say what is missing. */
  readonly rows: number;
  /** Patients that nothing refers to beside another one of the same identifier. */
  readonly sparePatients: number;
}

export interface CheckOptions {
  /** Faults were off and everything was tried again: nothing may be missing, and only invalid instances may have rows. */
  readonly afterRetry: boolean;
  /** Last feed sequence of each instance, by `partition|instance`. */
  readonly lastSequence: ReadonlyMap<string, number>;
}

/**
 * At rest: FHIR equals what is live and valid, or a row says what is missing. What exists, how often and how many is counted here from
 * the DICOM service and the FHIR store by UIDs alone; only the values of what exists are compared by way of the projection.
 */
export async function check(world: World, history: History, options: CheckOptions): Promise<Verdict> {
  const rows = await world.rows();
  const found = new Findings(world, history, rows, options);
  for (const study of history.studies) found.checkStudy(study);
  found.checkForeign();
  found.checkStrangers();
  found.checkPatients();
  return found.verdict();
}

class Findings {
  private readonly violations: string[] = [];
  private readonly studies: readonly ImagingStudy[];
  private readonly observations: readonly Observation[];
  private unconfirmed = 0;
  private spares = 0;
  private readonly racy: boolean;

  constructor(
    private readonly world: World,
    private readonly history: History,
    private readonly rows: readonly Row[],
    private readonly options: CheckOptions,
  ) {
    this.studies = world.fhir.all<ImagingStudy>('ImagingStudy');
    this.observations = world.fhir.all<Observation>('Observation');
    this.racy = world.fhir.switches.conditionalCreate === 'racy';
  }

  verdict(): Verdict {
    return {
      violations: this.violations,
      unconfirmed: this.unconfirmed,
      rows: this.rows.length,
      sparePatients: this.spares,
    };
  }

  checkStudy({ partition, uid, patientId }: History['studies'][number]): void {
    const name = `${partition === 'clinic-b' ? 'b:' : ''}${uid}`;
    const before = this.violations.length;
    const live = this.world.dicom.liveInstances(partition, uid);
    const valid = live.filter((dataset) => this.isValid(dataset));
    const rows = this.rows.filter((row) => row.study?.partition === partition && row.study.uid === uid);
    const problems = this.problemsOf({ partition, uid, patientId }, valid);
    for (const { what, instance } of problems) {
      if (!this.isExcused(partition, rows, instance)) this.violations.push(`${name}: ${what}, and no row says why`);
      else if (this.options.afterRetry) this.violations.push(`${name}: ${what}, after a retry without faults`);
    }
    for (const dataset of live) {
      const instance = firstText(dataset, Tag.SOPInstanceUID) ?? '';
      if (!valid.includes(dataset) && !this.isExcused(partition, rows, instance))
        this.violations.push(`${name}: the invalid instance ${instance} has no row`);
    }
    this.checkDangling(partition, uid, name);
    if (problems.length > 0 || this.violations.length > before) return;
    const invalid = new Set(live.filter((dataset) => !valid.includes(dataset)).map(instanceOf));
    for (const row of rows) {
      if (row.instanceUid !== undefined && invalid.has(row.instanceUid)) continue;
      this.unconfirmed++;
      const what = `${name}: a row for what is in FHIR (${row.rowKey}, ${row.reason}: ${row.message.slice(0, 120)})`;
      if (this.options.afterRetry) this.violations.push(`${what}, after a retry`);
      else if (!isUnconfirmed(row)) this.violations.push(what);
    }
  }

  /** By the rules of the standard and of the settings, not by the reader under test. */
  private isValid(dataset: DicomJson): boolean {
    if (firstText(dataset, '00100020') === undefined) return false;
    const birthDate = firstText(dataset, '00100030');
    return this.world.settings.VALIDATION === 'partial' || birthDate === undefined || /^\d{8}$/.test(birthDate);
  }

  private problemsOf(
    study: { readonly partition: string; readonly uid: string; readonly patientId: string },
    valid: readonly DicomJson[],
  ): readonly Problem[] {
    const { partition, uid } = study;
    const address = addressOf(partition);
    const ours = this.studies.filter((found) => isOfStudy(found, uid) && hasTag(found, SOURCE_TAG, address));
    const wanted = valid.map((dataset) => ({
      instance: instanceOf(dataset),
      series: firstText(dataset, Tag.SeriesInstanceUID) ?? '',
    }));
    if (ours.length > 1) {
      // Two of one study are a defect of its own: no row excuses them.
      this.violations.push(
        `${uid}: ${ours.length} studies of ${address}: ${ours.map(({ id }) => id ?? '').join(', ')}`,
      );
      return [];
    }
    const [found] = ours;
    const held = instancesOf(found);
    const problems: Problem[] = [
      ...wanted
        .filter(({ instance, series }) => held.get(instance) !== series)
        .map(({ instance }) => ({ what: `${instance} is missing`, instance })),
      ...[...held.keys()]
        .filter((instance) => !wanted.some((one) => one.instance === instance))
        .map((instance) => ({ what: `${instance} is still there`, instance })),
    ];
    if (found === undefined) return [...problems, ...this.observationProblems(study, undefined, valid)];
    if (valid.length === 0 && !hasTag(found, ADOPTED_TAG, address))
      problems.push({ what: `ImagingStudy/${found.id ?? ''} is still there`, instance: undefined });
    const series = new Set(wanted.map((one) => one.series)).size;
    if (problems.length === 0 && (found.numberOfInstances !== wanted.length || found.numberOfSeries !== series))
      problems.push({ what: `wrong counts in ImagingStudy/${found.id ?? ''}`, instance: undefined });
    if (problems.length > 0 || valid.length === 0) return problems;
    return [...this.valueProblems(study, found, valid), ...this.observationProblems(study, found, valid)];
  }

  /** Values, by way of the projection: its own tests say whether it is right. */
  private valueProblems(
    { partition, uid, patientId }: { readonly partition: string; readonly uid: string; readonly patientId: string },
    found: ImagingStudy,
    valid: readonly DicomJson[],
  ): readonly Problem[] {
    const name = `ImagingStudy/${found.id ?? ''}`;
    const subject = this.resolve(found.subject.reference) as Patient | undefined;
    const key = subject?.identifier?.find(({ system }) => system === PATIENT_SYSTEM)?.value;
    if (key !== patientId)
      return [{ what: `${name} is of ${key ?? 'nobody'} instead of ${patientId}`, instance: undefined }];
    const projection = this.projectionOf(partition, uid, valid);
    const endpoint = found.endpoint?.find(
      ({ reference }) => (this.resolve(reference) as Endpoint | undefined)?.address === addressOf(partition),
    );
    if (projection === undefined || endpoint === undefined)
      return [{ what: `${name} has no Endpoint of its service`, instance: undefined }];
    const source = { address: addressOf(partition) };
    const desired = overlayImagingStudy(found, projection, { subject: found.subject, endpoint, source });
    return sameMeaning(found, desired) ? [] : [{ what: `${name} is out of date`, instance: undefined }];
  }

  private observationProblems(
    { partition, uid }: { readonly partition: string; readonly uid: string },
    found: ImagingStudy | undefined,
    valid: readonly DicomJson[],
  ): readonly Problem[] {
    const ours = this.observations.filter(
      (observation) => isOfStudy(observation, uid) && hasTag(observation, SOURCE_TAG, addressOf(partition)),
    );
    const projected = this.projectionOf(partition, uid, valid)?.observations ?? [];
    const wanted = new Map(projected.map((projection) => [observationKey(projection), projection]));
    const problems: Problem[] = [];
    const reports = valid.filter((dataset) => (firstText(dataset, '00080016') ?? '').includes('.88.'));
    if (reports.length > 0 && this.world.settings.OBSERVATIONS !== 'off' && ours.length < reports.length)
      problems.push({ what: 'a dose report has no Observation', instance: undefined });
    if (reports.length === 0 && ours.length > 0)
      problems.push({ what: `${ours.length} Observations without a dose report`, instance: undefined });
    const seen = new Set<string>();
    for (const observation of ours) {
      const key = observationKeyOf(observation);
      if (seen.has(key)) this.violations.push(`${uid}: Observation/${observation.id ?? ''} is there twice`);
      seen.add(key);
      const projection = wanted.get(key);
      const source = { address: addressOf(partition) };
      const desired =
        found === undefined
          ? undefined
          : projection?.build({
              subject: found.subject,
              study: { reference: `ImagingStudy/${found.id ?? ''}`, type: 'ImagingStudy' },
              source,
            });
      if (desired === undefined || !sameMeaning(observation, desired))
        problems.push({ what: `Observation/${observation.id ?? ''} is out of date`, instance: undefined });
    }
    for (const key of wanted.keys())
      if (!seen.has(key)) problems.push({ what: 'an Observation is missing', instance: undefined });
    return problems;
  }

  private projectionOf(partition: string, uid: string, valid: readonly DicomJson[]): ReturnType<typeof projectStudy> {
    const mapping = mappingOptions(this.world.settings);
    const readings = valid
      .map((dataset) => readInstance(readDataset(dataset), mapping))
      .filter((reading) => reading.kind === 'valid');
    return projectStudy({ partition, uid }, readings, mapping);
  }

  private resolve(reference: string | undefined): FhirResource | undefined {
    const [type, id] = (reference ?? '').split('/').slice(-2);
    return type === undefined || id === undefined
      ? undefined
      : this.world.fhir.read(type as FhirResource['resourceType'], id);
  }

  /** A row of the last change of the instance, of the whole study, or of the feed entry that could not be read. */
  private isExcused(partition: string, rows: readonly Row[], instance: string | undefined): boolean {
    if (instance === undefined) return rows.length > 0 || this.rows.some((row) => row.study === undefined);
    const last = this.options.lastSequence.get(`${partition}|${instance}`);
    return (
      rows.some((row) => row.sequence === String(last) || /^0{20}(-|$)/.test(row.rowKey)) ||
      this.rows.some((row) => row.study === undefined && row.sequence === String(last))
    );
  }

  private checkDangling(partition: string, uid: string, name: string): void {
    const owned = [...this.studies, ...this.observations].filter(
      (resource) => isOfStudy(resource, uid) && hasTag(resource, SOURCE_TAG, addressOf(partition)),
    );
    for (const resource of owned) {
      const references = [
        resource.subject,
        ...(resource.resourceType === 'ImagingStudy' ? (resource.endpoint ?? []) : (resource.partOf ?? [])),
      ];
      for (const reference of references) {
        if (reference?.reference !== undefined && this.resolve(reference.reference) === undefined)
          this.violations.push(
            `${name}: ${resource.resourceType}/${resource.id ?? ''} refers to ${reference.reference}, which is not there`,
          );
      }
    }
  }

  checkForeign(): void {
    for (const { id, uid, note } of this.history.foreign) {
      const study = this.world.fhir.read<ImagingStudy>('ImagingStudy', id);
      if (study === undefined) this.violations.push(`${uid}: the order system's ImagingStudy/${id} is gone`);
      else if (study.note?.some(({ text }) => text === note) !== true)
        this.violations.push(`${uid}: the order system's ImagingStudy/${id} has lost its note`);
    }
  }

  /** Nothing of ours may be there beside the studies that were ever stored. */
  checkStrangers(): void {
    for (const resource of [...this.studies, ...this.observations]) {
      const known = this.history.studies.some(
        ({ partition, uid }) => isOfStudy(resource, uid) && hasTag(resource, SOURCE_TAG, addressOf(partition)),
      );
      const tagged = (resource.meta?.tag ?? []).some(({ system }) => system === SOURCE_TAG);
      if (tagged && !known) this.violations.push(`${resource.resourceType}/${resource.id ?? ''} belongs to no study`);
    }
    const rowsOfNobody = this.rows.filter(
      ({ study }) =>
        study !== undefined &&
        !this.history.studies.some(({ partition, uid }) => partition === study.partition && uid === study.uid),
    );
    for (const row of rowsOfNobody) this.violations.push(`a row of a study that never was: ${row.rowKey}`);
    const unreadable = this.rows.filter(({ study }) => study === undefined);
    this.unconfirmed += unreadable.length;
    if (this.options.afterRetry && unreadable.length > 0)
      this.violations.push(`${unreadable.length} feed entries are unreadable after a retry`);
  }

  checkPatients(): void {
    const byIdentifier = new Map<string, string[]>();
    for (const { id = '', identifier = [] } of this.world.fhir.all<Patient>('Patient')) {
      const key = identifier.find(({ system }) => system === PATIENT_SYSTEM)?.value;
      if (key !== undefined) byIdentifier.set(key, [...(byIdentifier.get(key) ?? []), id]);
    }
    for (const [key, ids] of byIdentifier) {
      if (ids.length === 1) continue;
      const referred = ids.filter((id) =>
        [...this.studies, ...this.observations].some(({ subject }) => subject?.reference === `Patient/${id}`),
      );
      this.spares += ids.length - Math.max(1, referred.length);
      // A spare Patient that nothing refers to is a known residue where conditional create is not atomic.
      if (!this.racy || referred.length > 1) this.violations.push(`${key}: Patients ${ids.join(', ')}`);
    }
    for (const [id, phone] of this.history.phones) {
      const patient = this.world.fhir.read<Patient>('Patient', id);
      if (patient !== undefined && patient.telecom?.[0]?.value !== phone)
        this.violations.push(`Patient/${id} has lost its telephone number`);
    }
  }
}

interface Problem {
  readonly what: string;
  /** undefined: the study as a whole. */
  readonly instance: string | undefined;
}

/** Reasons that do not claim that the change is missing: the outcome of the last attempt was not known. */
function isUnconfirmed({ reason, errorType }: Row): boolean {
  return reason === 'Unconfirmed' || reason === 'InvalidFhirResponse' || errorType === 'TransientFailure';
}

function addressOf(partition: string): string {
  return partition === 'Microsoft.Default' ? PUBLIC_URL : `${PUBLIC_URL}/partitions/${partition}`;
}

function instanceOf(dataset: DicomJson): string {
  return firstText(dataset, Tag.SOPInstanceUID) ?? '';
}

function isOfStudy({ identifier = [] }: ImagingStudy | Observation, uid: string): boolean {
  return identifier.some(({ system, value }) => system === 'urn:dicom:uid' && value === `urn:oid:${uid}`);
}

function hasTag({ meta }: FhirResource, system: string, code: string): boolean {
  return meta?.tag?.some((tag) => tag.system === system && tag.code === code) === true;
}

/** Series UID by SOP Instance UID. */
function instancesOf(study: ImagingStudy | undefined): ReadonlyMap<string, string> {
  return new Map(
    (study?.series ?? []).flatMap(({ uid, instance = [] }) => instance.map((one) => [one.uid, uid] as const)),
  );
}
