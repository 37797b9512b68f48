import { isDeepStrictEqual } from 'node:util';

/**
 * Each guard ends a run before its first delete, except `unproven`, which spares the orphans of a type. What it means, for an operator;
 * and how a run can be told, by a value that fits this one situation only, that it is as it should be.
 */
export const guards = {
  standby: { meaning: 'The database is a standby, which may lack rows of its primary.' },
  'logical-subscriber': { meaning: 'A logical subscription fills tables of the schema, which may lack rows.' },
  'collation-changed': { meaning: 'Text sorts differently since the indexes were built, so they may miss rows.' },
  'database-restored': {
    meaning: 'It is another database than at the last run on this container, or it was restored or failed over.',
    override: 'the digest of the identity that the problem names',
  },
  'stale-database': {
    meaning: 'No row is as new as the blobs to be judged, less the grace: it may be an old copy.',
    override: 'the time of the newest row that the problem names',
  },
  'other-database': { meaning: 'During the run the connection came to lead to another database.' },
  'canary-missing': { meaning: 'A payload that had its row a moment ago seemed to have none.' },
  'row-security': { meaning: 'Policies of row-level security hide rows from the role.' },
  'open-transaction': { meaning: 'A transaction from before the run does not end, and may yet write rows.' },
  'wrong-pair': {
    meaning: 'Rows of the database lack their blobs in this container: the two do not belong together.',
    override: 'the names of the missing blobs, if they are known to be lost or erased',
  },
  unproven: {
    meaning: 'The type has orphans and not one row with a payload, so nothing proves that the two belong together.',
    override: 'the names of the resource types whose orphans are to go all the same',
  },
  'orphan-share': { meaning: 'Too large a part of the blobs would go.', override: 'the largest share in percent' },
  'orphan-count': { meaning: 'Too many blobs would go.', override: 'the largest number' },
  'other-tenant': {
    meaning: 'Payloads to be deleted have their rows in another schema of the database, or it cannot be read.',
    override: 'the names of the schemas that do not matter',
  },
  'wrongly-deleted': {
    meaning: 'An earlier run deleted payloads that have a row after all.',
    override: 'the id of that run',
  },
  'shared-container': { meaning: 'Two datasources of the configuration store their payloads in one container.' },
} as const satisfies Readonly<Record<string, { readonly meaning: string; readonly override?: string }>>;

export type GuardName = keyof typeof guards;

/** By value, so that it cannot outlive the situation that it was given for. */
export interface Overrides {
  readonly 'database-restored'?: string | undefined;
  readonly 'stale-database'?: string | undefined;
  readonly 'wrong-pair'?: readonly string[] | undefined;
  readonly unproven?: readonly string[] | undefined;
  readonly 'orphan-share'?: number | undefined;
  readonly 'orphan-count'?: number | undefined;
  readonly 'other-tenant'?: readonly string[] | undefined;
  readonly 'wrongly-deleted'?: string | undefined;
}

export type OverrideName = keyof Overrides;

/** Why a run must not delete. */
export interface GuardFinding {
  readonly guard: GuardName;
  /** what it means and what to do, for an operator; without patient data */
  readonly problem: string;
  /** what would let this run go on; absent: nothing */
  readonly override?: { readonly name: OverrideName; readonly value: string | number | readonly string[] };
}

/** @returns the findings that still stand: a number must be large enough, a list must hold every name, a text must be the same */
export function applyOverrides(findings: readonly GuardFinding[], overrides: Overrides): readonly GuardFinding[] {
  return findings.filter(({ override }) => override === undefined || !covers(overrides[override.name], override.value));
}

function covers(
  given: string | number | readonly string[] | undefined,
  needed: string | number | readonly string[],
): boolean {
  if (typeof given === 'number' && typeof needed === 'number') return given >= needed;
  if (isList(given) && isList(needed)) return needed.every((name) => given.includes(name));
  return isDeepStrictEqual(given, needed);
}

function isList(value: unknown): value is readonly string[] {
  return Array.isArray(value);
}
