import type { TableClient, TransactionAction } from '@azure/data-tables';

/** Azure Table Storage: an entity group transaction holds at most 100 operations. */
export const OPERATIONS_PER_BATCH = 100;

/**
 * Upserts rows of one partition, each row once, a batch at a time. What a failure leaves behind is the batches before it.
 * @param rows a batch with the same row twice would be refused
 */
export async function upsertAll(
  table: TableClient,
  rows: readonly { readonly partitionKey: string; readonly rowKey: string }[],
  signal: AbortSignal,
): Promise<void> {
  for (let start = 0; start < rows.length; start += OPERATIONS_PER_BATCH) {
    const batch = rows.slice(start, start + OPERATIONS_PER_BATCH);
    await table.submitTransaction(
      batch.map((row): TransactionAction => ['upsert', row, 'Replace']),
      { abortSignal: signal },
    );
  }
}
