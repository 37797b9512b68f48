import type { Verdict } from '../verdict';

/** What became of a candidate in the sweep. `live`: a row points at it now. */
export const SWEEP_OUTCOMES = ['deleted', 'quarantined', 'gone', 'changed', 'live', 'unproven', 'failed'] as const;
export type SweepOutcome = (typeof SWEEP_OUTCOMES)[number];

/** Every blob that was listed counts once under its verdict; every candidate of a sweep counts once more under its outcome. */
export const COUNT_NAMES = [
  'listed',
  'parsed',
  'ok',
  'young',
  'noRow',
  'otherKey',
  'tombstone',
  'kept',
  'malformed',
  'nonCanonical',
  'unknownType',
  'directory',
  'deleted',
  'quarantined',
  'gone',
  'changed',
  'live',
  'unproven',
  'failed',
] as const;

export type CountName = (typeof COUNT_NAMES)[number];
export type Counts = Readonly<Partial<Record<CountName, number>>>;

/** Counts over everything and, for names that hold a known type, by the type's name. Absent means 0. */
export interface Totals {
  readonly all: Counts;
  readonly byType: Readonly<Record<string, Counts>>;
}

export const NO_TOTALS: Totals = { all: {}, byType: {} };

export function addCounts(left: Counts, right: Counts): Counts {
  return Object.fromEntries(
    COUNT_NAMES.filter((name) => left[name] !== undefined || right[name] !== undefined).map((name) => [
      name,
      (left[name] ?? 0) + (right[name] ?? 0),
    ]),
  );
}

export function addTotals(left: Totals, right: Totals): Totals {
  const types = [...new Set([...Object.keys(left.byType), ...Object.keys(right.byType)])].sort();
  return {
    all: addCounts(left.all, right.all),
    byType: Object.fromEntries(
      types.map((type) => [type, addCounts(left.byType[type] ?? {}, right.byType[type] ?? {})]),
    ),
  };
}

/** Counts what happens on one page; its totals are then added to those of the shard. */
export interface Tally {
  count(name: CountName, type?: string): void;
  totals(): Totals;
}

export function createTally(): Tally {
  const all = new Map<CountName, number>();
  const byType = new Map<string, Map<CountName, number>>();
  const bump = (counts: Map<CountName, number>, name: CountName): void => {
    counts.set(name, (counts.get(name) ?? 0) + 1);
  };
  return {
    count: (name, type) => {
      bump(all, name);
      if (type === undefined) return;
      const counts = byType.get(type) ?? new Map<CountName, number>();
      byType.set(type, counts);
      bump(counts, name);
    },
    totals: () => ({
      all: Object.fromEntries(all),
      byType: Object.fromEntries([...byType].map(([type, counts]) => [type, Object.fromEntries(counts)])),
    }),
  };
}

/** @returns the count that a verdict belongs to */
export function countOf(verdict: Verdict): CountName {
  switch (verdict.kind) {
    case 'orphan':
      return verdict.reason === 'no-row' ? 'noRow' : 'otherKey';
    case 'non-canonical':
      return 'nonCanonical';
    case 'unknown-type':
      return 'unknownType';
    case 'ok':
    case 'young':
    case 'tombstone':
    case 'kept':
    case 'malformed':
    case 'directory':
      return verdict.kind;
  }
}

/** Blobs that no live row points at and that are older than the cutoff; payloads of deleted versions are not among them. */
export function orphansIn(counts: Counts): number {
  return (counts.noRow ?? 0) + (counts.otherKey ?? 0);
}
