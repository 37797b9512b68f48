import { TableClient } from '@azure/data-tables';
import { BlobServiceClient, type ContainerClient } from '@azure/storage-blob';
import { type QueueClient, QueueServiceClient } from '@azure/storage-queue';
import { managedIdentity } from './managedIdentity';

/** The app's storage account. */
export interface StorageAccount {
  table(name: string): TableClient;
  queue(name: string): QueueClient;
  container(name: string): ContainerClient;
}

/** AzureWebJobsStorage is not set in any of its forms. */
export class StorageNotConfigured extends Error {
  readonly code = 'StorageNotConfigured';
  constructor() {
    super(
      'AzureWebJobsStorage: expected a connection string, or AzureWebJobsStorage__accountName, or its __blobServiceUri, __queueServiceUri and __tableServiceUri',
    );
    this.name = 'StorageNotConfigured';
  }
}

const NAME = 'AzureWebJobsStorage';

/**
 * The account that the host uses too, by connection string or by managed identity, from the same settings as the host's
 * (Azure Functions: connect to host storage with an identity).
 * @throws StorageNotConfigured
 */
export function storageAccount(environment: Readonly<Record<string, string | undefined>>): StorageAccount {
  const connectionString = environment[NAME];
  if (connectionString !== undefined && connectionString !== '') return byConnectionString(connectionString);
  const account = environment[`${NAME}__accountName`];
  const uri = (service: 'blob' | 'queue' | 'table'): string => {
    const given = environment[`${NAME}__${service}ServiceUri`];
    if (given !== undefined) return given;
    if (account === undefined) throw new StorageNotConfigured();
    return `https://${account}.${service}.core.windows.net`;
  };
  const credential = managedIdentity(environment[`${NAME}__clientId`]);
  const queues = new QueueServiceClient(uri('queue'), credential);
  const blobs = new BlobServiceClient(uri('blob'), credential);
  const tables = uri('table');
  return {
    table: (name) => new TableClient(tables, name, credential),
    queue: (name) => queues.getQueueClient(name),
    container: (name) => blobs.getContainerClient(name),
  };
}

function byConnectionString(connectionString: string): StorageAccount {
  const queues = QueueServiceClient.fromConnectionString(connectionString);
  const blobs = BlobServiceClient.fromConnectionString(connectionString);
  const allowInsecureConnection = isEmulator(connectionString);
  return {
    table: (name) => TableClient.fromConnectionString(connectionString, name, { allowInsecureConnection }),
    queue: (name) => queues.getQueueClient(name),
    container: (name) => blobs.getContainerClient(name),
  };
}

/** Azurite speaks plain HTTP; nothing else may. */
function isEmulator(connectionString: string): boolean {
  return /UseDevelopmentStorage=true|http:\/\/(127\.0\.0\.1|localhost|\[::1\])[:/]/i.test(connectionString);
}
