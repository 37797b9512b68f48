import type { Endpoint, ImagingStudy, Observation, Patient, Resource } from 'fhir/r4';
import { type DicomJson, firstText, Tag } from '../../local/dicom/dicomJson';
import type { CastRig } from './castRig';

const SOURCE_TAG = 'urn:fhir-imaging-functions:cast-source';
const ADOPTED_TAG = 'urn:fhir-imaging-functions:cast-adopted';
const PATIENT_ID = '00100020';
const STUDY_DESCRIPTION = '00081030';

/**
 * What breaks the invariant of docs/architecture.md, one line each; empty when nothing does: for every study FHIR equals what is live and
 * valid, or a row says why not; nothing twice, no ghost, no dangling reference, no row for something that is in FHIR.
 * Counts from the DICOM service and the FHIR store by UIDs, PatientIDs and descriptions alone: none of the projection's code is used.
 * An instance is valid when it has a PatientID (partial validation).
 */
export async function violationsOf(rig: CastRig): Promise<readonly string[]> {
  const rows = await rig.failures();
  const live = rig.dicom.studies();
  const found: string[] = [];
  for (const { partition, uid } of live) {
    const own = ownStudies(rig, partition, uid);
    const instances = rig.dicom.liveInstances(partition, uid);
    const valid = instances.filter((instance) => firstText(instance, PATIENT_ID) !== undefined);
    const ofStudy = rows.filter(({ study }) => study.uid === uid && study.partition === partition);
    const problems = studyProblems(rig, uid, own, valid);
    // A row of an invalid instance says why that instance is missing, and nothing about the others.
    const invalid = new Set(
      instances
        .filter((instance) => !valid.includes(instance))
        .map((instance) => firstText(instance, Tag.SOPInstanceUID)),
    );
    const excuses = ofStudy.filter(
      ({ instanceUid, errorType }) => errorType !== 'DicomError' || !invalid.has(instanceUid),
    );
    if (excuses.length === 0) found.push(...problems);
    else if (problems.length === 0 && excuses.some(({ reason }) => reason !== 'Unconfirmed'))
      found.push(`${uid}: a row says that something is missing, but FHIR is right`);
    for (const instance of invalid) {
      if (!ofStudy.some(({ instanceUid }) => instanceUid === instance))
        found.push(`${uid}: an invalid instance has no row`);
    }
  }
  found.push(...ghosts(rig, live, rows), ...duplicatePatients(rig), ...dangling(rig));
  return found;
}

function studyProblems(
  rig: CastRig,
  uid: string,
  own: readonly ImagingStudy[],
  valid: readonly DicomJson[],
): readonly string[] {
  const [study, ...more] = own;
  if (more.length > 0) return [`${uid}: ${own.length} studies of ours`];
  if (valid.length === 0)
    return study === undefined || isEmptyAdopted(study) ? [] : [`${uid}: a study although nothing valid is live`];
  if (study === undefined) return [`${uid}: no study although ${valid.length} instances are live`];
  const problems: string[] = [];
  const wanted = valid
    .map((instance) => `${firstText(instance, Tag.SeriesInstanceUID)}/${firstText(instance, Tag.SOPInstanceUID)}`)
    .sort();
  const held = (study.series ?? [])
    .flatMap((series) => (series.instance ?? []).map((instance) => `${series.uid}/${instance.uid}`))
    .sort();
  if (wanted.join() !== held.join())
    problems.push(`${uid}: instances ${held.length} in FHIR, ${wanted.length} live, or others`);
  if (study.numberOfInstances !== valid.length || study.numberOfSeries !== study.series?.length)
    problems.push(`${uid}: wrong counts`);
  if (study.status !== 'available') problems.push(`${uid}: status ${study.status}`);
  const description = mostFrequent(valid.map((instance) => firstText(instance, STUDY_DESCRIPTION)));
  if (study.description !== description) problems.push(`${uid}: description of another time`);
  const patientId = mostFrequent(valid.map((instance) => firstText(instance, PATIENT_ID)));
  const subject = rig.fhir.all<Patient>('Patient').find(({ id }) => study.subject.reference === `Patient/${id}`);
  if (!subject?.identifier?.some(({ value }) => value === patientId))
    problems.push(`${uid}: subject is not the patient`);
  return problems;
}

