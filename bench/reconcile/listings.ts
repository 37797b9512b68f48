import type { ContainerClient } from '@azure/storage-blob';
import { createPayloadContainer } from '../../src/payloads/container/azureContainer';

const PAGE_SIZE = 5000;

/** Every page of the container as Reconcile reads it. @returns how many names it has */
export async function ourListing(container: ContainerClient): Promise<number> {
  const payloads = createPayloadContainer(container);
  const { signal } = new AbortController();
  let names = 0;
  let marker: string | undefined;
  do {
    const page = await payloads.list({ pageSize: PAGE_SIZE, marker }, signal);
    names += page.blobs.length;
    marker = page.nextMarker;
  } while (marker !== undefined);
  return names;
}

/** The same pages, bare, as the SDK reads them. */
export async function sdkListing(container: ContainerClient): Promise<number> {
  let names = 0;
  for await (const page of container.listBlobsFlat().byPage({ maxPageSize: PAGE_SIZE }))
    names += page.segment.blobItems.length;
  return names;
}
