import { payloadBlobName, type PayloadKey } from '../blobName';
import type { FhirDatabase } from '../database/fhirDatabase';
import type { ResourceType } from '../database/resourceTypes';
import type { GuardFinding } from './guards';

const SAMPLE = 10;
const LEAST_FOUND = 0.9;

export interface PairDependencies {
  readonly sampleRows: FhirDatabase['sampleRows'];
  /** @returns whether the container of the run has a blob of this name */
  readonly head: (name: string) => Promise<boolean>;
}

export interface PairVerdict {
  readonly findings: readonly GuardFinding[];
  /** types without a single row to sample: their orphans are spared, unless overridden */
  readonly unproven: readonly ResourceType[];
}

/**
 * Asks whether database and container belong together, the other way round than the scan: from rows to blobs. All old rows of a cloned
 * database match the container, and only the blobs written since the clone look like orphans; but the clone's own new rows have no blobs.
 * @param types those that have orphans to be deleted
 * @param cutoff of the run: only rows that are older are sampled, because a younger one may have been erased with its blob just now
 */
export async function guardPair(
  { sampleRows, head }: PairDependencies,
  types: readonly ResourceType[],
  cutoff: Date,
): Promise<PairVerdict> {
  const findings: GuardFinding[] = [];
  const unproven: ResourceType[] = [];
  for (const type of types) {
    const sample = await sampleRows(type, cutoff, SAMPLE);
    const missing = await missingBlobs(sample, head);
    if (sample.length === 0) unproven.push(type);
    else if (sample.length - missing.length < sample.length * LEAST_FOUND)
      findings.push(wrongPair(type, sample.length, missing));
  }
  return { findings, unproven };
}

/** @returns the types whose orphans must not be deleted in this run */
export function sparedTypes(
  unproven: readonly ResourceType[],
  overridden: readonly string[] | undefined,
): readonly ResourceType[] {
  return unproven.filter(({ name }) => overridden?.includes(name) !== true);
}

/** What a run says of the types that it spares. */
export function unprovenFinding({ name }: ResourceType): GuardFinding {
  return {
    guard: 'unproven',
    problem: `${name} has orphans and not one row with a payload, so nothing proves that database and container belong together. Its orphans are spared unless its name is given.`,
    override: { name: 'unproven', value: [name] },
  };
}

async function missingBlobs(sample: readonly PayloadKey[], head: PairDependencies['head']): Promise<readonly string[]> {
  const names = sample.map(payloadBlobName);
  const found = await Promise.all(names.map(head));
  return names.filter((_name, place) => found[place] !== true);
}

function wrongPair({ name }: ResourceType, sampled: number, missing: readonly string[]): GuardFinding {
  return {
    guard: 'wrong-pair',
    problem: `Of ${sampled} sampled rows of ${name} ${missing.length} have no blob in this container: the database does not belong to it, such as a copy for tests, or payloads were lost. Check both connections. Only if each of these blobs is known to be lost or erased, give their names.`,
    override: { name: 'wrong-pair', value: missing },
  };
}
