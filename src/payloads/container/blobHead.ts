import type { BlobClient } from '@azure/storage-blob';
import { isBlobMissing } from './storageCode';
import type { PayloadProperties } from './payloadContainer';

/** What a HEAD tells beyond what payloads need. */
export interface BlobHead extends PayloadProperties {
  readonly contentType: string | undefined;
  readonly isArchived: boolean;
}

/** @returns undefined when there is no such blob */
export async function headOf(blob: BlobClient, signal: AbortSignal): Promise<BlobHead | undefined> {
  try {
    const { etag, lastModified, contentLength, contentMD5, contentType, metadata, accessTier } =
      await blob.getProperties({ abortSignal: signal });
    if (etag === undefined || lastModified === undefined || contentLength === undefined)
      throw new TypeError('The storage answered a HEAD without ETag, Last-Modified or Content-Length');
    return {
      ...{ etag, lastModified, contentType },
      sizeBytes: contentLength,
      contentMd5: contentMD5 === undefined ? undefined : Buffer.from(contentMD5).toString('base64'),
      metadata: lowerCased(metadata ?? {}),
      isArchived: accessTier === 'Archive',
    };
  } catch (error) {
    if (isBlobMissing(error)) return undefined;
    throw error;
  }
}

/** The names of metadata are the same in any case, and come as HTTP headers. */
export function lowerCased(metadata: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(metadata).map(([name, value]) => [name.toLowerCase(), value]));
}
