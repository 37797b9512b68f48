import { odata, type TableClient, type TransactionAction } from '@azure/data-tables';
import { type Part, together } from '../concurrency/together';
import { statusOf } from '../failures/storageError';
import { OPERATIONS_PER_BATCH } from '../failures/tableBatches';
import { deleteUnchanged, type Row } from '../failures/tablePages';
import { deleteTogether, type KnownRow } from './deleteTogether';

/** A lock that somebody holds, as the table service tells it. */
export interface LockRow {
  /** The id that its holder gave himself. */
  readonly holder: string;
  readonly etag: string;
  /** Since it was taken, by the clock of the service; too little by a second at most. NaN when the service does not tell. */
  readonly ageMs: number;
}

/** Locks as rows of a table: a row that is there is a lock that is held. Requests that meet share one. */
export interface LockRows {
  /** @returns the ETag of the new row; undefined: there is a row already */
  insert(key: string, holder: string, signal: AbortSignal): Promise<string | undefined>;
  read(key: string, signal: AbortSignal): Promise<LockRow | undefined>;
  /** Makes the row as it was read one's own. @returns its new ETag; undefined: it has changed or is gone */
  takeOver(key: string, holder: string, etag: string, signal: AbortSignal): Promise<string | undefined>;
  /** Deletes the row if it is still as it was left. */
  remove(key: string, etag: string): Promise<void>;
}

/**
 * Only rows of one partition can share a request. A partition takes 2,000 writes a second ("Scalability and performance targets for Table
 * storage"): a thousand new Patients.
 */
const PARTITION = 'patients';

interface Claim {
  readonly key: string;
  readonly holder: string;
}

export function lockRows(table: TableClient): LockRows {
  const insertSoon = together<Claim, string | undefined>({
    most: OPERATIONS_PER_BATCH,
    // A batch names each row once ("Performing entity group transactions").
    keysOf: ({ key }) => [key],
    async send(parts, signal) {
      const claims = parts.map(({ item }) => item);
      const inserted = await insertTogether(table, claims, signal);
      for (const [index, part] of parts.entries()) {
        const result = inserted[index];
        settle(part, result);
        const etag = result?.status === 'fulfilled' ? result.value : undefined;
        // Nobody waits for it any more; if it stays all the same, it runs out.
        if (etag !== undefined && part.signal.aborted) void remove(part.item.key, etag).catch(() => undefined);
      }
      return true;
    },
  });
  const removeSoon = together<KnownRow, undefined>({
    most: OPERATIONS_PER_BATCH,
    keysOf: ({ rowKey }) => [rowKey],
    async send(parts, signal) {
      const rows = parts.map(({ item }) => item);
      const removed = await removeTogether(table, rows, signal);
      for (const [index, part] of parts.entries()) settle(part, removed[index]);
      return true;
    },
  });
  const remove = async (key: string, etag: string): Promise<void> => {
    await removeSoon({ partitionKey: PARTITION, rowKey: key, etag }, new AbortController().signal);
  };

  return {
    insert: (key, holder, signal) => insertSoon({ key, holder }, signal),
    read: (key, signal) => readRow(table, key, signal),
    async takeOver(key, holder, etag, signal) {
      const answer = await unlessRefused([404, 412], () =>
        table.updateEntity(rowOf(key, holder), 'Replace', { etag, abortSignal: signal }),
      );
      return answer === undefined ? undefined : etagOf(answer);
    },
    remove,
  };
}

/**
 * Deletes locks that nobody has wanted since their holders died more than `ageMs` ago. How old one is the clock of the service tells.
 * @param now only keeps the answer short
 * @returns how many
 */
export function purgeLocks(table: TableClient, ageMs: number, now: Date, signal: AbortSignal): Promise<number> {
  let serviceMs = Number.NaN;
  const filter = odata`PartitionKey eq ${PARTITION} and Timestamp lt ${new Date(now.getTime() - ageMs)}`;
  const listed = table.listEntities({
    queryOptions: { filter },
    abortSignal: signal,
    onResponse: ({ headers }) => (serviceMs = dateOf(headers)),
  });
  async function* old(): AsyncIterable<Row> {
    for await (const row of listed) if (serviceMs - timestampOf(row) > ageMs) yield row;
  }
  return deleteUnchanged(table, old(), signal);
}

type Outcomes<T> = readonly PromiseSettledResult<T>[];

function settle<T>(
  part: Pick<Part<unknown, T>, 'resolve' | 'reject'>,
  result: PromiseSettledResult<T> | undefined,
): void {
  if (result?.status === 'fulfilled') part.resolve(result.value);
  else if (result !== undefined) part.reject(result.reason);
}

async function insertTogether(
  table: TableClient,
  claims: readonly Claim[],
  signal: AbortSignal,
): Promise<Outcomes<string | undefined>> {
  const answer =
    claims.length === 1
      ? undefined
      : await unlessRefused([409], () =>
          table.submitTransaction(
            claims.map(({ key, holder }): TransactionAction => ['create', rowOf(key, holder)]),
            { abortSignal: signal },
          ),
        );
  // One that is taken refuses all of them.
  if (answer === undefined) return Promise.allSettled(claims.map((claim) => insertAlone(table, claim, signal)));
  return claims.map((_, index) => ({ status: 'fulfilled', value: etagOf(answer.subResponses[index] ?? {}) }));
}

async function insertAlone(
  table: TableClient,
  { key, holder }: Claim,
  signal: AbortSignal,
): Promise<string | undefined> {
  const answer = await unlessRefused([409], () => table.createEntity(rowOf(key, holder), { abortSignal: signal }));
  return answer === undefined ? undefined : etagOf(answer);
}

async function removeTogether(
  table: TableClient,
  rows: readonly KnownRow[],
  signal: AbortSignal,
): Promise<Outcomes<undefined>> {
  if (rows.length > 1 && (await deleteTogether(table, rows, signal)))
    return rows.map(() => ({ status: 'fulfilled', value: undefined }));
  return Promise.allSettled(
    rows.map(async ({ partitionKey, rowKey, etag }) => {
      await unlessRefused([404, 412], () => table.deleteEntity(partitionKey, rowKey, { etag, abortSignal: signal }));
      return undefined;
    }),
  );
}

async function readRow(table: TableClient, key: string, signal: AbortSignal): Promise<LockRow | undefined> {
  let serviceMs = Number.NaN;
  const row = await unlessRefused([404], () =>
    table.getEntity<{ holder?: unknown }>(PARTITION, key, {
      abortSignal: signal,
      onResponse: ({ headers }) => (serviceMs = dateOf(headers)),
    }),
  );
  if (row === undefined) return undefined;
  return { holder: String(row.holder), etag: row.etag, ageMs: serviceMs - timestampOf(row) };
}

const rowOf = (key: string, holder: string) => ({ partitionKey: PARTITION, rowKey: key, holder });

/** Resolution: a second, the rest is cut off (RFC 9110, 5.6.7). */
const dateOf = (headers: { get(name: string): string | undefined }): number => Date.parse(headers.get('date') ?? '');

const timestampOf = ({ timestamp }: { readonly timestamp?: string }): number => Date.parse(timestamp ?? '');

function etagOf({ etag }: { readonly etag?: string }): string {
  if (etag === undefined) throw new Error('The table service answered a write without an ETag');
  return etag;
}

async function unlessRefused<T>(statuses: readonly number[], send: () => Promise<T>): Promise<T | undefined> {
  try {
    return await send();
  } catch (error) {
    const status = statusOf(error);
    if (status !== undefined && statuses.includes(status)) return undefined;
    throw error;
  }
}
