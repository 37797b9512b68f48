import type { TableEntityResult } from '@azure/data-tables';
import type { StudyKey } from '../dicom/studyKey';
import { isErrorType, isReasonCode, type ErrorType, type ReasonCode } from './errorTypes';
import { entryKey, feedPartition, keyWithinStudy, shardOf, studyOfKey } from './tableKeys';
import { limitText } from './limitText';

export type FailedAction = 'Create' | 'Update' | 'Delete';

interface FailureRow {
  readonly seriesUid?: string | undefined;
  readonly instanceUid?: string | undefined;
  /** Change-feed sequence, decimal digits. */
  readonly sequence?: string | undefined;
  readonly action?: FailedAction | undefined;
  readonly errorType: ErrorType;
  readonly reason: ReasonCode;
  /** Holds no patient data; see `redactor`. */
  readonly message: string;
  readonly suggestedFix?: string | undefined;
  readonly httpStatus?: number | undefined;
  readonly failureCount: number;
  /** ISO 8601, UTC. */
  readonly firstFailedAt: string;
  readonly lastFailedAt: string;
  /** Finds the log lines of the pass that failed. */
  readonly operationId: string;
  /** Names the entry within its study. */
  readonly rowKey: string;
}

/** One change (or instance, or study) that is not in FHIR, and why. */
export interface FailedEntry extends FailureRow {
  readonly study: StudyKey;
}

/** A feed entry that could not be read: nobody knows its study. */
export interface FailedFeedEntry extends FailureRow {
  readonly study?: undefined;
}

/** What a pass says of a failure; the counts and times are the table's business. */
export type FailedEntryInput = Omit<FailedEntry, 'study' | 'failureCount' | 'firstFailedAt' | 'lastFailedAt'>;

// A batch holds 100 rows in 4 MiB and a string property 32 Ki characters; these leave room for both.
const messageLimit = 4000;
const shortLimit = 1000;

/**
 * The entry that an input becomes: counts go on from the row that was there.
 * @param known the row under the same key, if there is one
 */
export function failedAgain(
  study: StudyKey,
  input: FailedEntryInput,
  known: FailureRow | undefined,
  now: Date,
): FailedEntry {
  return { ...input, study, ...counted(known, now) };
}

/** Count and times of a failure that happened now and may have happened before. */
export const counted = (
  known: Pick<FailureRow, 'failureCount' | 'firstFailedAt'> | undefined,
  now: Date,
): Pick<FailureRow, 'failureCount' | 'firstFailedAt' | 'lastFailedAt'> => ({
  failureCount: (known?.failureCount ?? 0) + 1,
  firstFailedAt: known?.firstFailedAt ?? now.toISOString(),
  lastFailedAt: now.toISOString(),
});

/** The table row of a failure, every text within the limits of the Table service. */
export function toRow(
  entry: FailedEntry | FailedFeedEntry,
): { partitionKey: string; rowKey: string } & Record<string, unknown> {
  return {
    partitionKey: entry.study ? shardOf(entry.study) : feedPartition,
    rowKey: entry.study ? entryKey(entry.study, entry.rowKey) : entry.rowKey,
    entryKey: entry.rowKey,
    partitionName: entry.study?.partition,
    studyInstanceUid: entry.study?.uid,
    seriesInstanceUid: entry.seriesUid && limitText(entry.seriesUid, shortLimit),
    sopInstanceUid: entry.instanceUid && limitText(entry.instanceUid, shortLimit),
    sequence: entry.sequence,
    action: entry.action,
    errorType: entry.errorType,
    reason: entry.reason,
    message: limitText(entry.message, messageLimit),
    suggestedFix: entry.suggestedFix && limitText(entry.suggestedFix, shortLimit),
    httpStatus: entry.httpStatus,
    failureCount: entry.failureCount,
    firstFailedAt: entry.firstFailedAt,
    lastFailedAt: entry.lastFailedAt,
    operationId: limitText(entry.operationId, shortLimit),
  };
}

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
const number = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);
const action = (value: unknown): FailedAction | undefined =>
  value === 'Create' || value === 'Update' || value === 'Delete' ? value : undefined;

/** Reads a row leniently: one that a newer or older release wrote is shown, not hidden. */
export function fromRow(row: TableEntityResult<Record<string, unknown>>): FailedEntry | FailedFeedEntry {
  const key = row.rowKey ?? '';
  const study = row.partitionKey === feedPartition ? undefined : studyOfKey(key);
  const errorType = text(row.errorType) ?? '';
  const reason = text(row.reason) ?? '';
  const failure: FailureRow = {
    seriesUid: text(row.seriesInstanceUid),
    instanceUid: text(row.sopInstanceUid),
    sequence: text(row.sequence),
    action: action(row.action),
    errorType: isErrorType(errorType) ? errorType : 'Unexpected',
    reason: isReasonCode(reason) ? reason : 'Unexpected',
    message: text(row.message) ?? '',
    suggestedFix: text(row.suggestedFix),
    httpStatus: number(row.httpStatus),
    failureCount: number(row.failureCount) ?? 1,
    firstFailedAt: text(row.firstFailedAt) ?? row.timestamp ?? '',
    lastFailedAt: text(row.lastFailedAt) ?? row.timestamp ?? '',
    operationId: text(row.operationId) ?? '',
    rowKey: study ? keyWithinStudy(key) : key,
  };
  return study ? { ...failure, study } : failure;
}
