import type { ImagingStudy, Observation, Patient } from 'fhir/r4';
import { inTurns } from '../concurrency/turns';
import type { DicomWebClient } from '../dicom/dicomWebClient';
import type { DataIssue } from '../dicom/dataIssue';
import type { StudyKey } from '../dicom/studyKey';
import type { FhirClient, Found, TransactionEntry } from '../fhir/client';
import { uidIdentifier } from '../mapping/identifiers';
import type { MappingOptions } from '../mapping/options';
import { patientDifferences, type PatientProjection } from '../mapping/patient';
import { projectStudyInParts, type StudyProjection } from '../mapping/projectStudy';
import { chooseStudy, type Choice } from './candidates';
import { fromDicom, fromFhir, fromStorage } from './dependencyErrors';
import { deviceReference } from './devices';
import type { Endpoints } from './endpoints';
import { type LiveStudy, readLiveStudy } from './liveStudy';
import { findOrders } from './orders';
import type { PatientLease, PatientLock } from './patientLock';
import type { Patients } from './patients';
import { type FhirStudy, planProjection, planRemoval, type WritePlan } from './plan';
import { identifierQuery } from './queries';
import { searchByIdentifier } from './searchByIdentifier';
import type { Sources } from './sources';
import { studiesOf } from './studiesOf';
import { canHaveObservations, findObservations, NO_OBSERVATIONS } from './studyObservations';

/** What the comparison of one study needs. */
export interface PassDependencies {
  readonly dicom: DicomWebClient;
  readonly fhir: FhirClient;
  readonly endpoints: Endpoints;
  readonly patients: Patients;
  readonly patientLock: PatientLock;
  readonly sources: Sources;
  readonly mapping: MappingOptions;
  /** Has another study looked at again; it may belong to another partition. */
  readonly lookAgain: (study: StudyKey, signal: AbortSignal) => Promise<void>;
}

interface WritingDependencies extends PassDependencies {
  readonly onWrite: () => void;
}

export type PassResult =
  | {
      readonly kind: 'equal';
      readonly live: LiveStudy;
      readonly written: readonly TransactionEntry[];
      readonly remarks: Remarks;
    }
  /** Others were faster, or duplicates were removed: what was read is no longer true. */
  | { readonly kind: 'start-over'; readonly reason: StartOverReason };

/** What is worth telling although it is no failure. */
export interface Remarks {
  /** About the study as a whole, such as instances that name different patients. */
  readonly issues: readonly DataIssue[];
  /** Elements of the existing Patient that DICOM says otherwise; names only. */
  readonly patientDifferences: readonly string[];
}

const NO_REMARKS: Remarks = { issues: [], patientDifferences: [] };

export type StartOverReason = 'created-by-another' | 'duplicates-removed' | 'lease-ran-out';

/** Least time on the Patient lease for the transaction that creates the Patient. */
const MIN_LEASE_MS = 15_000;

/**
 * Makes FHIR equal to what is live now: read, project, compare, at most one transaction (design 1, rules 4 to 6).
 * The caller has put its mark before (rule 1) and settles afterwards (rule 2).
 * @param look.onLive is told what was read from DICOM, also when a later step throws
 * @param look.onWrite is told that something was written, also when a later step throws
 * @param look.thorough also where nothing seems to need it: a transaction that came late may have left Observations beside a study
 *   that somebody else had created without them
 * @throws DependencyError, naming who failed
 */
export async function runPass(
  dependencies: PassDependencies,
  study: StudyKey,
  look: { readonly onLive: (live: LiveStudy) => void; readonly onWrite: () => void; readonly thorough: boolean },
  signal: AbortSignal,
): Promise<PassResult> {
  const deps: WritingDependencies = { ...dependencies, onWrite: look.onWrite };
  const source = deps.sources.of(study.partition);
  const [choice, live] = await Promise.all([
    fromFhir(async () =>
      chooseStudy(
        await searchByIdentifier<ImagingStudy>(deps.fhir, 'ImagingStudy', uidIdentifier(study.uid), signal),
        source,
      ),
    ),
    fromDicom(async () => {
      const read = await readLiveStudy(deps.dicom, study, deps.mapping, signal);
      look.onLive(read);
      return read;
    }),
  ]);
  if (choice.lose.length > 0) return removeDuplicateStudies(deps, choice.lose, signal);

  const projection = await inTurns(projectStudyInParts(study, live.valid, deps.mapping), signal);
  const [observations, patient, orders] = await Promise.all([
    fromFhir(async () => {
      // With the study goes the last that leads to those which an option made that is off by now.
      const possible =
        look.thorough || projection === undefined || canHaveObservations(deps.mapping, choice.keep, live);
      return possible ? findObservations(deps.fhir, study, source, deps.mapping, signal) : NO_OBSERVATIONS;
    }),
    projection?.patient === undefined || projection.patient.isPhantom === true
      ? undefined
      : findPatient(deps, projection.patient, signal),
    projection !== undefined && deps.mapping.orderLookup
      ? fromFhir(() => findOrders(deps.fhir, projection.imagingStudy.orders, signal))
      : undefined,
  ]);
  if (observations.lose.length > 0) return removeDuplicates(deps, observations.lose, signal);

  const { leftovers } = observations;
  const existing: FhirStudy = { study: choice, observations: observations.keep, leftovers };
  if (projection === undefined)
    return write(deps, planRemoval(existing, source, deps.mapping.orderLookup), live, signal);

  const endpoint = await fromFhir(() => deps.endpoints.reference(source, signal));
  const device =
    projection.patient?.isPhantom === true
      ? await deviceReference(deps.fhir, deps.patientLock, projection.patient, source, deps.onWrite, signal)
      : undefined;
  const input = { existing, source, endpoint, mapping: deps.mapping, orders, device };
  const planFor = (found: Found<Patient> | undefined): Promise<WritePlan> =>
    inTurns(planProjection(input, projection, found), signal);
  const result =
    projection.patient !== undefined && device === undefined && patient?.keep === undefined
      ? await createPatientAndWrite(deps, study, projection.patient, planFor, live, signal)
      : await writeForPatient(deps, study, patient, planFor, live, signal);
  return result.kind === 'equal' ? { ...result, remarks: remarksOn(projection, patient?.keep) } : result;
}

