import type { BlobClient, BlockBlobClient, ContainerClient } from '@azure/storage-blob';

/** No URL means this blob: a segment `.` or `..` would be taken as a step in the path, and another blob be reached. */
export class NoAddress extends Error {
  override readonly name = 'NoAddress';
  readonly code = 'NoAddress';
  constructor() {
    super('The name of the blob cannot be written as a URL');
  }
}

/**
 * @returns a client whose URL means exactly this name
 * @throws NoAddress
 */
export function blobOf(container: ContainerClient, name: string): BlockBlobClient {
  const blob = name === '' || /\p{Surrogate}/u.test(name) ? undefined : container.getBlockBlobClient(name);
  if (blob === undefined || !isReachedBy(blob, container, name)) throw new NoAddress();
  return blob;
}

function isReachedBy(blob: BlobClient, container: ContainerClient, name: string): boolean {
  const root = new URL(container.url).pathname.replace(/\/$/, '');
  return decodeURIComponent(new URL(blob.url).pathname.slice(root.length + 1)) === name;
}