/** Ties go to the smallest value. */
function mostFrequent(values: readonly (string | undefined)[]): string | undefined {
  const counts = new Map<string, number>();
  for (const value of values) if (value !== undefined) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))[0]?.[0];
}

function ghosts(
  rig: CastRig,
  live: ReturnType<CastRig['dicom']['studies']>,
  rows: Awaited<ReturnType<CastRig['failures']>>,
): readonly string[] {
  return rig.fhir.all<ImagingStudy>('ImagingStudy').flatMap((study) => {
    const uid =
      study.identifier?.find(({ system }) => system === 'urn:dicom:uid')?.value?.replace('urn:oid:', '') ?? '';
    const ours = tagged(study, SOURCE_TAG);
    if (ours === undefined || live.some((one) => one.uid === uid && addressOf(rig, one.partition) === ours)) return [];
    if (isEmptyAdopted(study) || rows.some((row) => row.study.uid === uid)) return [];
    return [`${uid}: a ghost`];
  });
}

function isEmptyAdopted(study: ImagingStudy): boolean {
  return (
    tagged(study, ADOPTED_TAG) !== undefined &&
    study.status === 'registered' &&
    study.numberOfInstances === 0 &&
    (study.series ?? []).length === 0
  );
}

function duplicatePatients(rig: CastRig): readonly string[] {
  const counts = new Map<string, number>();
  for (const { identifier } of rig.fhir.all<Patient>('Patient')) {
    const key = `${identifier?.[0]?.system ?? ''}|${identifier?.[0]?.value ?? ''}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts].filter(([, count]) => count > 1).map(([, count]) => `${count} Patients of one identifier`);
}

function dangling(rig: CastRig): readonly string[] {
  const ids = new Set<string>();
  const add = (resources: readonly Resource[]): void =>
    resources.forEach(({ resourceType, id }) => ids.add(`${resourceType}/${id}`));
  const studies = rig.fhir.all<ImagingStudy>('ImagingStudy');
  const observations = rig.fhir.all<Observation>('Observation');
  add([...studies, ...observations, ...rig.fhir.all<Patient>('Patient'), ...rig.fhir.all<Endpoint>('Endpoint')]);
  const references = [
    ...studies.flatMap(({ subject, endpoint = [] }) => [subject, ...endpoint]),
    ...observations.flatMap(({ subject, partOf = [] }) => [...(subject === undefined ? [] : [subject]), ...partOf]),
  ].flatMap(({ reference }) => reference ?? []);
  return references
    .filter((reference) => !ids.has(reference))
    .map((reference) => `${reference.split('/')[0]} referred to is not there`);
}

function ownStudies(rig: CastRig, partition: string, uid: string): readonly ImagingStudy[] {
  return rig.fhir
    .all<ImagingStudy>('ImagingStudy')
    .filter(
      (study) =>
        study.identifier?.some(({ value }) => value === `urn:oid:${uid}`) &&
        tagged(study, SOURCE_TAG) === addressOf(rig, partition),
    );
}

function addressOf(rig: CastRig, partition: string): string {
  const base = `${rig.settings.DICOM_PUBLIC_URL ?? rig.settings.DICOM_URL}/${rig.settings.DICOM_API_VERSION}`;
  return partition === 'Microsoft.Default' ? base : `${base}/partitions/${partition}`;
}

function tagged(resource: Resource, system: string): string | undefined {
  return resource.meta?.tag?.find((tag) => tag.system === system)?.code;
}

/** The values of Observations that a test is about: `key=value` of each component, sorted. */
export function doseValues(rig: CastRig): readonly string[] {
  return rig.fhir
    .all<Observation>('Observation')
    .flatMap(({ component = [] }) =>
      component.flatMap(({ code, valueQuantity }) =>
        valueQuantity?.value === undefined ? [] : [`${code.coding?.[0]?.code ?? ''}=${valueQuantity.value}`],
      ),
    )
    .sort();
}
