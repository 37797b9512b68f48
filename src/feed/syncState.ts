import { RestError, type TableClient } from '@azure/data-tables';
import { z } from 'zod';

/** How far the change feed has been handed to the queue, and what the last run saw. One row of the table SyncState. */
export interface SyncState {
  /** Every entry up to and including this sequence has been sent to the queue. */
  readonly sequence: number;
  readonly latestSeen?: number;
  /** When the DICOM service wrote its latest entry, by its own clock. */
  readonly latestTimestamp?: string;
  /** When the DICOM service wrote the last entry that was handed to the queue. */
  readonly entryTimestamp?: string;
  readonly lastRunAt?: string;
  /** When a run last ended without an error. */
  readonly lastSuccessAt?: string;
  readonly lastRoundEntries?: number;
  readonly condition: FeedCondition;
}

/** feed-reset: the service's latest sequence lies before the cursor, so it was replaced or restored; a person has to set the cursor. */
export type FeedCondition = 'ok' | 'feed-reset' | 'held-back';

/** The state with the ETag it was read with; undefined while there is no row yet. */
export interface StoredSyncState extends SyncState {
  readonly etag: string | undefined;
}

/** Somebody else has changed the state since it was read: another puller, or a person who set the cursor. */
export class SyncStateChanged extends Error {
  readonly code = 'SyncStateChanged';
  constructor() {
    super('The change feed cursor was changed by somebody else meanwhile');
    this.name = 'SyncStateChanged';
  }
}

export interface SyncStateStore {
  /** A missing row is the start of the feed. Any other error is thrown: never "start at 0" (what the old DICOM Cast did). */
  read(signal: AbortSignal): Promise<StoredSyncState>;
  /** @throws SyncStateChanged when the row is no longer the one that was read */
  write(state: SyncState, etag: string | undefined, signal: AbortSignal): Promise<StoredSyncState>;
}

const PARTITION_KEY = 'cast';
const ROW_KEY = 'change-feed';

/** A table's Int32 would not hold a sequence. */
const sequenceText = z
  .string()
  .regex(/^\d{1,16}$/)
  .transform(Number);

const rowSchema = z.object({
  sequence: sequenceText,
  latestSeen: sequenceText.optional(),
  latestTimestamp: z.string().optional(),
  entryTimestamp: z.string().optional(),
  lastRunAt: z.string().optional(),
  lastSuccessAt: z.string().optional(),
  lastRoundEntries: z.number().optional(),
  condition: z.enum(['ok', 'feed-reset', 'held-back']).catch('ok'),
});

const storageErrorSchema = z.object({ odataError: z.object({ code: z.string() }) });

/** A missing row, and not a missing table or account, which are 404 as well (Table service error codes). */
function isMissingRow(error: unknown): boolean {
  if (!(error instanceof RestError) || error.statusCode !== 404) return false;
  const details = storageErrorSchema.safeParse(error.details);
  return details.success && ['ResourceNotFound', 'EntityNotFound'].includes(details.data.odataError.code);
}

/** The state in Azure Table Storage. Sequences are kept as text. */
export function syncStateStore(table: TableClient): SyncStateStore {
  return {
    async read(signal) {
      try {
        const row = await table.getEntity(PARTITION_KEY, ROW_KEY, { abortSignal: signal });
        return { ...rowSchema.parse(row), etag: row.etag };
      } catch (error) {
        if (isMissingRow(error)) return { sequence: 0, condition: 'ok', etag: undefined };
        throw error;
      }
    },
    async write(state, etag, signal) {
      const row = {
        partitionKey: PARTITION_KEY,
        rowKey: ROW_KEY,
        ...state,
        sequence: String(state.sequence),
        latestSeen: textOf(state.latestSeen),
      };
      try {
        const response =
          etag === undefined
            ? await table.createEntity(row, { abortSignal: signal })
            : await table.updateEntity(row, 'Replace', { etag, abortSignal: signal });
        return { ...state, etag: response.etag };
      } catch (error) {
        if (error instanceof RestError && (error.statusCode === 412 || error.statusCode === 409))
          throw new SyncStateChanged();
        throw error;
      }
    },
  };
}

function textOf(sequence: number | undefined): string | undefined {
  return sequence === undefined ? undefined : String(sequence);
}
