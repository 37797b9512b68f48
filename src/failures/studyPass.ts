import type { TableClient, TransactionAction } from '@azure/data-tables';
import { type StudyKey, studyKeyText } from '../dicom/studyKey';
import { failedAgain, toRow, type FailedEntry, type FailedEntryInput } from './failedEntry';
import { entryKey, markKey, shardOf, signKey } from './tableKeys';
import { readMark, readShard, type ShardView, studiesText, touchMark, type Mark } from './shard';
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
  /** Entries of the study when the pass began, in the order of their keys. */
  readonly rows: readonly FailedEntry[];
  /**
   * Ends the pass. `overtaken`: somebody else began meanwhile, nothing of this batch is applied, and the caller opens the pass again
   * (its mark stays until then). A pass that found nothing to do is never overtaken.
   * To give a pass up without any write of unknown outcome, settle it with no change: that takes its mark away.
   */
  settle(change: SettleChange, signal: AbortSignal): Promise<'settled' | 'overtaken'>;
}

/** One look at several studies of one shard, under one mark. It changes no entries: a study that has some needs a pass of its own. */
export interface SharedPass {
  hasEntries(study: StudyKey): boolean;
  /**
   * Ends the pass, unless somebody else began meanwhile with a study that was written to: then the mark stays until the caller, who has seen
   * to it that these are looked at again, settles the others.
   * @param written studies of which it is not sure that they will be looked at again
   * @returns those at which it is overtaken; none: it has ended
   */
  settle(written: readonly StudyKey[], signal: AbortSignal): Promise<readonly StudyKey[]>;
}

export interface StudyPasses {
  /**
   * Begins a pass: leaves a mark, reads the entries, and touches the marks of all others, in this order.
   * FHIR and DICOM may be read only after this has returned.
   */
  open(study: StudyKey, invocationId: string, signal: AbortSignal): Promise<StudyPass>;
  /** The same for several studies at once. @throws Error when they are not of one shard */
  openShared(studies: readonly StudyKey[], invocationId: string, signal: AbortSignal): Promise<SharedPass>;
}

/**
 * The passes over studies, kept apart by marks in the FailedEntries table.
 * A pass that nobody disturbs costs three requests (mark, list, settle), over however many studies it is; one more where a study has entries,
 * and one more when it files or clears some.
 */
export function studyPasses(table: TableClient, clock: () => Date): StudyPasses {
  async function begin(studies: readonly StudyKey[], invocationId: string, signal: AbortSignal) {
    const own = await putMark(table, studies, invocationId, clock(), signal);
    return { own, view: await joinShard(table, own, clock, signal) };
  }

  return {
    async open(study, invocationId, signal) {
      const { own, view } = await begin([study], invocationId, signal);
      const rows = entriesOf(view, study);
      return {
        rows,
        settle: async (change, settleSignal) =>
          settle({ table, study, own, rows, clock, signal: settleSignal }, change),
      };
    },
    async openShared(studies, invocationId, signal) {
      const { own, view } = await begin(studies, invocationId, signal);
      return {
        hasEntries: (study) => entriesOf(view, study).length > 0,
        settle: settlerOfShared(table, own),
      };
    },
  };
}

const entriesOf = ({ rows }: ShardView, study: StudyKey): readonly FailedEntry[] => rows.get(studyKeyText(study)) ?? [];

async function putMark(
  table: TableClient,
  studies: readonly StudyKey[],
  invocationId: string,
  now: Date,
  signal: AbortSignal,
): Promise<Mark> {
  const [shard, ...others] = new Set(studies.map(shardOf));
  const [first] = studies;
  if (first === undefined || shard === undefined || others.length > 0)
    throw new Error('A pass is over studies of one shard');
  const rowKey = markKey(invocationId, first);
  const startedAt = now.toISOString();
  const { etag } = await table.upsertEntity(
    { partitionKey: shard, rowKey, studies: studiesText(studies), startedAt },
    'Replace',
    { abortSignal: signal },
  );
  if (etag === undefined) throw new Error('The table service answered an upsert without an ETag');
  return { studies, shard, rowKey, etag, startedAt, touched: [] };
}

