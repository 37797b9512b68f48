import { randomUUID } from 'node:crypto';
import type { ImagingStudy, Observation, Patient, Reference, Resource } from 'fhir/r4';
import type { Parts } from '../concurrency/parts';
import type { Found, TransactionEntry } from '../fhir/client';
import type { FhirQuery } from '../fhir/query';
import { codeQuery, identifierQuery, sourceTagQuery, studyUidQuery } from './queries';
import { emptyAdoptedStudy, overlayImagingStudyInParts } from '../mapping/imagingStudy';
import {
  observationKey,
  type ObservationProjection,
  type ObservationReferences,
} from '../mapping/observations/observationProjection';
import type { MappingOptions } from '../mapping/options';
import { type FoundOrders, ordersFor } from '../mapping/orders';
import { newPatient, type PatientProjection, reconcilePatient } from '../mapping/patient';
import type { StudyProjection } from '../mapping/projectStudy';
import { sameMeaning, sameMeaningInParts } from '../mapping/sameMeaning';
import { type CastSource, isAdopted, isOwnedBy } from '../mapping/source';
import { DATA_ABSENT_REASON_EXTENSION } from '../mapping/systems';
import type { StudyChoice } from './candidates';

/** What the FHIR server holds of one study. */
export interface FhirStudy {
  readonly study: StudyChoice;
  readonly observations: ReadonlyMap<string, Found<Observation>>;
  /** What the old DICOM Cast left behind, as far as it is to go. */
  readonly leftovers: readonly Found<Observation>[];
}

/** The transaction that makes FHIR equal to the projection; without entries nothing has to be written. */
export interface WritePlan {
  readonly entries: readonly TransactionEntry[];
}

export interface PlanInput {
  readonly existing: FhirStudy;
  readonly source: CastSource;
  readonly endpoint: Reference;
  readonly mapping: MappingOptions;
  /** What the server has of the orders; undefined where they are not looked up. */
  readonly orders?: FoundOrders;
  /** The subject where the study is of a phantom. */
  readonly device?: Reference;
}

/**
 * Nothing valid is live: our study and its Observations go; an adopted study stays and says so (design 1, rule 6).
 * @param ordersLookedUp whether literal references to orders may be ours
 */
export function planRemoval(
  { study, observations, leftovers }: FhirStudy,
  source: CastSource,
  ordersLookedUp = false,
): WritePlan {
  const observationDeletes = [...observations.values(), ...leftovers].map((found) => deleteOf(found));
  if (study.keep === undefined) return { entries: observationDeletes };
  const { keep } = study;
  // A study that no Cast owns and that has nothing of ours in it is none of our business.
  if (!isOwnedBy(keep.resource, source)) return { entries: observationDeletes };
  if (!isAdopted(keep.resource, source)) return { entries: [...observationDeletes, deleteOf(keep)] };
  return {
    entries: [
      ...observationDeletes,
      ...updateIfDifferent(keep, emptyAdoptedStudy(keep.resource, source, ordersLookedUp)),
    ],
  };
}

/**
 * Makes the study, its Observations and its Patient equal to the projection.
 * @param patient the Patient to refer to; undefined: it is created in the same transaction, unless there is a Device to refer to
 */
export function* planProjection(
  input: PlanInput,
  projection: StudyProjection,
  patient: Found<Patient> | undefined,
): Parts<WritePlan> {
  const { existing, source, endpoint, mapping, device } = input;
  const patientWrite =
    device === undefined
      ? planPatient(projection.patient, patient, mapping, source)
      : { entries: [], reference: device };
  const subject = patientWrite.reference;
  const orders = input.orders === undefined ? undefined : ordersFor(input.orders, subject);
  const { keep, othersPresent } = existing.study;
  const desired = yield* overlayImagingStudyInParts(keep?.resource, projection, { subject, endpoint, source, orders });
  const studyUrl = keep === undefined ? `urn:uuid:${randomUUID()}` : `ImagingStudy/${keep.id}`;
  const studyEntries: readonly TransactionEntry[] =
    keep === undefined
      ? [
          {
            kind: 'create',
            fullUrl: studyUrl,
            resource: desired,
            ifNoneExist: studyQuery(projection, source, othersPresent),
          },
        ]
      : yield* updateStudyIfDifferent(keep, desired);
  const observationEntries = planObservations(existing.observations, projection.observations, {
    subject,
    study: { reference: studyUrl, type: 'ImagingStudy' },
    source,
    orders,
  });
  const leftovers = existing.leftovers.map((found) => deleteOf(found));
  return { entries: [...patientWrite.entries, ...studyEntries, ...observationEntries, ...leftovers] };
}

