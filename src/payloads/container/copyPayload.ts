import { createHash } from 'node:crypto';
import type { BlobClient, BlockBlobClient } from '@azure/storage-blob';
import { statusOf } from '../../failures/storageError';
import { headOf, type BlobHead } from './blobHead';
import { quoted } from './listAnswer';
import { isBlobMissing, storageCode } from './storageCode';

/** Larger payloads go in blocks of this size, so that many copies at once stay small in memory. */
const BLOCK_BYTES = 8 * 1024 * 1024;

/** MD5 of the bytes that were read from the source, base64. The copy carries it, so that it can be compared again after a crash. */
export const SOURCE_MD5 = 'sourcemd5';

export type CopyOutcome =
  | { readonly kind: 'copied' }
  /** there is a blob of the target's name, which is never written over */
  | { readonly kind: 'occupied' }
  | { readonly kind: 'gone' }
  | { readonly kind: 'changed' }
  | { readonly kind: 'failed'; readonly code: string };

export interface CopyRequest {
  readonly source: BlobClient;
  /** of the source, which must still have its ETag */
  readonly head: BlobHead;
  readonly target: BlockBlobClient;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Copies by reading and writing. A copy within the service (Put Blob From URL) would need a right to the source that each kind of credential grants in another way;
 * payloads are small, and only orphans are copied.
 */
export async function copyPayload(request: CopyRequest, signal: AbortSignal): Promise<CopyOutcome> {
  try {
    await (request.head.sizeBytes <= BLOCK_BYTES ? copyWhole(request, signal) : copyInBlocks(request, signal));
    return { kind: 'copied' };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof SourceError) return sourceOutcome(error.cause);
    if (storageCode(error) === 'BlobAlreadyExists' || statusOf(error) === 412) return { kind: 'occupied' };
    return { kind: 'failed', code: storageCode(error) };
  }
}

/** @returns whether the copy holds what was read from the source: length and MD5, by the storage's own account of both */
export async function isSameContent(copy: BlobClient, source: BlobHead, signal: AbortSignal): Promise<boolean> {
  const head = await headOf(copy, signal);
  const md5 = head?.metadata[SOURCE_MD5];
  if (head === undefined || md5 === undefined) return false;
  const isMd5Equal = head.contentMd5 === md5 && (source.contentMd5 ?? md5) === md5;
  return head.sizeBytes === source.sizeBytes && isMd5Equal;
}

/** The service computes the MD5 of what it stores, so the comparison afterwards is one of the stored bytes. */
async function copyWhole({ source, head, target, metadata }: CopyRequest, signal: AbortSignal): Promise<void> {
  const body = await readSource(source, head, 0, head.sizeBytes, signal);
  const md5 = createHash('md5').update(body).digest();
  await target.upload(body, body.length, {
    ...targetOptions(head, metadata, md5, signal),
    transactionalContentMD5: md5,
  });
}

/** The service checks the MD5 of each block, and keeps the one of the whole as it is told. */
async function copyInBlocks({ source, head, target, metadata }: CopyRequest, signal: AbortSignal): Promise<void> {
  const hash = createHash('md5');
  const blocks: string[] = [];
  for (let offset = 0; offset < head.sizeBytes; offset += BLOCK_BYTES) {
    const block = await readSource(source, head, offset, Math.min(BLOCK_BYTES, head.sizeBytes - offset), signal);
    hash.update(block);
    const id = Buffer.from(String(blocks.length).padStart(8, '0')).toString('base64');
    const transactionalContentMD5 = createHash('md5').update(block).digest();
    await target.stageBlock(id, block, block.length, { transactionalContentMD5, abortSignal: signal });
    blocks.push(id);
  }
  const md5 = hash.digest();
  const options = targetOptions(head, metadata, md5, signal);
  await target.commitBlockList(blocks, {
    ...options,
    blobHTTPHeaders: { ...options.blobHTTPHeaders, blobContentMD5: md5 },
  });
}

function targetOptions(
  { contentType }: BlobHead,
  metadata: Readonly<Record<string, string>>,
  md5: Buffer,
  abortSignal: AbortSignal,
) {
  return {
    abortSignal,
    conditions: { ifNoneMatch: '*' },
    metadata: { ...metadata, [SOURCE_MD5]: md5.toString('base64') },
    blobHTTPHeaders: contentType === undefined ? {} : { blobContentType: contentType },
  };
}

/** An error of reading, told from one of writing. */
class SourceError extends Error {}

async function readSource(
  source: BlobClient,
  { etag }: BlobHead,
  offset: number,
  count: number,
  signal: AbortSignal,
): Promise<Buffer> {
  try {
    // A range of an empty blob is an error.
    if (count === 0) return Buffer.alloc(0);
    const conditions = { ifMatch: quoted(etag) };
    const { readableStreamBody } = await source.download(offset, count, { conditions, abortSignal: signal });
    const chunks: Buffer[] = [];
    for await (const chunk of readableStreamBody ?? []) chunks.push(Buffer.from(chunk));
    return Buffer.concat(chunks);
  } catch (cause) {
    throw new SourceError('The source cannot be read', { cause });
  }
}

function sourceOutcome(error: unknown): CopyOutcome {
  if (isBlobMissing(error)) return { kind: 'gone' };
  if (statusOf(error) === 412) return { kind: 'changed' };
  return { kind: 'failed', code: storageCode(error) };
}
