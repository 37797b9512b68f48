import type { AuditBucket } from '../database/fhirDatabase';
import type { SweepOutcome } from './totals';

/** One blob that is not simply ok, or one row without its blob. It holds names and times, never a payload. */
export interface Finding {
  readonly name: string;
  readonly verdict: string;
  readonly reason?: string | undefined;
  readonly etag?: string | undefined;
  readonly lastModified?: string | undefined;
  /** of the sweep */
  readonly outcome?: SweepOutcome | undefined;
  /** of the storage, where the outcome is `failed` */
  readonly code?: string | undefined;
}

/** What a slice wrote for one page of its shard. `swept`: the findings once more, with outcomes. */
export interface PageAddress {
  readonly runId: string;
  readonly shardId: string;
  readonly page: number;
  readonly writer: string;
  readonly kind: 'found' | 'swept';
}

/** What a run finds out as a whole, in the order in which its report tells it: behind the shards, whose ids are digits. */
export const RUN_PAGES = ['audit', 'wrongly-deleted'] as const;

export function runPage(runId: string, about: (typeof RUN_PAGES)[number]): PageAddress {
  return { runId, shardId: about, page: 0, writer: about, kind: 'found' };
}

/** One file per page with findings, written before the row that counts it, overwritten on a replay. */
export interface ReportStore {
  write(page: PageAddress, findings: readonly Finding[], signal: AbortSignal): Promise<void>;
  /** @returns no finding where there is no file */
  read(page: PageAddress, signal: AbortSignal): Promise<readonly Finding[]>;
  writeBuckets(page: PageAddress, buckets: readonly TypeBuckets[], signal: AbortSignal): Promise<void>;
  readBuckets(page: PageAddress, signal: AbortSignal): Promise<readonly TypeBuckets[]>;
}

export interface TypeBuckets {
  readonly typeId: number;
  readonly buckets: readonly AuditBucket[];
}
