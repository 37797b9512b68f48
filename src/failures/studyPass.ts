import type { TableClient, TransactionAction } from '@azure/data-tables';
import type { StudyKey } from '../dicom/studyKey';
import { failedAgain, toRow, type FailedEntry, type FailedEntryInput } from './failedEntry';
import { markKey, partitionKey } from './tableKeys';
import { listPartition, touchMark, type Mark } from './studyPartition';
import { statusOf } from './storageError';
import { OPERATIONS_PER_BATCH } from './tableBatches';

/** What a pass leaves behind. */
interface SettleChange {
  /** Failures to file; one under the key of an older row goes on counting from it. */
  readonly file: readonly FailedEntryInput[];
  /** Keys of rows whose effect is in FHIR now. A key that is filed as well stays filed. */
  readonly clear: readonly string[];
  /** Whether the pass sent any write to FHIR, whatever came of it. */
  readonly wroteToFhir: boolean;
}

/**
 * One look at one study. Other passes may look at the same study at the same time;
 * of those that overlap and have effects, only one that nobody joined since it began can settle.
 */
export interface StudyPass {
  /** Rows of the study when the pass began, in the order of their keys; marks are never among them. */
  readonly rows: readonly FailedEntry[];
  /**
   * Ends the pass. `overtaken`: somebody else began meanwhile, nothing of this batch is applied, and the caller opens the pass again
   * (its mark stays until then). A pass that found nothing to do is never overtaken.
   * To give a pass up without any write of unknown outcome, settle it with no change: that takes its mark away.
   */
  settle(change: SettleChange, signal: AbortSignal): Promise<'settled' | 'overtaken'>;
}

export interface StudyPasses {
  /**
   * Begins a pass: leaves a mark, reads the rows, and touches the marks of all others, in this order.
   * FHIR and DICOM may be read only after this has returned.
   */
  open(study: StudyKey, invocationId: string, signal: AbortSignal): Promise<StudyPass>;
}

/**
 * The passes over studies, kept apart by marks in the FailedEntries table.
 * A pass that nobody disturbs costs three requests (mark, list, settle), and one more when it files or clears rows.
 */
export function studyPasses(table: TableClient, clock: () => Date): StudyPasses {
  return {
    async open(study, invocationId, signal) {
      const partition = partitionKey(study);
      const own = await putMark(table, study, invocationId, clock(), signal);
      const rows = await joinPartition(table, partition, own, clock, signal);
      return {
        rows,
        settle: async (change, settleSignal) =>
          settle({ table, study, own, rows, clock, signal: settleSignal }, change),
      };
    },
  };
}

async function putMark(
  table: TableClient,
  study: StudyKey,
  invocationId: string,
  now: Date,
  signal: AbortSignal,
): Promise<Mark> {
  const rowKey = markKey(invocationId);
  const { etag } = await table.upsertEntity(
    {
      partitionKey: partitionKey(study),
      rowKey,
      partitionName: study.partition,
      studyInstanceUid: study.uid,
      startedAt: now.toISOString(),
    },
    'Replace',
    { abortSignal: signal },
  );
  if (etag === undefined) throw new Error('The table service answered an upsert without an ETag');
  return { study, rowKey, etag, startedAt: now.toISOString() };
}

/**
 * The rows of the partition, read so that no other pass can have changed them unseen: each foreign mark is touched with the
 * ETag of the listing. A mark that changed or went between listing and touch may have settled rows, so the list is read again.
 */
async function joinPartition(
  table: TableClient,
  partition: string,
  own: Mark,
  clock: () => Date,
  signal: AbortSignal,
): Promise<readonly FailedEntry[]> {
  const touched = new Set([own.rowKey]);
  for (;;) {
    const { rows, marks } = await listPartition(table, partition, signal);
    const others = marks.filter(({ rowKey, settledFrom }) => settledFrom === undefined && !touched.has(rowKey));
    const outcomes = await Promise.all(
      others.map(async (mark) => ({ mark, outcome: await touchMark(table, partition, mark, clock(), signal) })),
    );
    for (const { mark, outcome } of outcomes) if (outcome === 'touched') touched.add(mark.rowKey);
    if (outcomes.every(({ outcome }) => outcome === 'touched')) return rows;
  }
}

interface OpenPass {
  readonly table: TableClient;
  readonly study: StudyKey;
  readonly own: Mark;
  readonly rows: readonly FailedEntry[];
  readonly clock: () => Date;
  readonly signal: AbortSignal;
}

type Outcome = 'settled' | 'overtaken';

