import { odata, type TableClient, type TableEntityResult } from '@azure/data-tables';
import type { StudyKey } from '../dicom/studyKey';
import { fromRow, type FailedEntry } from './failedEntry';
import { isMarkKey, markPrefix, studyOfPartition } from './tableKeys';
import { statusOf } from './storageError';

/** The trace of a pass that has begun and has not ended. */
export interface Mark {
  readonly study: StudyKey;
  readonly rowKey: string;
  readonly etag: string;
  /** ISO 8601, UTC, by the clock of the pass. */
  readonly startedAt: string;
  /** ETag that the last batch of the pass rested on: everything is settled, only the mark has still to go. */
  readonly settledFrom?: string | undefined;
}

/** Everything that the FailedEntries table holds about one study. */
export interface Partition {
  readonly rows: readonly FailedEntry[];
  readonly marks: readonly Mark[];
}

type Row = TableEntityResult<Record<string, unknown>>;

/** Rows and marks of a study, in key order. One request as long as they fit one page of 1000. */
export async function listPartition(table: TableClient, partition: string, signal: AbortSignal): Promise<Partition> {
  const first = await firstPage(table, odata`PartitionKey eq ${partition}`, signal);
  if (!first.more) return split(first.rows);
  // Pages are read one after the other. With the marks first, a row that changes later goes with a mark that changes later.
  const marks = await allPages(table, odata`PartitionKey eq ${partition} and RowKey ge ${markPrefix}`, signal);
  const rows = await allPages(table, odata`PartitionKey eq ${partition} and RowKey lt ${markPrefix}`, signal);
  return split([...rows, ...marks]);
}

/**
 * Tells the pass that owns the mark that somebody else has begun.
 * @returns `changed` when the mark is gone or is not as it was listed; then nothing was touched
 */
export async function touchMark(
  table: TableClient,
  partition: string,
  mark: Mark,
  now: Date,
  signal: AbortSignal,
): Promise<'touched' | 'changed'> {
  const touch = { partitionKey: partition, rowKey: mark.rowKey, touchedAt: now.toISOString() };
  try {
    // A merge that needs the entity to be there: a mark that has gone must not come back.
    await table.updateEntity(touch, 'Merge', { etag: mark.etag, abortSignal: signal });
    return 'touched';
  } catch (error) {
    const status = statusOf(error);
    if (status === 404 || status === 412) return 'changed';
    throw error;
  }
}

/** Reads the row of a mark; undefined for any other row. */
export function markOf(row: Row): Mark | undefined {
  const study = studyOfPartition(row.partitionKey ?? '');
  if (study === undefined || row.rowKey === undefined || !isMarkKey(row.rowKey)) return undefined;
  return {
    study,
    rowKey: row.rowKey,
    etag: row.etag,
    startedAt: typeof row.startedAt === 'string' ? row.startedAt : (row.timestamp ?? ''),
    settledFrom: typeof row.settledFrom === 'string' ? row.settledFrom : undefined,
  };
}

function split(all: readonly Row[]): Partition {
  const entries = all.filter(({ rowKey }) => !isMarkKey(rowKey ?? '')).map(fromRow);
  return {
    rows: entries.filter((entry): entry is FailedEntry => entry.study !== undefined),
    marks: all.map(markOf).filter((mark) => mark !== undefined),
  };
}

async function firstPage(
  table: TableClient,
  filter: string,
  signal: AbortSignal,
): Promise<{ rows: Row[]; more: boolean }> {
  const pages = table.listEntities({ queryOptions: { filter }, abortSignal: signal }).byPage();
  for await (const page of pages) return { rows: [...page], more: page.continuationToken !== undefined };
  return { rows: [], more: false };
}

async function allPages(table: TableClient, filter: string, signal: AbortSignal): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const row of table.listEntities({ queryOptions: { filter }, abortSignal: signal })) rows.push(row);
  return rows;
}
