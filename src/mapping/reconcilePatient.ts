import type { HumanName, Identifier, Patient } from 'fhir/r4';
import { sameIdentifier } from './identifiers';
import type { DemographicsPolicy } from './options';
import type { PatientProjection } from './patientProjection';
import { isOwnedBy, type CastSource } from './source';

/** Elements that an existing Patient and DICOM can disagree about. */
export type PatientElement = 'identifier' | 'name' | 'gender' | 'birthDate';

/**
 * Decides what DICOM may change in a Patient that exists already. Empty DICOM values never erase anything, identifiers
 * are only ever added, and elements that DICOM does not know stay as they are.
 *
 *  - `create-only`: nothing; the FHIR server is the source of truth;
 *  - `fill-missing`: adds a name, gender, birth date or identifier that is absent;
 *  - `managed`: as `overwrite`, for Patients that this source created, nothing for others;
 *  - `overwrite`: DICOM wins, but for a sex of unknown against a known gender and a birth date that is only less
 *    precise. Names of another use are somebody else's and stay.
 *
 * @returns the same object when there is nothing to write
 */
export function reconcilePatient(
  existing: Patient,
  projection: PatientProjection,
  policy: DemographicsPolicy,
  source: CastSource,
): Patient {
  switch (policy) {
    case 'create-only':
      return existing;
    case 'fill-missing':
      return merged(existing, projection, 'fill');
    case 'managed':
      return isOwnedBy(existing, source) ? merged(existing, projection, 'replace') : existing;
    case 'overwrite':
      return merged(existing, projection, 'replace');
  }
}

/** @returns which elements of an existing Patient differ from DICOM; the values themselves are patient data */
export function patientDifferences(existing: Patient, projection: PatientProjection): readonly PatientElement[] {
  return [...changesOf(existing, projection, 'replace').keys()];
}

type Manner = 'fill' | 'replace';

function merged(existing: Patient, projection: PatientProjection, manner: Manner): Patient {
  const changes = [...changesOf(existing, projection, manner).values()];
  return changes.reduce<Patient>((patient, change) => ({ ...patient, ...change }), existing);
}

function changesOf(
  existing: Patient,
  projection: PatientProjection,
  manner: Manner,
): ReadonlyMap<PatientElement, Partial<Patient>> {
  const changes = new Map<PatientElement, Partial<Patient>>();
  const identifier = withIdentifiers(existing.identifier ?? [], [
    projection.identifier,
    ...projection.otherIdentifiers,
  ]);
  if (identifier !== undefined) changes.set('identifier', { identifier });
  const name = withNames(existing.name ?? [], projection.names, manner);
  if (name !== undefined) changes.set('name', { name });
  if (genderChanges(existing.gender, projection.gender, manner)) changes.set('gender', { gender: projection.gender });
  if (birthDateChanges(existing.birthDate, projection.birthDate, manner)) {
    // what hung on the former date, such as a time of birth, does not belong to the new one
    changes.set('birthDate', { birthDate: projection.birthDate, _birthDate: undefined });
  }
  return changes;
}

function withIdentifiers(existing: readonly Identifier[], ours: readonly Identifier[]): Identifier[] | undefined {
  const missing = ours.filter((identifier) => !existing.some((present) => sameIdentifier(present, identifier)));
  return missing.length === 0 ? undefined : [...existing, ...missing];
}

function withNames(
  existing: readonly HumanName[],
  ours: readonly HumanName[],
  manner: Manner,
): HumanName[] | undefined {
  const [first] = ours;
  if (first === undefined) return undefined;
  if (manner === 'fill') return existing.length === 0 ? [...ours] : undefined;
  const foreign = existing.filter((name) => name.use !== first.use && !ours.some((our) => sameName(our, name)));
  const replaced = existing.filter((name) => !foreign.includes(name));
  const same = replaced.length === ours.length && ours.every((our) => replaced.some((name) => sameName(our, name)));
  return same ? undefined : [...ours, ...foreign];
}

/** Whether a name says the same; servers may add ids, periods and other extensions, or drop the text. */
function sameName(our: HumanName, theirs: HumanName): boolean {
  const meaning = (name: HumanName): string =>
    JSON.stringify([
      name.use ?? null,
      name.family ?? null,
      name.given ?? [],
      name.prefix ?? [],
      name.suffix ?? [],
      (name.extension ?? [])
        .filter((extension) => our.extension?.some((known) => known.url === extension.url))
        .map((extension) => extension.valueCode ?? null),
    ]);
  return meaning(our) === meaning(theirs);
}

function genderChanges(existing: Patient['gender'], ours: Patient['gender'], manner: Manner): boolean {
  if (ours === undefined || ours === existing) return false;
  return existing === undefined || (manner === 'replace' && ours !== 'unknown');
}

function birthDateChanges(existing: string | undefined, ours: string | undefined, manner: Manner): boolean {
  if (ours === undefined || ours === existing) return false;
  if (existing === undefined) return true;
  return manner === 'replace' && !existing.startsWith(`${ours}-`);
}