function planPatient(
  projection: PatientProjection | undefined,
  found: Found<Patient> | undefined,
  mapping: MappingOptions,
  source: CastSource,
): { readonly entries: readonly TransactionEntry[]; readonly reference: Reference } {
  if (projection === undefined) return { entries: [], reference: UNKNOWN_SUBJECT };
  if (found === undefined) {
    const fullUrl = `urn:uuid:${randomUUID()}`;
    const resource = newPatient(projection, source);
    return {
      entries: [{ kind: 'create', fullUrl, resource, ifNoneExist: [identifierQuery(projection.identifier)] }],
      reference: { reference: fullUrl, type: 'Patient' },
    };
  }
  const desired = reconcilePatient(found.resource, projection, mapping.demographics, source);
  return {
    entries: desired === found.resource ? [] : updateIfDifferent(found, desired),
    reference: { reference: `Patient/${found.id}`, type: 'Patient' },
  };
}

/** Subject of a study whose instances carry no PatientID (MISSING_PATIENT_ID=placeholder). */
const UNKNOWN_SUBJECT: Reference = {
  extension: [{ url: DATA_ABSENT_REASON_EXTENSION, valueCode: 'unknown' }],
  display: 'Unknown patient',
};

function planObservations(
  existing: ReadonlyMap<string, Found<Observation>>,
  projections: readonly ObservationProjection[],
  references: ObservationReferences,
): readonly TransactionEntry[] {
  const wanted = new Map(projections.map((projection) => [observationKey(projection), projection]));
  const writes = [...wanted].flatMap(([key, projection]): readonly TransactionEntry[] => {
    const desired = projection.build(references);
    const found = existing.get(key);
    if (found !== undefined) return updateIfDifferent(found, { ...desired, id: found.id });
    const ifNoneExist: FhirQuery = [
      ...projection.key.map(identifierQuery),
      codeQuery(projection.code),
      sourceTagQuery(references.source),
    ];
    return [{ kind: 'create', fullUrl: `urn:uuid:${randomUUID()}`, resource: desired, ifNoneExist }];
  });
  const deletes = [...existing].filter(([key]) => !wanted.has(key)).map(([, found]) => deleteOf(found));
  return [...writes, ...deletes];
}

/** The tag joins the query only where other Casts have a study of this UID: otherwise an order system's study must be found, to be adopted. */
function studyQuery(projection: StudyProjection, source: CastSource, othersPresent: boolean): FhirQuery {
  const query = studyUidQuery(projection.study.uid);
  return othersPresent ? [query, sourceTagQuery(source)] : [query];
}

function* updateStudyIfDifferent(
  found: Found<ImagingStudy>,
  desired: ImagingStudy,
): Parts<readonly TransactionEntry[]> {
  return (yield* sameMeaningInParts(found.resource, desired)) ? [] : [updateOf(found, desired)];
}

function updateIfDifferent<T extends ImagingStudy | Patient | Observation>(
  found: Found<T>,
  desired: T,
): readonly TransactionEntry[] {
  return sameMeaning(found.resource, desired) ? [] : [updateOf(found, desired)];
}

function updateOf<T extends Resource>({ id, etag }: Found<T>, desired: T): TransactionEntry {
  return { kind: 'update', resource: { ...desired, id }, id, etag };
}

function deleteOf({ resource, id, etag }: Found<ImagingStudy | Observation>): TransactionEntry {
  return { kind: 'delete', type: resource.resourceType, id, etag };
}
