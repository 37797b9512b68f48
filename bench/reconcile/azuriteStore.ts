import { BlobServiceClient } from '@azure/storage-blob';
import { startAzurite } from '../../local/azurite/azurite';
import { payloadBlobName } from '../../src/payloads/blobName';
import { serveParent } from '../processes/serveParent';
import { startAzuriteOnSql } from './azuriteOnSql';
import { generatedPayloads } from './generatedPayloads';
import { startMariaDb } from './mariaDb';

/** Azurite in a process of its own, so that its CPU time is in no figure, with nothing but one container of payloads. */

export interface ContainerAddress {
  readonly connectionString: string;
  readonly container: string;
}

export interface BlobPlace {
  readonly container: string;
  readonly blob: string;
}

/** An Azurite without blobs. */
export interface Emulator {
  readonly connectionString: string;
  /** Puts copies of a stored blob beside it, past the service, as if all had been stored then. */
  readonly addCopies: (original: BlobPlace, copies: readonly string[], lastModified: Date) => Promise<void> | void;
}

const CONTAINER = 'payloads';
const PAYLOAD = Buffer.alloc(129, '{');
const YESTERDAY_MS = 24 * 3_600_000;

const emulators = {
  memory: async (): Promise<Emulator> => {
    const azurite = await startAzurite();
    return {
      connectionString: azurite.connectionString,
      addCopies({ container, blob }, copies, lastModified) {
        azurite.addCopies(container, blob, copies);
        azurite.backdateBlobs(container, lastModified);
      },
    };
  },
  MariaDB: async (): Promise<Emulator> => startAzuriteOnSql(await startMariaDb()),
};

export interface ContainerWanted {
  readonly payloads: number;
  /** what Azurite knows of its blobs */
  readonly keptIn: keyof typeof emulators;
}

const operations = {
  /** One payload is uploaded; the others are put beside it as copies, because Azurite takes a second for 800 uploads. */
  async start({ payloads, keptIn }: ContainerWanted): Promise<ContainerAddress> {
    const { connectionString, addCopies } = await emulators[keptIn]();
    const client = BlobServiceClient.fromConnectionString(connectionString).getContainerClient(CONTAINER);
    await client.create();
    const [first = '', ...others] = generatedPayloads(payloads).map(payloadBlobName);
    await client.getBlockBlobClient(first).upload(PAYLOAD, PAYLOAD.length);
    await addCopies({ container: CONTAINER, blob: first }, others, new Date(Date.now() - YESTERDAY_MS));
    // Its indexes are made by the first one who asks.
    await client.listBlobsFlat().byPage({ maxPageSize: 1 }).next();
    return { connectionString, container: CONTAINER };
  },
};

export type AzuriteStore = typeof operations;

serveParent(operations);
