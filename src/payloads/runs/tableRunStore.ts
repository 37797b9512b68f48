import { TableTransaction, type TableClient, type TableEntity } from '@azure/data-tables';
import { statusOf } from '../../failures/storageError';
import { readPage } from '../../failures/tablePages';
import type { Run, Shard } from './run';
import type { RunStore, Versioned } from './runStore';

/** A text of a table entity holds 32 Ki UTF-16 characters (Table service data model). */
const PIECE = 30_000;
const RUN_ROW = 'run';
const SHARD_PREFIX = 'shard-';
/** Rows that only name runs, the newest first. */
const INDEX = 'runs';
const LATEST_MS = 9_999_999_999_999;

/** One partition for each run: its own row, and one for each of its shards. */
export function tableRunStore(table: TableClient): RunStore {
  const readRow = async <T>(partition: string, row: string, signal: AbortSignal): Promise<Versioned<T> | undefined> => {
    try {
      return versionOf<T>(await table.getEntity(partition, row, { abortSignal: signal }));
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw error;
    }
  };

  const replaceRow = async <T extends object>(
    partition: string,
    row: string,
    { etag }: Versioned<T>,
    next: T,
  ): Promise<Versioned<T> | undefined> => {
    const entity = entityOf(partition, row, next);
    try {
      const answer = await table.updateEntity(entity, 'Replace', { etag });
      if (answer.etag !== undefined) return { value: next, etag: answer.etag };
    } catch (error) {
      if (statusOf(error) !== 412) throw error;
    }
    // The answer to our own write may have been lost, and the client have sent it again.
    const now = await readRow<T>(partition, row, new AbortController().signal);
    return now !== undefined && JSON.stringify(now.value) === JSON.stringify(next) ? now : undefined;
  };

  return {
    create: async (run) => {
      const newestFirst = String(LATEST_MS - Date.parse(run.startedAt)).padStart(13, '0');
      await table.createEntity({ partitionKey: INDEX, rowKey: `${newestFirst}-${run.id}`, runId: run.id });
      await table.createEntity(entityOf(run.id, RUN_ROW, run));
    },
    read: (runId, signal) => readRow<Run>(runId, RUN_ROW, signal),
    replace: (run, next) => replaceRow(next.id, RUN_ROW, run, next),
    list: async ({ top, continuationToken }, signal) => {
      const filter = `PartitionKey eq '${INDEX}'`;
      const page = await readPage(table, filter, { top, continuationToken }, ({ runId }) => String(runId), signal);
      const runs = await Promise.all(page.items.map((runId) => readRow<Run>(runId, RUN_ROW, signal)));
      return { ...page, items: runs.flatMap((run) => (run === undefined ? [] : [run.value])) };
    },
    createShards: async (runId, shards, signal) => {
      if (shards.length === 0) return true;
      const batch = new TableTransaction();
      for (const shard of shards) batch.createEntity(entityOf(runId, `${SHARD_PREFIX}${shard.id}`, shard));
      try {
        await table.submitTransaction(batch.actions, { abortSignal: signal });
        return true;
      } catch (error) {
        if (statusOf(error) === 409) return false;
        throw error;
      }
    },
    readShard: (runId, shardId, signal) => readRow<Shard>(runId, `${SHARD_PREFIX}${shardId}`, signal),
    readShards: async (runId, signal) => {
      const filter = `PartitionKey eq '${escaped(runId)}' and RowKey ge '${SHARD_PREFIX}' and RowKey lt '${SHARD_PREFIX}~'`;
      const shards: Versioned<Shard>[] = [];
      const rows = table.listEntities({ queryOptions: { filter }, abortSignal: signal });
      for await (const row of rows) shards.push(versionOf<Shard>(row));
      return shards;
    },
    replaceShard: (runId, shard, next) => replaceRow(runId, `${SHARD_PREFIX}${next.id}`, shard, next),
  };
}

const escaped = (text: string): string => text.replaceAll("'", "''");

function entityOf(partitionKey: string, rowKey: string, value: object): TableEntity {
  const text = JSON.stringify(value);
  const pieces = Array.from({ length: Math.ceil(text.length / PIECE) }, (_, place) => [
    `json${place}`,
    text.slice(place * PIECE, (place + 1) * PIECE),
  ]);
  return { partitionKey, rowKey, pieces: pieces.length, ...Object.fromEntries(pieces) } as TableEntity;
}

/** Only this module writes the rows, so what they hold is what was written. */
function versionOf<T>(row: Record<string, unknown> & { etag: string }): Versioned<T> {
  const pieces = Array.from({ length: Number(row.pieces) }, (_, place) => {
    const piece = row[`json${place}`];
    if (typeof piece !== 'string') throw new TypeError('A row of a run lacks a piece of its value');
    return piece;
  });
  return { value: JSON.parse(pieces.join('')) as T, etag: row.etag };
}
