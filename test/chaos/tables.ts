import { randomUUID } from 'node:crypto';
import { TableClient } from '@azure/data-tables';
import type { Tables } from './world';

/** Fresh tables on a storage account, through a client that repeats a failed request once. */
export function freshTables(connectionString: string): Tables {
  const create = async (): Promise<TableClient> => {
    const name = `Chaos${randomUUID().replaceAll('-', '').slice(0, 12)}`;
    const table = TableClient.fromConnectionString(connectionString, name, {
      allowInsecureConnection: true,
      retryOptions: { maxRetries: 1, retryDelayInMs: 100 },
    });
    await table.createTable();
    return table;
  };
  return { create: async () => [await create(), await create(), await create(), await create()] };
}
