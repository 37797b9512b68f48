import { odata, type TableClient, type TableEntityResult } from '@azure/data-tables';
import { type StudyKey, studyKeyText } from '../dicom/studyKey';
import { fromRow, type FailedEntry } from './failedEntry';
import { afterMarks, isMarkKey, isSignKey, notEntries, signKey, studyKeyPart, studyOfKey } from './tableKeys';
import { statusOf } from './storageError';
import { entriesOfStudy } from './studySelection';

/** The trace of a pass that has begun and has not ended. */
export interface Mark {
  /** What the pass looks at: one study, or several of one shard. */
  readonly studies: readonly StudyKey[];
  readonly shard: string;
  readonly rowKey: string;
  readonly etag: string;
  /** ISO 8601, UTC, by the clock of the pass. */
  readonly startedAt: string;
  /** ETag that the last batch of the pass rested on: everything is settled, only the mark has still to go. */
  readonly settledFrom?: string | undefined;
  /** Those of its studies that others have begun with since. */
  readonly touched: readonly StudyKey[];
}

/** What a shard of the FailedEntries table holds about some of its studies. */
export interface ShardView {
  /** Of passes over at least one of the studies. */
  readonly marks: readonly Mark[];
  /** By `studyKeyText`, in the order of their keys; studies without entries are not there. */
  readonly rows: ReadonlyMap<string, readonly FailedEntry[]>;
}

type Row = TableEntityResult<Record<string, unknown>>;

/**
 * Marks and entries of studies of one shard. One request where none of the studies has entries, as long as all marks and signs of the shard
 * fit one page of 1000. The marks are read first: an entry that changes later goes with a mark that changes later.
 */
export async function readShard(
  table: TableClient,
  shard: string,
  studies: readonly StudyKey[],
  signal: AbortSignal,
): Promise<ShardView> {
  const { rows: first, more } = await firstPage(
    table,
    odata`PartitionKey eq ${shard} and RowKey ge ${notEntries}`,
    signal,
  );
  const marks = more ? await allMarks(table, shard, signal) : first.filter(({ rowKey }) => isMarkKey(rowKey ?? ''));
  const signs = new Set(first.map(({ rowKey = '' }) => rowKey).filter(isSignKey));
  // Where there are too many signs for a page, it is asked for each study instead.
  const withEntries = studies.filter((study) => more || signs.has(signKey(study)));
  const entries = await Promise.all(
    withEntries.map(async (study) => [studyKeyText(study), await readEntries(table, study, signal)] as const),
  );
  const wanted = new Set(studies.map(studyKeyText));
  return {
    marks: marks
      .map(markOf)
      .filter((mark) => mark !== undefined)
      .filter((mark) => mark.studies.some((study) => wanted.has(studyKeyText(study)))),
    rows: new Map(entries.filter(([, rows]) => rows.length > 0)),
  };
}

async function readEntries(table: TableClient, study: StudyKey, signal: AbortSignal): Promise<readonly FailedEntry[]> {
  const entries = (await allPages(table, entriesOfStudy(study), signal)).map(fromRow);
  return entries.filter((entry): entry is FailedEntry => entry.study !== undefined);
}

/**
 * Tells the pass that owns the mark that somebody else has begun, and with which of its studies.
 * @param studies those that somebody has begun with, of the mark or not
 * @returns `changed` when the mark is gone or is not as it was listed; then nothing was touched
 */
export async function touchMark(
  table: TableClient,
  mark: Mark,
  studies: readonly StudyKey[],
  now: Date,
  signal: AbortSignal,
): Promise<'touched' | 'changed'> {
  const begun = new Set([...mark.touched, ...studies].map(studyKeyText));
  const touched = studiesText(mark.studies.filter((study) => begun.has(studyKeyText(study))));
  const touch = { partitionKey: mark.shard, rowKey: mark.rowKey, touched, touchedAt: now.toISOString() };
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

/** The columns `studies` and `touched` of a mark: keys hold no blanks. */
export const studiesText = (studies: readonly StudyKey[]): string => studies.map(studyKeyPart).join(' ');

/** Reads the row of a mark; undefined for any other row. */
export function markOf(row: Row): Mark | undefined {
  if (row.partitionKey === undefined || row.rowKey === undefined || !isMarkKey(row.rowKey)) return undefined;
  return {
    studies: studiesOfText(row.studies),
    shard: row.partitionKey,
    rowKey: row.rowKey,
    etag: row.etag,
    startedAt: typeof row.startedAt === 'string' ? row.startedAt : (row.timestamp ?? ''),
    settledFrom: typeof row.settledFrom === 'string' ? row.settledFrom : undefined,
    touched: studiesOfText(row.touched),
  };
}

function studiesOfText(text: unknown): readonly StudyKey[] {
  return typeof text === 'string' ? text.split(' ').map(studyOfKey).filter(isStudy) : [];
}

const isStudy = (study: StudyKey | undefined): study is StudyKey => study !== undefined;

/** @returns undefined: it is gone */
export async function readMark(
  table: TableClient,
  { shard, rowKey }: Pick<Mark, 'shard' | 'rowKey'>,
  signal: AbortSignal,
): Promise<Mark | undefined> {
  try {
    return markOf(await table.getEntity(shard, rowKey, { abortSignal: signal }));
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
}

function allMarks(table: TableClient, shard: string, signal: AbortSignal): Promise<readonly Row[]> {
  return allPages(
    table,
    odata`PartitionKey eq ${shard} and RowKey ge ${notEntries} and RowKey lt ${afterMarks}`,
    signal,
  );
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