/**
 * What the shard holds of the studies, read so that no other pass can have changed it unseen: each foreign mark is touched with the
 * ETag of the listing. A mark that changed or went between listing and touch may have settled entries, so the list is read again.
 */
async function joinShard(table: TableClient, own: Mark, clock: () => Date, signal: AbortSignal): Promise<ShardView> {
  const touched = new Set([own.rowKey]);
  for (;;) {
    const view = await readShard(table, own.shard, own.studies, signal);
    const others = view.marks.filter(({ rowKey, settledFrom }) => settledFrom === undefined && !touched.has(rowKey));
    const outcomes = await Promise.all(
      others.map(async (mark) => ({ mark, outcome: await touchMark(table, mark, own.studies, clock(), signal) })),
    );
    for (const { mark, outcome } of outcomes) if (outcome === 'touched') touched.add(mark.rowKey);
    if (outcomes.every(({ outcome }) => outcome === 'touched')) return view;
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
async function removeMark(
  { table, own, signal }: Pick<OpenPass, 'table' | 'own' | 'signal'>,
  etag: string,
): Promise<Outcome> {
  try {
    await table.deleteEntity(own.shard, own.rowKey, { etag, abortSignal: signal });
    return 'settled';
  } catch (error) {
    const status = statusOf(error);
    if (status === 404 && etag === '*') return 'settled';
    if (status === 404 || status === 412) return 'overtaken';
    throw error;
  }
}

/** Beside them a batch holds the mark, and the sign that the study has entries. */
const ROWS_PER_BATCH = OPERATIONS_PER_BATCH - 2;

/** A touch because of a study that was not written to changes nothing. */
function settlerOfShared(table: TableClient, own: Mark): SharedPass['settle'] {
  let { etag } = own;
  return async (written, signal) => {
    for (;;) {
      if ((await removeMark({ table, own, signal }, written.length > 0 ? etag : '*')) === 'settled') return [];
      const mark = await readMark(table, own, signal);
      // Without its mark a pass cannot know who has begun.
      if (mark === undefined || mark.etag === etag || mark.startedAt !== own.startedAt) return written;
      etag = mark.etag;
      const touched = new Set(mark.touched.map(studyKeyText));
      const overtaken = written.filter((study) => touched.has(studyKeyText(study)));
      if (overtaken.length > 0) return overtaken;
    }
  };
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
    const batch = left.slice(0, ROWS_PER_BATCH);
    const last = batch.length === left.length;
    const answer = await applyBatch(pass, batch, etag, last);
    if (answer.kind === 'applied') {
      if (last) return discardMark(pass);
      left = left.slice(batch.length);
      etag = answer.etag;
      continue;
    }
    const now = await readShard(pass.table, pass.own.shard, [pass.study], pass.signal);
    const mark = now.marks.find(({ rowKey }) => rowKey === pass.own.rowKey);
    // The batch was applied and its answer got lost, so that the client sent it twice.
    if (last && mark?.settledFrom === etag) return discardMark(pass);
    if (mark?.etag !== etag) return 'overtaken';
    const still = stillToDo(left, rowOperations(pass, change, entriesOf(now, pass.study)));
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
  const key = { partitionKey: own.shard, rowKey: own.rowKey };
  const mark = { ...key, carriedAt: clock().toISOString(), ...(last && { settledFrom: etag }) };
  const files = rows.some(([kind]) => kind === 'upsert');
  try {
    const answer = await table.submitTransaction(
      [...(files ? [signOf(study)] : []), ...rows, ['update', mark, 'Merge', { etag }]],
      { abortSignal: signal },
    );
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
async function discardMark({ table, own, signal }: OpenPass): Promise<'settled'> {
  await table.deleteEntity(own.shard, own.rowKey, { abortSignal: signal }).catch(() => undefined);
  return 'settled';
}

/** Goes with every entry that is filed, in the same batch. */
function signOf(study: StudyKey): TransactionAction {
  return ['upsert', { partitionKey: shardOf(study), rowKey: signKey(study) }, 'Replace'];
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
    ...cleared.map((key): TransactionAction => [
      'delete',
      { partitionKey: shardOf(study), rowKey: entryKey(study, key) },
    ]),
  ];
}
