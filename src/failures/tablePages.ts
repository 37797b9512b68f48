import type { TableClient, TableEntityResult } from '@azure/data-tables';
import { pageToken, readPageToken } from './pageToken';
import { statusOf } from './storageError';

export interface PageRequest {
  /** Rows of a page at most, 1 to 1000. */
  readonly top: number;
  readonly continuationToken?: string | undefined;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** There until the list is at its end. */
  readonly continuationToken?: string;
}

export type Row = TableEntityResult<Record<string, unknown>>;

/**
 * One page of a filtered list. The table service may answer with no rows and a token; such answers are skipped.
 * @throws InvalidContinuationToken when the token was given for another filter
 */
export async function readPage<T>(
  table: TableClient,
  filter: string,
  { top, continuationToken }: PageRequest,
  read: (row: Row) => T,
  signal: AbortSignal,
): Promise<Page<T>> {
  const from = continuationToken === undefined ? undefined : readPageToken(filter, continuationToken);
  const pages = table
    .listEntities({ queryOptions: filter === '' ? {} : { filter }, abortSignal: signal })
    .byPage({ maxPageSize: top, ...(from !== undefined && { continuationToken: from }) });
  for await (const page of pages) {
    const next = page.continuationToken;
    if (page.length === 0 && next !== undefined) continue;
    return { items: page.map(read), ...(next !== undefined && { continuationToken: pageToken(filter, next) }) };
  }
  return { items: [] };
}

/** Deletes rows as they were read; one that has changed since stays. Returns how many went. */
export async function deleteUnchanged(
  table: TableClient,
  rows: AsyncIterable<Row>,
  signal: AbortSignal,
): Promise<number> {
  let deleted = 0;
  let batch: Row[] = [];
  const flush = async (): Promise<void> => {
    const gone = await Promise.all(batch.map((row) => deleteRow(table, row, signal)));
    deleted += gone.filter(Boolean).length;
    batch = [];
  };
  for await (const row of rows) if (batch.push(row) >= deletesAtOnce) await flush();
  await flush();
  return deleted;
}

const deletesAtOnce = 16;

async function deleteRow(
  table: TableClient,
  { partitionKey = '', rowKey = '', etag }: Row,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await table.deleteEntity(partitionKey, rowKey, { etag, abortSignal: signal });
    return true;
  } catch (error) {
    const status = statusOf(error);
    if (status === 404 || status === 412) return false;
    throw error;
  }
}
