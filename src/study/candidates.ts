import type { Device, ImagingStudy, Observation, Patient, Resource } from 'fhir/r4';
import type { Found } from '../fhir/client';
import { MultipleMatches } from '../fhir/errors';
import { type CastSource, isAdopted, isOwnedBy, isOwnedByAnyCast } from '../mapping/source';
import type { Sources } from './sources';

/** What a search by identifier found, once it is clear which of the matches is meant. */
export interface Choice<T extends Resource> {
  /** The resource to keep true; undefined: it has to be created. */
  readonly keep: Found<T> | undefined;
  /** Further ones of ours, made by a race (design 1, rule 4): they have to go. */
  readonly lose: readonly Found<T>[];
}

/** Most searches find nothing: a study is new, or its patient is. */
const NOTHING: Choice<never> = { keep: undefined, lose: [] };

export interface StudyChoice extends Choice<ImagingStudy> {
  /** Matches that belong to other Cast installations or partitions: a conditional create must not stumble over them. */
  readonly othersPresent: boolean;
}

/**
 * Which ImagingStudy is meant (design 3.6): the one with our tag, an adopted one before one that we made; else the one that no Cast owns, which is adopted.
 * @throws MultipleMatches when several could be adopted
 */
export function chooseStudy(found: readonly Found<ImagingStudy>[], source: CastSource): StudyChoice {
  if (found.length === 0) return { ...NOTHING, othersPresent: false };
  const ours = found.filter(({ resource }) => isOwnedBy(resource, source));
  const unowned = found.filter(({ resource }) => !isOwnedByAnyCast(resource));
  const othersPresent = ours.length + unowned.length < found.length;
  if (ours.length === 0) return { keep: onlyOne(unowned), lose: [], othersPresent };
  const [keep, ...rest] = [...ours].sort(
    (a, b) => Number(isAdopted(b.resource, source)) - Number(isAdopted(a.resource, source)) || compareIds(a.id, b.id),
  );
  return { keep, lose: rest.filter(({ resource }) => !isAdopted(resource, source)), othersPresent };
}

/**
 * Which Patient is meant: the one that no Cast made, else the one with the lowest id. A record that was merged into another match is
 * not meant, and a record with links has been in somebody's hands: it is nobody's to delete.
 * @throws MultipleMatches when several were made by others: which one is right only a person can say
 */
export function choosePatient(found: readonly Found<Patient>[], allSources: Sources): Choice<Patient> {
  if (found.length === 0) return NOTHING;
  const meant = withoutMerged(found);
  const foreign = onlyOne(meant.filter(({ resource }) => !isOwnedByAnyCast(resource)));
  const made = meant.filter(({ resource }) => isOwnedByAnyCast(resource)).sort((a, b) => compareIds(a.id, b.id));
  const keep = foreign ?? made[0];
  const lose = made.filter(
    (candidate) =>
      candidate !== keep &&
      allSources.partitionOf(candidate.resource) !== undefined &&
      (candidate.resource.link ?? []).length === 0,
  );
  return { keep, lose };
}

/**
 * Which Device a phantom is: the one that no Cast made, else the one with the lowest id.
 * @throws MultipleMatches when several were made by others
 */
export function chooseDevice(found: readonly Found<Device>[]): Found<Device> | undefined {
  const foreign = onlyOne(found.filter(({ resource }) => !isOwnedByAnyCast(resource)));
  return foreign ?? [...found].sort((a, b) => compareIds(a.id, b.id))[0];
}

/** Without records that were merged into others of these; all of them when their links lead in a circle. */
function withoutMerged(found: readonly Found<Patient>[]): readonly Found<Patient>[] {
  const ids = new Set(found.map(({ id }) => id));
  const left = found.filter(({ resource }) => !ids.has(replacedBy(resource) ?? ''));
  return left.length > 0 ? left : found;
}

/** Id of the Patient into which this one was merged (R4 Patient.link), on the same server. */
export function replacedBy({ link }: Patient): string | undefined {
  const reference = link?.find(({ type }) => type === 'replaced-by')?.other.reference;
  return reference?.match(/^Patient\/([A-Za-z0-9\-.]{1,64})$/)?.[1];
}

/** The Observations of one study that are ours, by key: of several with one key the lowest id is kept. */
export function chooseObservations(
  found: readonly Found<Observation>[],
  source: CastSource,
  keyOf: (observation: Observation) => string,
): { readonly keep: ReadonlyMap<string, Found<Observation>>; readonly lose: readonly Found<Observation>[] } {
  const keep = new Map<string, Found<Observation>>();
  const lose: Found<Observation>[] = [];
  const ours = found.filter(({ resource }) => isOwnedBy(resource, source)).sort((a, b) => compareIds(a.id, b.id));
  for (const candidate of ours) {
    const key = keyOf(candidate.resource);
    if (keep.has(key)) lose.push(candidate);
    else keep.set(key, candidate);
  }
  return { keep, lose };
}

/** Numbers by value, everything else by code units: all workers agree on the lowest id. */
export function compareIds(a: string, b: string): number {
  const numeric = /^\d+$/;
  if (numeric.test(a) && numeric.test(b) && a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : Number(a > b);
}

function onlyOne<T extends Resource>(found: readonly Found<T>[]): Found<T> | undefined {
  const [first, ...more] = found;
  if (first === undefined || more.length === 0) return first;
  throw new MultipleMatches(
    first.resource.resourceType,
    found.map(({ id }) => id),
  );
}
