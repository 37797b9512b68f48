import type { BlockBlobClient, ContainerClient, StoragePipelineOptions } from '@azure/storage-blob';
import { readBlobName } from '../blobName';
import { blobOf } from './blobAddress';
import { headOf, type BlobHead } from './blobHead';
import { copyPayload, isSameContent, type CopyOutcome } from './copyPayload';
import { deleteEach, deleteUnchanged } from './deletes';
import { KEEP, quoted } from './listAnswer';
import { primaryOnly } from './primaryOnly';
import { storageCode } from './storageCode';
import type {
  DeleteOutcome,
  QuarantineContainer,
  QuarantinedPayload,
  QuarantineRequest,
  RestoreOutcome,
} from './payloadContainer';

/** Quarantine in the scanned container itself would be scanned again. */
export class QuarantineIsPayloadContainer extends Error {
  override readonly name = 'QuarantineIsPayloadContainer';
  readonly code = 'QuarantineIsPayloadContainer';
  constructor() {
    super('The container for quarantine must be another one than the container of the payloads');
  }
}

/** Some copies are over their time and could not be deleted; the others were. */
export class QuarantineNotExpired extends Error {
  override readonly name = 'QuarantineNotExpired';
  readonly code = 'QuarantineNotExpired';
  constructor(
    readonly deleted: number,
    readonly failed: number,
    storageCodes: readonly string[],
  ) {
    super(`${failed} quarantined payloads are over their time and could not be deleted: ${storageCodes.join(', ')}`);
  }
}

/** Metadata of a copy. */
const SOURCE_ETAG = 'sourceetag';
/** The source was not deleted after all: the copy is no payload of the run, and goes when its time is over. */
const ABANDONED = 'abandoned';
/** Metadata of a restored payload: the run whose copy it came from, by which a repeated restore knows its own work. */
const RESTORED_FROM = 'restoredfrom';

interface Containers {
  readonly payloads: ContainerClient;
  readonly quarantine: ContainerClient;
}

/**
 * Quarantine as one blob `<run>/<name of the payload>` in another container, which is created with the first one. Such a name has five segments, so even a scan of
 * that container would delete nothing. Soft delete and versions of that account keep a copy beyond its time here.
 * @throws QuarantineIsPayloadContainer
 */
export function createQuarantineContainer(
  clients: Containers,
  pipeline: StoragePipelineOptions = {},
): QuarantineContainer {
  const payloads = primaryOnly(clients.payloads, pipeline);
  const quarantine = primaryOnly(clients.quarantine, pipeline);
  if (addressOf(payloads) === addressOf(quarantine)) throw new QuarantineIsPayloadContainer();
  const containers = { payloads, quarantine };
  let isThere = false;
  return {
    name: quarantine.containerName,
    moveIn: async (request, signal) => {
      try {
        if (!isThere) await quarantine.createIfNotExists({ abortSignal: signal });
        isThere = true;
        return await moveIn(containers, request, signal);
      } catch (error) {
        signal.throwIfAborted();
        return { kind: 'failed', code: storageCode(error) };
      }
    },
    list: (runId, signal) => list(quarantine, runId, signal),
    restore: async (payload, keep, signal) => {
      try {
        return await restore(containers, payload, keep, signal);
      } catch (error) {
        signal.throwIfAborted();
        return { kind: 'failed', code: storageCode(error) };
      }
    },
    expire: (before, signal) => expire(quarantine, before, signal),
  };
}

function addressOf(container: ContainerClient): string {
  const { host, pathname } = new URL(container.url);
  return host + pathname;
}

