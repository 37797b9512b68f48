import { odata, type TableClient } from '@azure/data-tables';
import { type StudyKey, studyKeyText } from '../dicom/studyKey';
import type { ErrorType, ReasonCode } from './errorTypes';
import {
  counted,
  failedAgain,
  fromRow,
  toRow,
  type FailedAction,
  type FailedEntry,
  type FailedEntryInput,
  type FailedFeedEntry,
} from './failedEntry';
import { statusOf } from './storageError';
import { readShard } from './shard';
import { suggestedFixes } from './suggestedFixes';
import { upsertAll } from './tableBatches';
import { entryKey, escapeKey, feedPartition, notEntries, rowKey, rowKeyOfStudy, shardOf, signKey } from './tableKeys';
import { deleteUnchanged, readPage, type Page, type PageRequest } from './tablePages';
import { entriesOfStudy, type StudySelection } from './studySelection';

export { InvalidContinuationToken } from './pageToken';

/** Which failed entries; everything that is given must hold. */
export interface FailedEntryFilter {
  readonly study?: StudySelection | undefined;
  readonly reason?: ReasonCode | undefined;
  readonly errorType?: ErrorType | undefined;
  /** Failed last at this time or later. */
  readonly since?: Date | undefined;
  readonly rowKey?: string | undefined;
}

/** A dismissal without a filter would forget everything. */
export class FilterRequired extends Error {
  readonly code = 'FilterRequired';
  constructor() {
    super('A dismissal needs a filter');
    this.name = 'FilterRequired';
  }
}

/** A study whose message the host gave up on. */
interface PoisonedStudy {
  readonly study: StudyKey;
  readonly changes: readonly {
    readonly sequence: number | string;
    readonly action: FailedAction;
    readonly series: string;
    readonly instance: string;
  }[];
  readonly operationId: string;
}

/** The table of what is not in FHIR, for everyone but the pass over a study. Marks are never shown. */
export interface FailedEntries {
  /** @throws InvalidContinuationToken */
  list(filter: FailedEntryFilter, page: PageRequest, signal: AbortSignal): Promise<Page<FailedEntry | FailedFeedEntry>>;
  get(study: StudyKey, key: string, signal: AbortSignal): Promise<FailedEntry | FailedFeedEntry | undefined>;
  /**
   * Files the changes of a poisoned message (the study itself when it has none) as `Unconfirmed`. A row that is there already keeps its reason,
   * which says more. Afterwards the marks of the study must be touched. Idempotent: the same delivery again counts again, nothing else.
   * @returns the rows as they are now
   */
  upsertFromPoison(poisoned: PoisonedStudy, signal: AbortSignal): Promise<readonly FailedEntry[]>;
  /** Files an entry of the change feed that cannot be read. */
  fileUnreadable(
    entry: { readonly sequence: number | string; readonly message: string; readonly operationId?: string },
    signal: AbortSignal,
  ): Promise<FailedFeedEntry>;
  /** Files that the queue held something that is no study message; one row for each operation. */
  fileUnreadableMessage(
    entry: { readonly operationId: string; readonly message: string },
    signal: AbortSignal,
  ): Promise<FailedFeedEntry>;
  /**
   * Forgets what the filter fits; a row that failed again after it was read stays.
   * @returns how many were dismissed
   * @throws FilterRequired
   */
  dismiss(filter: FailedEntryFilter, signal: AbortSignal): Promise<number>;
  /** How many entries have failed, by reason code; reads the whole table. */
  countByReason(signal: AbortSignal): Promise<Readonly<Record<string, number>>>;
}

