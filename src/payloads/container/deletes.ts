import type { BlobBatchClient, ContainerClient } from '@azure/storage-blob';
import { statusOf } from '../../failures/storageError';
import { blobOf, NoAddress } from './blobAddress';
import { quoted } from './listAnswer';
import { inParallel } from '../../concurrency/inParallel';
import { isBlobMissing, storageCode } from './storageCode';
import type { DeleteOutcome } from './payloadContainer';

/** Deletes in name order hit one partition of the storage, so more at once only brings 503. */
const AT_ONCE = 16;
/** Blob Batch: at most 256 parts. */
const BATCH = 256;

export interface BlobVersion {
  readonly name: string;
  /** as it was listed */
  readonly etag: string;
}

/** Deletes one blob with its snapshots, if it is still the one that was listed. Only the end of the signal is thrown. */
export async function deleteUnchanged(
  container: ContainerClient,
  { name, etag }: BlobVersion,
  signal: AbortSignal,
): Promise<DeleteOutcome> {
  try {
    const conditions = { ifMatch: quoted(etag) };
    await blobOf(container, name).delete({ deleteSnapshots: 'include', conditions, abortSignal: signal });
    return { kind: 'deleted' };
  } catch (error) {
    signal.throwIfAborted();
    return outcomeOf(error, container, { name, etag }, signal);
  }
}

/** Single deletes, several at once. */
export async function deleteEach(
  container: ContainerClient,
  blobs: readonly BlobVersion[],
  signal: AbortSignal,
): Promise<readonly DeleteOutcome[]> {
  return inParallel(blobs, AT_ONCE, (blob) => deleteUnchanged(container, blob, signal));
}

/**
 * Conditional deletes in batches. It saves round trips, not cost, and is not the default: with versioning on, accounts were seen to answer 412 to all of a batch
 * (azure-sdk-for-net 23319), and accounts with hierarchical namespace refused it. Whatever a batch does not settle is deleted singly.
 */
export async function deleteBatched(
  container: ContainerClient,
  blobs: readonly BlobVersion[],
  signal: AbortSignal,
): Promise<readonly DeleteOutcome[]> {
  const batches = container.getBlobBatchClient();
  const outcomes: DeleteOutcome[] = [];
  for (let start = 0; start < blobs.length; start += BATCH) {
    const part = blobs.slice(start, start + BATCH);
    const deleted = await deletedByBatch(batches, container, part, signal);
    const rest = part.filter((_, index) => !deleted.has(index));
    const settled = (await deleteEach(container, rest, signal)).values();
    for (const index of part.keys())
      outcomes.push(deleted.has(index) ? { kind: 'deleted' } : (settled.next().value ?? UNSETTLED));
  }
  return outcomes;
}

const UNSETTLED: DeleteOutcome = { kind: 'failed', code: 'Unsettled' };

/** @returns the places of the blobs that the batch certainly deleted; of a batch that failed, none */
async function deletedByBatch(
  batches: BlobBatchClient,
  container: ContainerClient,
  blobs: readonly BlobVersion[],
  signal: AbortSignal,
): Promise<ReadonlySet<number>> {
  const places: number[] = [];
  try {
    const batch = batches.createBatch();
    for (const [index, { name, etag }] of blobs.entries()) {
      if (!hasAddress(container, name)) continue;
      await batch.deleteBlob(blobOf(container, name), {
        deleteSnapshots: 'include',
        conditions: { ifMatch: quoted(etag) },
        abortSignal: signal,
      });
      places.push(index);
    }
    const { subResponses } = await batches.submitBatch(batch, { abortSignal: signal });
    return new Set(places.filter((_, part) => subResponses[part]?.status === 202));
  } catch {
    // The single deletes that follow tell what became of each blob, with the code of the failure if it lasts.
    signal.throwIfAborted();
    return new Set();
  }
}

function hasAddress(container: ContainerClient, name: string): boolean {
  try {
    return blobOf(container, name).name !== '';
  } catch (error) {
    if (error instanceof NoAddress) return false;
    throw error;
  }
}

async function outcomeOf(
  error: unknown,
  container: ContainerClient,
  blob: BlobVersion,
  signal: AbortSignal,
): Promise<DeleteOutcome> {
  if (isBlobMissing(error)) return { kind: 'gone' };
  const code = storageCode(error);
  return statusOf(error) === 412 && code !== 'LeaseIdMissing'
    ? whyUnmatched(container, blob, code, signal)
    : { kind: 'failed', code };
}

/** 412 is the answer for a changed blob, for a vanished one, and for a leased one: one HEAD tells which. */
export async function whyUnmatched(
  container: ContainerClient,
  { name, etag }: BlobVersion,
  code: string,
  signal: AbortSignal,
): Promise<DeleteOutcome> {
  try {
    const now = await blobOf(container, name).getProperties({ abortSignal: signal });
    if (now.etag !== undefined && quoted(now.etag) !== quoted(etag)) return { kind: 'changed' };
    return { kind: 'failed', code: now.leaseState === 'leased' ? 'LeaseIdMissing' : code };
  } catch (error) {
    signal.throwIfAborted();
    return isBlobMissing(error) ? { kind: 'gone' } : { kind: 'failed', code: storageCode(error) };
  }
}