async function moveIn(
  { payloads, quarantine }: Containers,
  request: QuarantineRequest,
  signal: AbortSignal,
): Promise<DeleteOutcome> {
  const source = blobOf(payloads, request.name);
  const copy = blobOf(quarantine, `${request.runId}/${request.name}`);
  const head = await headOf(source, signal);
  if (head === undefined) return { kind: 'gone' };
  if (quoted(head.etag) !== quoted(request.etag)) {
    // A copy from before a crash may be there.
    if ((await headOf(copy, signal))?.metadata[SOURCE_ETAG] === quoted(request.etag)) await abandon(copy, signal);
    return { kind: 'changed' };
  }
  // Reading would need hours of rehydration.
  if (head.isArchived) return { kind: 'failed', code: 'archived' };

  const copied = await copyPayload({ source, head, target: copy, metadata: metadataOf(request) }, signal);
  const readiness = copied.kind === 'occupied' ? await takeUp(copy, request, signal) : copied;
  if (readiness.kind !== 'copied') return readiness.kind === 'occupied' ? NAME_TAKEN : readiness;
  if (!(await isSameContent(copy, head, signal))) return dropCopy(quarantine, copy, signal);

  const outcome = await deleteUnchanged(payloads, request, signal);
  // `gone` may be this delete with its reply lost: then the copy is all that is left.
  if (outcome.kind !== 'deleted' && outcome.kind !== 'gone') await abandon(copy, signal);
  return outcome;
}

async function abandon(copy: BlockBlobClient, signal: AbortSignal): Promise<void> {
  await mark(copy, { [ABANDONED]: 'true' }, signal);
}

const NAME_TAKEN: DeleteOutcome = { kind: 'failed', code: 'QuarantineNameTaken' };

function metadataOf({ etag, lastModified, reason }: QuarantineRequest): Readonly<Record<string, string>> {
  return {
    [SOURCE_ETAG]: quoted(etag),
    sourcelastmodified: lastModified.toISOString(),
    reason: encodeURIComponent(reason),
  };
}

/** A copy of the same source from before a crash is taken up where it was left; one that had been abandoned counts again. */
async function takeUp(copy: BlockBlobClient, request: QuarantineRequest, signal: AbortSignal): Promise<CopyOutcome> {
  const head = await headOf(copy, signal);
  if (head?.metadata[SOURCE_ETAG] !== quoted(request.etag)) return { kind: 'occupied' };
  if (head.metadata[ABANDONED] !== undefined) await mark(copy, { [ABANDONED]: undefined }, signal);
  return { kind: 'copied' };
}

async function mark(
  blob: BlockBlobClient,
  change: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<void> {
  const head = await headOf(blob, signal);
  if (head === undefined) return;
  const metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries({ ...head.metadata, ...change }))
    if (value !== undefined) metadata[name] = value;
  await blob.setMetadata(metadata, { conditions: { ifMatch: head.etag }, abortSignal: signal });
}

/** A copy that differs from its source is worth nothing; without it, the next run tries again. */
async function dropCopy(
  container: ContainerClient,
  copy: BlockBlobClient,
  signal: AbortSignal,
): Promise<{ readonly kind: 'failed'; readonly code: string }> {
  const head = await headOf(copy, signal);
  if (head !== undefined) await deleteUnchanged(container, { name: copy.name, etag: head.etag }, signal);
  return { kind: 'failed', code: 'CopyDiffers' };
}

interface QuarantinedBlob {
  readonly name: string;
  readonly etag: string;
  readonly createdAt: Date;
  readonly isAbandoned: boolean;
  /** made by a move, and no other blob */
  readonly isCopy: boolean;
}

/** Whatever else is in the container, such as payloads where the wrong container was named, is never taken for a copy. */
function isCopy(name: string, metadata: Readonly<Record<string, string>>): boolean {
  const payload = name.slice(name.indexOf('/') + 1);
  return SOURCE_ETAG in metadata && readBlobName(payload).kind === 'payload';
}

