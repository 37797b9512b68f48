import type { DatabaseIdentity } from '../database/databaseIdentity';
import type { GuardFinding, Overrides } from '../guards/guards';
import { NO_TOTALS, type Totals } from './totals';

/** `report` changes nothing. */
export const RUN_MODES = ['report', 'delete', 'quarantine'] as const;
export type RunMode = (typeof RUN_MODES)[number];

export const RUN_STATES = [
  ...(['scanning', 'guarding', 'sweeping'] as const),
  ...(['complete', 'time-limit', 'cancelled', 'stopped-by-guard', 'failed'] as const),
] as const;
export type RunState = (typeof RUN_STATES)[number];

const ENDED: ReadonlySet<RunState> = new Set(['complete', 'time-limit', 'cancelled', 'stopped-by-guard', 'failed']);

export function hasEnded(state: RunState): boolean {
  return ENDED.has(state);
}

export interface RunRequest {
  readonly tenantId: string;
  readonly dsId: string;
  readonly mode: RunMode;
  /** must exceed the longest time from the upload of a payload to the start of the transaction of its row */
  readonly graceMs: number;
  /** wall time of the scan; undefined: until it is complete */
  readonly maxScanMs?: number | undefined;
  /** names of the types to scan; undefined: every name in the container */
  readonly resourceTypes?: readonly string[] | undefined;
  readonly includeTombstones: boolean;
  readonly audit: boolean;
  readonly overrides: Overrides;
  readonly continuationToken?: string | undefined;
}

/** A person can read it, and nothing of it is about a patient. */
export interface Problem {
  readonly code: string;
  readonly message: string;
}

export interface AuditResult {
  /** live rows whose payload is not in the container */
  readonly missingCurrent: number;
  /** of versions before the current one: lost, or erased on purpose, which cannot be told apart */
  readonly missingHistory: number;
  /** live rows with neither data nor key */
  readonly neverStored: number;
  readonly bucketsChecked: number;
}

/** One run, as its row says. What grows with the scan is in the shards. */
export interface Run {
  readonly id: string;
  readonly request: RunRequest;
  readonly account: string;
  readonly container: string;
  readonly state: RunState;
  readonly startedAt: string;
  readonly endedAt?: string | undefined;
  readonly cancelRequested: boolean;
  /** a guard ends the run as soon as no slice works on it any more */
  readonly stoppedByGuard: boolean;
  /** present once the run is planned */
  readonly plan?: RunPlan | undefined;
  /** why the scan ended */
  readonly scanEnd?: 'complete' | 'time-limit' | 'cancelled' | undefined;
  readonly scanEndedAt?: string | undefined;
  /** candidates that each shard has begun to deal with: the bound on their number is checked here, by compare-and-set */
  readonly reserved: Readonly<Record<string, number>>;
  /** how many the guards agreed to */
  readonly deleteBound: number;
  /** what the guards found: they end a run that deletes; of a report they say what would end it */
  readonly guards: readonly GuardFinding[];
  readonly warnings: readonly string[];
  /** names of types whose orphans are not deleted, because no row of the type says that this is its container */
  readonly unprovenTypes: readonly string[];
  /** names with row and blob, by type name, of types of which the scan found none */
  readonly canaries?: Readonly<Record<string, readonly string[]>> | undefined;
  readonly problem?: Problem | undefined;
  readonly audit?: AuditResult | undefined;
  /** deleted payloads that have a row after all, found when they were looked up once more */
  readonly wronglyDeleted?: number | undefined;
}

export interface RunPlan {
  /** on the clock of the storage */
  readonly storageDate: string;
  readonly cutoff: string;
  readonly identity: DatabaseIdentity;
  readonly scanStartedAt: string;
  readonly shards: number;
}

/** The part of the names that a shard walks. Bounds are bytewise. */
export type ShardRange =
  | {
      readonly kind: 'range';
      readonly prefix: string;
      readonly from?: string | undefined;
      readonly to?: string | undefined;
    }
  /** every name that begins with none of these prefixes; none listed: every name */
  | { readonly kind: 'others'; readonly except: readonly string[] };

/** How far a shard is. */
export interface ShardCursor {
  /** the last name that was judged */
  readonly after?: string | undefined;
  /** the next name to judge, if there is one of that name; it is behind `after` */
  readonly from?: string | undefined;
  /** of the storage, for the page that follows */
  readonly marker?: string | undefined;
}

export interface Claim {
  readonly owner: string;
  readonly until: string;
}

/** Who wrote the pages from a number on: a page that a slice wrote after it lost its claim is never read. */
export interface PageWriter {
  readonly fromPage: number;
  readonly writer: string;
}

export interface Shard {
  readonly id: string;
  readonly range: ShardRange;
  readonly cursor: ShardCursor;
  /** it begins at the lowest name of the run, so unless it gets on, a run that continues this one would begin there again */
  readonly isLowest: boolean;
  readonly scanned: boolean;
  /** the scan of the run is over, wherever this shard is */
  readonly frozen: boolean;
  readonly pages: number;
  readonly writers: readonly PageWriter[];
  readonly totals: Totals;
  /** names that were found ok, by type name */
  readonly canaries: Readonly<Record<string, readonly string[]>>;
  readonly claim?: Claim | undefined;
  readonly sweep: SweepCursor;
}

export interface SweepCursor {
  /** pages below it are swept */
  readonly page: number;
  /** candidates of the page below it are swept */
  readonly offset: number;
  /** candidates that are swept, over all pages */
  readonly dealt: number;
  /** the batch from `offset` was begun: what is gone of it was deleted by us */
  readonly begun: boolean;
  readonly done: boolean;
  readonly writers: readonly PageWriter[];
}

export const SWEEP_START: SweepCursor = { page: 0, offset: 0, dealt: 0, begun: false, done: false, writers: [] };

export function newShard(id: string, range: ShardRange, cursor: ShardCursor = {}): Shard {
  return {
    id,
    range,
    cursor,
    isLowest: false,
    scanned: false,
    frozen: false,
    pages: 0,
    writers: [],
    totals: NO_TOTALS,
    canaries: {},
    sweep: SWEEP_START,
  };
}

/** @returns the writer of a page that exists */
export function writerOf(writers: readonly PageWriter[], page: number): string | undefined {
  return writers.findLast(({ fromPage }) => fromPage <= page)?.writer;
}

/** From this page on, this writer. */
export function withWriter(writers: readonly PageWriter[], fromPage: number, writer: string): readonly PageWriter[] {
  const before = writers.filter((entry) => entry.fromPage < fromPage);
  return before.at(-1)?.writer === writer ? before : [...before, { fromPage, writer }];
}
