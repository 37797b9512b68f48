import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import BlobConfiguration from 'azurite/dist/src/blob/BlobConfiguration';
import BlobServer from 'azurite/dist/src/blob/BlobServer';
import { configLogger } from 'azurite/dist/src/common/Logger';
import { MemoryExtentChunkStore } from 'azurite/dist/src/common/persistence/MemoryExtentStore';
import QueueConfiguration from 'azurite/dist/src/queue/QueueConfiguration';
import QueueServer from 'azurite/dist/src/queue/QueueServer';
import TableConfiguration from 'azurite/dist/src/table/TableConfiguration';
import TableServer from 'azurite/dist/src/table/TableServer';

/** Every Azurite accepts this account; its key is public (Azure Storage documentation, "Well-known storage account and key"). */
export const ACCOUNT_NAME = 'devstoreaccount1';
export const ACCOUNT_KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';
const HOST = '127.0.0.1';
const KEEP_ALIVE_SECONDS = 60;
const MEMORY_LIMIT_BYTES = 1024 * 1024 * 1024;

export type AzuritePersistence =
  | { readonly kind: 'memory' }
  /** The folder is created when it is missing, and read again at the next start. */
  | { readonly kind: 'directory'; readonly directory: string };

/** 0, the default, takes any free port. */
export interface AzuritePorts {
  readonly blob?: number;
  readonly queue?: number;
  readonly table?: number;
}

export interface RunningAzurite {
  readonly connectionString: string;
  readonly accountName: string;
  readonly accountKey: string;
  /** Service addresses with the account's name as path: `http://127.0.0.1:10000/devstoreaccount1`. */
  readonly blobUrl: string;
  readonly queueUrl: string;
  readonly tableUrl: string;
  /** Makes what is in a container look as if it had been stored then. */
  backdateBlobs(container: string, lastModified: Date): void;
  /** Puts copies of a stored blob into its container, past the service: a thousand times faster than uploads. */
  addCopies(container: string, name: string, copies: readonly string[]): void;
  stop(): Promise<void>;
}

/** A port that Azurite was told to use is taken by another process. */
export class AzuritePortInUse extends Error {
  readonly code = 'AzuritePortInUse';

  constructor(readonly port: number) {
    super(`Port ${port} is in use by another process (is another Azurite running?)`);
    this.name = 'AzuritePortInUse';
  }
}

/**
 * Starts Azurite's blob, queue and table services inside this process, silently and without telemetry.
 * Several can run side by side. The API version is not checked, since the Azure SDKs are often newer than the emulator.
 *
 * @throws {AzuritePortInUse} when a fixed port is taken; nothing is left running then.
 */
export async function startAzurite(
  options: { readonly persistence?: AzuritePersistence; readonly ports?: AzuritePorts } = {},
): Promise<RunningAzurite> {
  configLogger(false);
  const persistence = options.persistence ?? { kind: 'memory' };
  if (persistence.kind === 'directory') {
    await mkdir(persistence.directory, { recursive: true });
  }
  const services = createServices(persistence, options.ports ?? {});
  const started: AzuriteServer[] = [];
  for (const { server, port } of [services.blob, services.queue, services.table]) {
    try {
      await server.start();
      started.push(server);
    } catch (error) {
      await closeAll(started);
      throw isAddressInUse(error) ? new AzuritePortInUse(port) : error;
    }
  }
  return describe(services, started);
}

interface Service {
  readonly server: AzuriteServer;
  readonly port: number;
}

interface Services {
  readonly blob: Service & { readonly server: BlobServer };
  readonly queue: Service;
  readonly table: Service;
}

function createServices(persistence: AzuritePersistence, ports: AzuritePorts): Services {
  const inMemory = persistence.kind === 'memory';
  const root = persistence.kind === 'memory' ? '' : persistence.directory;
  const file = (name: string): string => join(root, name);
  const location = (name: string): readonly AzuritePersistenceLocation[] => [
    { locationId: 'Default', locationPath: file(name), maxConcurrency: 1 },
  ];
  const memoryStore = inMemory ? new MemoryExtentChunkStore(MEMORY_LIMIT_BYTES) : undefined;
  // What blob and queue service have in common: no logs, no check of the API version, no certificate, no OAuth.
  const silent = [
    ...([false, undefined, false, undefined, false, true, '', '', '', undefined, false] as const),
    ...([inMemory, memoryStore] as const),
  ] as const;
  const { blob = 0, queue = 0, table = 0 } = ports;
  const blobConfiguration = new BlobConfiguration(
    ...([HOST, blob, KEEP_ALIVE_SECONDS, file('blob.json'), file('blob-extent.json'), location('blobs')] as const),
    ...silent,
  );
  const queueConfiguration = new QueueConfiguration(
    ...([HOST, queue, KEEP_ALIVE_SECONDS, file('queue.json'), file('queue-extent.json'), location('queues')] as const),
    ...silent,
  );
  const tableConfiguration = new TableConfiguration(
    ...([HOST, table, KEEP_ALIVE_SECONDS, file('table.json')] as const),
    ...([false, false, undefined, undefined, false, true, '', '', '', undefined, false, inMemory] as const),
  );
  return {
    blob: { server: new BlobServer(blobConfiguration), port: blob },
    queue: { server: new QueueServer(queueConfiguration), port: queue },
    table: { server: new TableServer(tableConfiguration), port: table },
  };
}

function describe(services: Services, started: readonly AzuriteServer[]): RunningAzurite {
  const url = (service: Service): string => `${service.server.getHttpServerAddress()}/${ACCOUNT_NAME}`;
  const [blobUrl, queueUrl, tableUrl] = [url(services.blob), url(services.queue), url(services.table)];
  const connectionString = [
    'DefaultEndpointsProtocol=http',
    `AccountName=${ACCOUNT_NAME}`,
    `AccountKey=${ACCOUNT_KEY}`,
    `BlobEndpoint=${blobUrl}`,
    `QueueEndpoint=${queueUrl}`,
    `TableEndpoint=${tableUrl}`,
    '',
  ].join(';');
  let stopping: Promise<void> | undefined;
  return {
    connectionString,
    accountName: ACCOUNT_NAME,
    accountKey: ACCOUNT_KEY,
    blobUrl,
    queueUrl,
    tableUrl,
    backdateBlobs: (container, lastModified) => {
      for (const blob of services.blob.server.metadataStore.db.getCollection('$BLOBS_COLLECTION$').find())
        if (blob.containerName === container) blob.properties.lastModified.setTime(lastModified.getTime());
    },
    addCopies: (container, name, copies) => {
      const blobs = services.blob.server.metadataStore.db.getCollection('$BLOBS_COLLECTION$');
      const original = blobs.find().find((blob) => blob.containerName === container && blob.name === name);
      if (original === undefined) throw new Error(`There is no blob ${name} in ${container}`);
      const { $loki: _, meta: __, ...stored } = original;
      blobs.insert(copies.map((copy) => ({ ...stored, name: copy, properties: { ...stored.properties } })));
    },
    stop: () => (stopping ??= closeAll(started)),
  };
}

async function closeAll(servers: readonly AzuriteServer[]): Promise<void> {
  await Promise.all(servers.map((server) => server.close()));
}

function isAddressInUse(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === 'EADDRINUSE';
}
