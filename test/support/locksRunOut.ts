import type { TableClient } from '@azure/data-tables';

/** Every lock of new Patients is free, as if its minute had passed: whoever holds one finds that it is not his any more. */
export async function locksRunOut(locks: TableClient): Promise<void> {
  for await (const { partitionKey = '', rowKey = '' } of locks.listEntities())
    await locks.deleteEntity(partitionKey, rowKey);
}
