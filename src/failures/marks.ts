import { odata, type TableClient } from '@azure/data-tables';
import type { StudyKey } from '../dicom/studyKey';
import { markOf, readMark, readShard, touchMark, type Mark } from './shard';
import { statusOf } from './storageError';
import { afterMarks, notEntries, shardOf } from './tableKeys';

export type { Mark } from './shard';

/** The marks of passes, for those who are no pass themselves (design 1, rules 1 and 3). */
export interface StudyMarks {
  /**
   * Marks of passes that began more than `ageMs` ago: the pass died, or left a write whose outcome nobody knows.
   * Their studies have to be looked at again, each of them. Marks of passes that had settled everything are removed on the way and not told.
   */
  findOld(ageMs: number, signal: AbortSignal): AsyncIterable<Mark>;
  /** Whether a pass over the study began within the last `ageMs` and has not ended, as far as anybody can tell. */
  isWorkedOn(study: StudyKey, ageMs: number, signal: AbortSignal): Promise<boolean>;
  /**
   * Removes the mark, touched or not: those who touched it have begun after it, and are told of nothing by its going.
   * `changed`: its pass has begun anew since it was read, so it lives; the mark stays.
   */
  remove(mark: Mark, signal: AbortSignal): Promise<'removed' | 'changed'>;
  /** Makes every pass over the study that runs now start over if it has effects: for whoever changed rows without being a pass. */
  touchAll(study: StudyKey, signal: AbortSignal): Promise<void>;
}

export function studyMarks(table: TableClient, clock: () => Date): StudyMarks {
  return {
    async *findOld(ageMs, signal) {
      const before = new Date(clock().getTime() - ageMs).toISOString();
      const filter = odata`RowKey ge ${notEntries} and RowKey lt ${afterMarks} and startedAt lt ${before}`;
      for await (const row of table.listEntities({ queryOptions: { filter }, abortSignal: signal })) {
        const mark = markOf(row);
        if (mark === undefined) continue;
        if (mark.settledFrom === undefined) yield mark;
        else await removeMark(table, mark, signal);
      }
    },
    async isWorkedOn(study, ageMs, signal) {
      const since = new Date(clock().getTime() - ageMs).toISOString();
      const { marks } = await readShard(table, shardOf(study), [study], signal);
      return marks.some(({ startedAt, settledFrom }) => settledFrom === undefined && startedAt >= since);
    },
    remove: (mark, signal) => removeMark(table, mark, signal),
    async touchAll(study, signal) {
      const read = async (): Promise<readonly Mark[]> =>
        (await readShard(table, shardOf(study), [study], signal)).marks;
      let left = await read();
      // A mark that changed under our hands may have been opened anew before our rows were there: it is read again.
      while (left.length > 0) {
        const outcomes = await Promise.all(
          left.map(async (mark) => ({ mark, outcome: await touchMark(table, mark, [study], clock(), signal) })),
        );
        const missed = new Set(outcomes.filter(({ outcome }) => outcome === 'changed').map(({ mark }) => mark.rowKey));
        if (missed.size === 0) return;
        left = (await read()).filter(({ rowKey }) => missed.has(rowKey));
      }
    },
  };
}

async function removeMark(table: TableClient, mark: Mark, signal: AbortSignal): Promise<'removed' | 'changed'> {
  for (let { etag } = mark; ;) {
    try {
      await table.deleteEntity(mark.shard, mark.rowKey, { etag, abortSignal: signal });
      return 'removed';
    } catch (error) {
      const status = statusOf(error);
      if (status === 404) return 'removed';
      if (status !== 412) throw error;
    }
    const now = await readMark(table, mark, signal);
    if (now === undefined) return 'removed';
    if (now.startedAt !== mark.startedAt) return 'changed';
    etag = now.etag;
  }
}
