import type { GuardFinding } from '../guards/guards';
import { shareLimits, type ShareLimits } from '../guards/share';
import type { PayloadStore } from '../payloadStore';
import type { Run, Shard } from './run';
import type { ReportStore } from './reportStore';
import type { RunStore } from './runStore';
import type { Counts } from './totals';

export interface ReconcileLimits {
  /** names of one page of the listing, at most 5000 */
  readonly pageSize: number;
  /** how long one slice works before it hands over to the next */
  readonly sliceMs: number;
  /** how long a slice that does not answer holds its shard */
  readonly claimMs: number;
  /** how long transactions that are open at the start may take to end */
  readonly drainMs: number;
  readonly drainPollMs: number;
  /** whether shards may be worked on at once */
  readonly fanOut: boolean;
  /** candidates that are looked up together before they are deleted */
  readonly sweepBatch: number;
  /** between the look that decides and the delete */
  readonly lookValidMs: number;
  /** deletes that begin before the age of the look is asked for again */
  readonly deletesTogether: number;
  /** beyond them a run does not delete */
  readonly share: ShareLimits;
}

export const DEFAULT_LIMITS: ReconcileLimits = {
  pageSize: 5000,
  sliceMs: 240_000,
  claimMs: 600_000,
  drainMs: 60_000,
  drainPollMs: 250,
  fanOut: true,
  sweepBatch: 200,
  lookValidMs: 60_000,
  deletesTogether: 64,
  share: shareLimits,
};

/** Told of progress; it never changes what happens. */
export interface ReconcileReporter {
  pageScanned?(page: ScannedPage): void;
  batchSwept?(run: Run, outcomes: Counts): void;
  runEnded?(run: Run): void;
}

export interface ScannedPage {
  readonly run: Run;
  readonly shard: Shard;
  readonly counts: Counts;
  readonly findings: readonly { readonly name: string; readonly verdict: string }[];
  readonly durationMs: number;
}

/** What every step of a run needs. */
export interface ReconcileServices {
  readonly runs: RunStore;
  readonly reports: ReportStore;
  /** @throws UnknownStore */
  openStore(tenantId: string, dsId: string): PayloadStore;
  /** other datasources that store their payloads in the container of this one */
  readonly sharedContainers: (store: PayloadStore) => readonly GuardFinding[];
  readonly limits: ReconcileLimits;
  readonly reporter: ReconcileReporter;
  readonly clock: () => Date;
  /** milliseconds that only ever grow, for durations */
  readonly monotonicMs: () => number;
  /** a text that is never given twice */
  readonly newId: () => string;
}

/** No payload store is configured for a tenant and datasource. */
export class UnknownStore extends Error {
  readonly code = 'UnknownStore';
  override readonly name = 'UnknownStore';
  constructor(
    readonly tenantId: string,
    readonly dsId: string,
  ) {
    super(`No payload container is configured for tenant ${tenantId} and datasource ${dsId}`);
  }
}