export function failedEntries(table: TableClient, clock: () => Date): FailedEntries {
  const getRow = async (
    partition: string,
    key: string,
    signal: AbortSignal,
  ): Promise<FailedEntry | FailedFeedEntry | undefined> => {
    try {
      return fromRow(await table.getEntity(partition, key, { abortSignal: signal }));
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw error;
    }
  };

  const fileInFeed = async (
    entry: Omit<FailedEntryInput, 'suggestedFix'>,
    signal: AbortSignal,
  ): Promise<FailedFeedEntry> => {
    const known = await getRow(feedPartition, entry.rowKey, signal);
    const filed = { ...entry, suggestedFix: suggestedFixes[entry.reason], ...counted(known, clock()) };
    await table.upsertEntity(toRow(filed), 'Replace', { abortSignal: signal });
    return filed;
  };

  return {
    list: (filter, page, signal) => readPage(table, tableFilter(filter), page, fromRow, signal),
    get: async (study, key, signal) => getRow(shardOf(study), entryKey(study, key), signal),

    async upsertFromPoison({ study, changes, operationId }, signal) {
      const { rows } = await readShard(table, shardOf(study), [study], signal);
      const known = new Map((rows.get(studyKeyText(study)) ?? []).map((row) => [row.rowKey, row]));
      const filed = poisonedRows(changes, operationId).map((input) => {
        const before = known.get(input.rowKey);
        return failedAgain(study, { ...input, ...(before && causeOf(before)) }, before, clock());
      });
      // The sign is in the first batch.
      const sign = { partitionKey: shardOf(study), rowKey: signKey(study) };
      await upsertAll(table, [sign, ...filed.map(toRow)], signal);
      return filed;
    },

    fileUnreadable: ({ sequence, message, operationId = '' }, signal) =>
      fileInFeed(
        {
          rowKey: rowKey(sequence),
          sequence: String(sequence),
          errorType: 'DicomError',
          reason: 'UnreadableEntry',
          message,
          operationId,
        },
        signal,
      ),
    fileUnreadableMessage: ({ operationId, message }, signal) =>
      fileInFeed(
        {
          rowKey: `message-${escapeKey(operationId)}`,
          errorType: 'Unexpected',
          reason: 'UnreadableMessage',
          message,
          operationId,
        },
        signal,
      ),

    async dismiss(filter, signal) {
      if (Object.values(filter).every((value) => value === undefined)) throw new FilterRequired();
      const queryOptions = { filter: tableFilter(filter), select: ['PartitionKey', 'RowKey'] };
      return deleteUnchanged(table, table.listEntities({ queryOptions, abortSignal: signal }), signal);
    },

    async countByReason(signal) {
      const counts: Record<string, number> = {};
      const queryOptions = { filter: tableFilter({}), select: ['reason'] };
      for await (const { reason } of table.listEntities({ queryOptions, abortSignal: signal })) {
        const code = typeof reason === 'string' ? reason : 'Unexpected';
        counts[code] = (counts[code] ?? 0) + 1;
      }
      return counts;
    },
  };
}

function tableFilter({ study, reason, errorType, since, rowKey: key }: FailedEntryFilter): string {
  const conditions = [odata`RowKey lt ${notEntries}`];
  if (study !== undefined) conditions.push(entriesOfStudy(study));
  if (key !== undefined) conditions.push(odata`entryKey eq ${key}`);
  if (reason !== undefined) conditions.push(odata`reason eq ${reason}`);
  if (errorType !== undefined) conditions.push(odata`errorType eq ${errorType}`);
  // Times are texts of equal length in UTC, so they compare as texts.
  if (since !== undefined) conditions.push(odata`lastFailedAt ge ${since.toISOString()}`);
  return conditions.join(' and ');
}

const causeOf = ({ errorType, reason, message, suggestedFix, httpStatus }: FailedEntry): Partial<FailedEntryInput> => ({
  errorType,
  reason,
  message,
  suggestedFix,
  httpStatus,
});

function poisonedRows(changes: PoisonedStudy['changes'], operationId: string): readonly FailedEntryInput[] {
  const cause = {
    errorType: 'Unexpected',
    reason: 'Unconfirmed',
    message: 'The work on this study was given up after its last attempt ended without a result',
    suggestedFix: suggestedFixes.Unconfirmed,
    operationId,
  } as const;
  if (changes.length === 0) return [{ rowKey: rowKeyOfStudy(), ...cause }];
  const rows = changes.map(({ sequence, action, series, instance }): FailedEntryInput => ({
    rowKey: rowKey(sequence),
    sequence: String(sequence),
    action,
    seriesUid: series,
    instanceUid: instance,
    ...cause,
  }));
  // One operation a row: a batch with the same row twice is refused.
  return [...new Map(rows.map((row) => [row.rowKey, row])).values()];
}
