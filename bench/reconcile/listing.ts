import type { ContainerClient } from '@azure/storage-blob';
import { createPayloadContainer } from '../../src/payloads/container/azureContainer';
import type { Contestant } from './pairs';

const PAGE_SIZE = 5000;

/** Every page of the container as Reconcile reads it. */
export function ourListing(container: ContainerClient): Contestant {
  const payloads = createPayloadContainer(container);
  const { signal } = new AbortController();
  return async () => {
    let names = 0;
    let marker: string | undefined;
    do {
      const page = await payloads.list({ pageSize: PAGE_SIZE, marker }, signal);
      names += page.blobs.length;
      marker = page.nextMarker;
    } while (marker !== undefined);
    return names;
  };
}

/** The same pages, bare, as the SDK reads them. */
export function sdkListing(container: ContainerClient): Contestant {
  return async () => {
    let names = 0;
    for await (const page of container.listBlobsFlat().byPage({ maxPageSize: PAGE_SIZE }))
      names += page.segment.blobItems.length;
    return names;
  };
}
