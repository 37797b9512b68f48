/** Azurite publishes no types; these are the parts of its servers that are used here. */

interface AzuriteServer {
  start(): Promise<void>;
  close(): Promise<void>;
  getHttpServerAddress(): string;
}

interface AzuritePersistenceLocation {
  readonly locationId: string;
  readonly locationPath: string;
  readonly maxConcurrency: number;
}

declare module 'azurite/dist/src/common/persistence/MemoryExtentStore' {
  export class MemoryExtentChunkStore {
    constructor(sizeLimitBytes?: number);
    totalSize(): number;
  }
}

declare module 'azurite/dist/src/common/Logger' {
  export function configLogger(enable: boolean, logFile?: string): void;
}

declare module 'azurite/dist/src/blob/BlobConfiguration' {
  import type { MemoryExtentChunkStore } from 'azurite/dist/src/common/persistence/MemoryExtentStore';
  export default class BlobConfiguration {
    constructor(
      host: string,
      port: number,
      keepAliveTimeout: number,
      metadataDbPath: string,
      extentDbPath: string,
      persistence: readonly AzuritePersistenceLocation[],
      enableAccessLog: boolean,
      accessLogWriteStream: undefined,
      enableDebugLog: boolean,
      debugLogFilePath: undefined,
      loose: boolean,
      skipApiVersionCheck: boolean,
      cert: string,
      key: string,
      password: string,
      oauth: string | undefined,
      disableProductStyleUrl: boolean,
      isMemoryPersistence: boolean,
      memoryStore?: MemoryExtentChunkStore,
    );
    getHttpServerAddress(): string;
  }
}

declare module 'azurite/dist/src/queue/QueueConfiguration' {
  import BlobConfiguration from 'azurite/dist/src/blob/BlobConfiguration';
  export default class QueueConfiguration extends BlobConfiguration {}
}

declare module 'azurite/dist/src/table/TableConfiguration' {
  export default class TableConfiguration {
    constructor(
      host: string,
      port: number,
      keepAliveTimeout: number,
      metadataDbPath: string,
      enableDebugLog: boolean,
      enableAccessLog: boolean,
      accessLogWriteStream: undefined,
      debugLogFilePath: undefined,
      loose: boolean,
      skipApiVersionCheck: boolean,
      cert: string,
      key: string,
      password: string,
      oauth: string | undefined,
      disableProductStyleUrl: boolean,
      isMemoryPersistence: boolean,
    );
    getHttpServerAddress(): string;
  }
}

/** A blob as the store of the emulator keeps it. */
interface AzuriteBlob {
  readonly containerName: string;
  readonly name: string;
  /** of the database that holds it */
  readonly $loki?: number;
  readonly meta?: object;
  readonly properties: { lastModified: Date; creationTime?: Date };
}

declare module 'azurite/dist/src/blob/BlobServer' {
  import type BlobConfiguration from 'azurite/dist/src/blob/BlobConfiguration';
  export default class BlobServer implements AzuriteServer {
    readonly metadataStore: {
      readonly db: {
        getCollection(name: '$BLOBS_COLLECTION$'): { find(): AzuriteBlob[]; insert(blobs: AzuriteBlob[]): void };
      };
    };
    constructor(configuration: BlobConfiguration);
    start(): Promise<void>;
    close(): Promise<void>;
    getHttpServerAddress(): string;
  }
}

declare module 'azurite/dist/src/queue/QueueServer' {
  import type QueueConfiguration from 'azurite/dist/src/queue/QueueConfiguration';
  export default class QueueServer implements AzuriteServer {
    constructor(configuration: QueueConfiguration);
    start(): Promise<void>;
    close(): Promise<void>;
    getHttpServerAddress(): string;
  }
}

declare module 'azurite/dist/src/table/TableServer' {
  import type TableConfiguration from 'azurite/dist/src/table/TableConfiguration';
  export default class TableServer implements AzuriteServer {
    constructor(configuration: TableConfiguration);
    start(): Promise<void>;
    close(): Promise<void>;
    getHttpServerAddress(): string;
  }
}