function remarksOn({ issues, patient }: StudyProjection, found: Found<Patient> | undefined): Remarks {
  const differences = patient === undefined || found === undefined ? [] : patientDifferences(found.resource, patient);
  return { issues, patientDifferences: differences };
}

/** The Patient is there (or nobody names one): write, and clear up what a race may have left beside it. */
async function writeForPatient(
  deps: WritingDependencies,
  study: StudyKey,
  patient: Choice<Patient> | undefined,
  planFor: (patient: Found<Patient> | undefined) => Promise<WritePlan>,
  live: LiveStudy,
  signal: AbortSignal,
): Promise<PassResult> {
  const result = await write(deps, await planFor(patient?.keep), live, signal);
  if (result.kind === 'start-over' || patient === undefined || patient.lose.length === 0) return result;
  return removeSparePatients(deps, study, patient, result, signal);
}

/** Rule 4: a new Patient is created under a lease, searched again inside it and once more after the creation. */
function createPatientAndWrite(
  deps: WritingDependencies,
  study: StudyKey,
  patient: PatientProjection,
  planFor: (patient: Found<Patient> | undefined) => Promise<WritePlan>,
  live: LiveStudy,
  signal: AbortSignal,
): Promise<PassResult> {
  const work = async (lease: PatientLease): Promise<PassResult> => {
    const again = deps.patientLock.excludes ? await findPatient(deps, patient, signal) : undefined;
    const plan = again?.keep === undefined ? await planFor(undefined) : undefined;
    if (!hasTimeLeft(lease)) return { kind: 'start-over', reason: 'lease-ran-out' };
    if (plan === undefined) return writeForPatient(deps, study, again, planFor, live, signal);
    const result = await write(deps, plan, live, signal);
    if (result.kind === 'start-over') return result;
    const after = await findPatient(deps, patient, signal);
    return after.lose.length === 0 ? result : removeSparePatients(deps, study, after, result, signal);
  };
  const key = identifierQuery(patient.identifier)[1];
  return fromStorage(() => deps.patientLock.hold(key, work, signal));
}

function hasTimeLeft(lease: PatientLease): boolean {
  return lease.remainingMs() > MIN_LEASE_MS;
}

async function write(
  deps: WritingDependencies,
  { entries }: WritePlan,
  live: LiveStudy,
  signal: AbortSignal,
): Promise<PassResult> {
  if (entries.length === 0) return { kind: 'equal', live, written: [], remarks: NO_REMARKS };
  const results = await fromFhir(() => deps.fhir.transaction(entries, signal), { writes: true });
  deps.onWrite();
  const beaten = entries.some(
    (entry, index) =>
      entry.kind === 'create' && entry.resource.resourceType !== 'Patient' && results[index]?.status === 200,
  );
  return beaten
    ? { kind: 'start-over', reason: 'created-by-another' }
    : { kind: 'equal', live, written: entries, remarks: NO_REMARKS };
}

function findPatient(
  deps: PassDependencies,
  projection: NonNullable<StudyProjection['patient']>,
  signal: AbortSignal,
): Promise<Choice<Patient>> {
  return fromFhir(() => deps.patients.find(projection, signal));
}

/** A study that lost a race goes together with the Observations that refer to it: some servers refuse to leave them dangling. */
async function removeDuplicateStudies(
  deps: WritingDependencies,
  lose: readonly Found<ImagingStudy>[],
  signal: AbortSignal,
): Promise<PassResult> {
  const referring = await fromFhir(async () => {
    const found = await Promise.all(
      lose.map(({ id }) => deps.fhir.search<Observation>('Observation', [['part-of', `ImagingStudy/${id}`]], signal)),
    );
    return found.flat().filter(({ resource }) => deps.sources.partitionOf(resource) !== undefined);
  });
  return removeDuplicates(deps, [...referring, ...lose], signal);
}

async function removeDuplicates(
  deps: WritingDependencies,
  lose: readonly Found<ImagingStudy | Observation>[],
  signal: AbortSignal,
): Promise<PassResult> {
  const entries = lose.map(({ resource, id, etag }): TransactionEntry => ({
    kind: 'delete',
    type: resource.resourceType,
    id,
    etag,
  }));
  await fromFhir(() => deps.fhir.transaction(entries, signal), { writes: true });
  deps.onWrite();
  return { kind: 'start-over', reason: 'duplicates-removed' };
}

async function removeSparePatients(
  deps: WritingDependencies,
  study: StudyKey,
  { lose }: Choice<Patient>,
  result: PassResult,
  signal: AbortSignal,
): Promise<PassResult> {
  deps.onWrite();
  const referring = studiesOf(
    await fromFhir(() => deps.patients.removeSpare(lose, signal), { writes: true }),
    deps.sources,
  );
  const others = referring.filter(({ uid, partition }) => uid !== study.uid || partition !== study.partition);
  for (const other of others) await fromStorage(() => deps.lookAgain(other, signal));
  return referring.length > others.length ? { kind: 'start-over', reason: 'duplicates-removed' } : result;
}
