import { BlobServiceClient } from '@azure/storage-blob';
import { type RunningAzurite, startAzurite } from '../../local/azurite/azurite';
import { payloadBlobName } from '../../src/payloads/blobName';
import { serveParent } from '../processes/serveParent';
import { generatedPayloads } from './generatedPayloads';

/** Azurite in a process of its own, so that its CPU time is in no figure, with nothing but one container of payloads. */

export interface ContainerAddress {
  readonly connectionString: string;
  readonly container: string;
}

const PAYLOAD = Buffer.alloc(129, '{');
const YESTERDAY_MS = 24 * 3_600_000;

let running: RunningAzurite | undefined;

const operations = {
  /** One payload is uploaded; the others are put beside it as copies, because Azurite takes a second for 800 uploads. */
  async start({ payloads }: { readonly payloads: number }): Promise<ContainerAddress> {
    await running?.stop();
    running = await startAzurite();
    const { connectionString } = running;
    const container = 'payloads';
    const client = BlobServiceClient.fromConnectionString(connectionString).getContainerClient(container);
    await client.create();
    const [first = '', ...others] = generatedPayloads(payloads).map(payloadBlobName);
    await client.getBlockBlobClient(first).upload(PAYLOAD, PAYLOAD.length);
    running.addCopies(container, first, others);
    running.backdateBlobs(container, new Date(Date.now() - YESTERDAY_MS));
    // Its indexes are made by the first one who asks.
    await client.listBlobsFlat().byPage({ maxPageSize: 1 }).next();
    return { connectionString, container };
  },
};

export type AzuriteStore = typeof operations;

serveParent(operations);