async function* listCopies(
  quarantine: ContainerClient,
  prefix: string,
  signal: AbortSignal,
): AsyncIterable<readonly QuarantinedBlob[]> {
  if (!(await quarantine.exists({ abortSignal: signal }))) return;
  for await (const { segment } of quarantine
    .listBlobsFlat({ prefix, includeMetadata: true, abortSignal: signal })
    .byPage({ maxPageSize: 1000 }))
    yield segment.blobItems.map(({ name, properties, metadata = {} }) => ({
      name,
      etag: quoted(properties.etag),
      createdAt: properties.createdOn ?? properties.lastModified,
      isAbandoned: ABANDONED in metadata,
      isCopy: isCopy(name, metadata),
    }));
}

async function* list(
  quarantine: ContainerClient,
  runId: string | undefined,
  signal: AbortSignal,
): AsyncIterable<QuarantinedPayload> {
  for await (const copies of listCopies(quarantine, runId === undefined ? '' : `${runId}/`, signal))
    for (const { name, etag, createdAt, isAbandoned } of copies) {
      const [, run, payload] = /^([^/]+)\/(.+)$/s.exec(name) ?? [];
      if (run === undefined || payload === undefined || isAbandoned) continue;
      yield { runId: run, name: payload, etag, quarantinedAt: createdAt };
    }
}

async function restore(
  { payloads, quarantine }: Containers,
  { runId, name }: QuarantinedPayload,
  keep: boolean,
  signal: AbortSignal,
): Promise<RestoreOutcome> {
  const copy = blobOf(quarantine, `${runId}/${name}`);
  const target = blobOf(payloads, name);
  const head = await headOf(copy, signal);
  if (head === undefined) return { kind: 'gone' };
  const metadata = { [RESTORED_FROM]: runId, ...(keep ? { [KEEP]: 'true' } : {}) };
  // Looked at first, so that the blocks of a large payload are never put next to a live one.
  const isFree = (await headOf(target, signal)) === undefined;
  const copied: CopyOutcome = isFree
    ? await copyPayload({ source: copy, head, target, metadata }, signal)
    : { kind: 'occupied' };
  if (copied.kind === 'changed') return { kind: 'failed', code: 'ConditionNotMet' };
  if (copied.kind === 'occupied' && !(await isOwnWork(target, metadata, signal))) return copied;
  if (copied.kind === 'gone' || copied.kind === 'failed') return copied;
  if (!(await isSameContent(target, head, signal))) return dropCopy(payloads, target, signal);
  return afterRestore(await deleteUnchanged(quarantine, { name: copy.name, etag: head.etag }, signal));
}

/** Whether the blob in the way was restored by a call before this one, which then did not get to its end. */
async function isOwnWork(
  target: BlockBlobClient,
  metadata: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<boolean> {
  const head: BlobHead | undefined = await headOf(target, signal);
  if (head?.metadata[RESTORED_FROM] !== metadata[RESTORED_FROM]) return false;
  if (metadata[KEEP] !== head?.metadata[KEEP]) await mark(target, { [KEEP]: metadata[KEEP] }, signal);
  return true;
}

/** The payload is back; a copy that stays is told, so that the restore is repeated. */
function afterRestore(outcome: DeleteOutcome): RestoreOutcome {
  switch (outcome.kind) {
    case 'deleted':
    case 'gone':
      return { kind: 'restored' };
    case 'changed':
      return { kind: 'failed', code: 'ConditionNotMet' };
    case 'failed':
      return outcome;
  }
}

async function expire(quarantine: ContainerClient, before: Date, signal: AbortSignal): Promise<number> {
  const outcomes: DeleteOutcome[] = [];
  for await (const copies of listCopies(quarantine, '', signal)) {
    const due = copies.filter(({ isCopy, createdAt }) => isCopy && createdAt.getTime() < before.getTime());
    outcomes.push(...(await deleteEach(quarantine, due, signal)));
  }
  const deleted = outcomes.filter(({ kind }) => kind === 'deleted').length;
  const codes = outcomes.flatMap((outcome) => (outcome.kind === 'failed' ? [outcome.code] : []));
  if (codes.length > 0) throw new QuarantineNotExpired(deleted, codes.length, [...new Set(codes)]);
  return deleted;
}
