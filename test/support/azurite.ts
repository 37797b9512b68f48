import { randomUUID } from 'node:crypto';
import { TableClient } from '@azure/data-tables';
import { BlobServiceClient, type ContainerClient } from '@azure/storage-blob';
import { type QueueClient, QueueServiceClient } from '@azure/storage-queue';
import { type RunningAzurite, startAzurite } from '../../local/azurite/azurite';

/** One Azurite for a test file. Reach it only inside hooks and tests. */
export interface AzuriteForTests {
  readonly connectionString: string;
  readonly running: RunningAzurite;
  /** A name that no other test uses, legal for queues and containers: letters, digits and hyphens. */
  freshName(prefix?: string): string;
  /** A name that no other test uses, legal for tables: letters and digits only. */
  freshTableName(prefix?: string): string;
  /** A queue of a fresh name, created. */
  queue(name?: string): Promise<QueueClient>;
  /** A queue that may not exist. */
  queueClient(name: string): QueueClient;
  /** A table of a fresh name, created. */
  table(name?: string): Promise<TableClient>;
  /** A container of a fresh name, created. */
  container(name?: string): Promise<ContainerClient>;
}

/** Call it at the top of a test file or of a `describe`: starts Azurite in memory before its tests and stops it after them. */
export function useAzurite(): AzuriteForTests {
  let azurite: RunningAzurite | undefined;
  const running = (): RunningAzurite => {
    if (azurite === undefined) throw new Error('Azurite runs only inside hooks and tests');
    return azurite;
  };
  beforeAll(async () => {
    azurite = await startAzurite();
  });
  afterAll(async () => {
    await azurite?.stop();
  });

  const freshName = (prefix = 'test'): string => `${prefix}-${randomUUID().slice(0, 13)}`;
  const freshTableName = (prefix = 'Test'): string => prefix + randomUUID().replaceAll('-', '').slice(0, 12);
  const queueClient = (name: string): QueueClient =>
    QueueServiceClient.fromConnectionString(running().connectionString).getQueueClient(name);
  return {
    get connectionString() {
      return running().connectionString;
    },
    get running() {
      return running();
    },
    freshName,
    freshTableName,
    queueClient,
    async queue(name = freshName()) {
      const client = queueClient(name);
      await client.createIfNotExists();
      return client;
    },
    async table(name = freshTableName()) {
      const options = { allowInsecureConnection: true };
      const client = TableClient.fromConnectionString(running().connectionString, name, options);
      await client.createTable();
      return client;
    },
    async container(name = freshName()) {
      const client = BlobServiceClient.fromConnectionString(running().connectionString).getContainerClient(name);
      await client.createIfNotExists();
      return client;
    },
  };
}