async function settle(pass: OpenPass, change: SettleChange): Promise<Outcome> {
  const operations = rowOperations(pass, change, pass.rows);
  if (operations.length > 0) return settleRows(pass, change, operations);
  return removeMark(pass, change.wroteToFhir ? pass.own.etag : '*');
}

/** Ends a pass without rows to change. With `*` as ETag it cannot be overtaken. */
async function removeMark({ table, study, own, signal }: OpenPass, etag: string): Promise<Outcome> {
  try {
    await table.deleteEntity(partitionKey(study), own.rowKey, { etag, abortSignal: signal });
    return 'settled';
  } catch (error) {
    const status = statusOf(error);
    if (status === 404 && etag === '*') return 'settled';
    if (status === 404 || status === 412) return 'overtaken';
    throw error;
  }
}

/** Applies the row changes in batches that each rest on the mark as the one before left it. */
async function settleRows(
  pass: OpenPass,
  change: SettleChange,
  operations: readonly TransactionAction[],
): Promise<Outcome> {
  let etag = pass.own.etag;
  let left = operations;
  while (left.length > 0) {
    const batch = left.slice(0, OPERATIONS_PER_BATCH - 1);
    const last = batch.length === left.length;
    const answer = await applyBatch(pass, batch, etag, last);
    if (answer.kind === 'applied') {
      if (last) return discardMark(pass);
      left = left.slice(batch.length);
      etag = answer.etag;
      continue;
    }
    const now = await listPartition(pass.table, partitionKey(pass.study), pass.signal);
    const mark = now.marks.find(({ rowKey }) => rowKey === pass.own.rowKey);
    // The batch was applied and its answer got lost, so that the client sent it twice.
    if (last && mark?.settledFrom === etag) return discardMark(pass);
    if (mark?.etag !== etag) return 'overtaken';
    const still = stillToDo(left, rowOperations(pass, change, now.rows));
    // The mark is untouched, so a person has dismissed a row meanwhile; if not, it is an error like any other.
    if (still.length === left.length) throw answer.error;
    left = still;
  }
  return removeMark(pass, etag);
}

/** Operations that have not been applied yet, as they read with the rows of now. */
function stillToDo(
  left: readonly TransactionAction[],
  current: readonly TransactionAction[],
): readonly TransactionAction[] {
  const pending = new Set(left.map(([, { rowKey }]) => rowKey));
  return current.filter(([, { rowKey }]) => pending.has(rowKey));
}

type BatchAnswer =
  { readonly kind: 'applied'; readonly etag: string } | { readonly kind: 'refused'; readonly error: unknown };

/**
 * One entity group transaction: the rows, and an update of the mark that needs it as this pass knows it.
 * Not a delete: `submitTransaction` of @azure/data-tables 13 sends every delete with `If-Match: *`.
 */
async function applyBatch(
  { table, study, own, signal, clock }: OpenPass,
  rows: readonly TransactionAction[],
  etag: string,
  last: boolean,
): Promise<BatchAnswer> {
  const key = { partitionKey: partitionKey(study), rowKey: own.rowKey };
  const mark = { ...key, carriedAt: clock().toISOString(), ...(last && { settledFrom: etag }) };
  try {
    const answer = await table.submitTransaction([...rows, ['update', mark, 'Merge', { etag }]], {
      abortSignal: signal,
    });
    const next = answer.subResponses.at(-1)?.etag;
    if (next === undefined) throw new Error('The table service answered a batch without the ETag of the mark');
    return { kind: 'applied', etag: next };
  } catch (error) {
    const status = statusOf(error);
    if (status === 404 || status === 412) return { kind: 'refused', error };
    throw error;
  }
}

/** Everything is settled. A mark that stays all the same says so, and the sweep of old marks takes it away. */
async function discardMark({ table, study, own, signal }: OpenPass): Promise<'settled'> {
  await table.deleteEntity(partitionKey(study), own.rowKey, { abortSignal: signal }).catch(() => undefined);
  return 'settled';
}

/** Upserts first, so that a pass that dies between two batches has not forgotten a failure. One operation a row. */
function rowOperations(
  { study, clock }: OpenPass,
  { file, clear }: SettleChange,
  rows: readonly FailedEntry[],
): readonly TransactionAction[] {
  const now = clock();
  const known = new Map(rows.map((row) => [row.rowKey, row]));
  const filed = new Map(file.map((input) => [input.rowKey, failedAgain(study, input, known.get(input.rowKey), now)]));
  const cleared = [...new Set(clear)].filter((key) => known.has(key) && !filed.has(key));
  return [
    ...[...filed.values()].map((entry): TransactionAction => ['upsert', toRow(entry), 'Replace']),
    ...cleared.map((key): TransactionAction => ['delete', { partitionKey: partitionKey(study), rowKey: key }]),
  ];
}
