import {
  BlobServiceClient,
  type ContainerClient,
  type ContainerGetPropertiesResponse,
  type StoragePipelineOptions,
} from '@azure/storage-blob';
import { statusOf } from '../../failures/storageError';
import { blobOf } from './blobAddress';
import { headOf, lowerCased } from './blobHead';
import { inContainer } from './containerMissing';
import { deleteBatched, deleteEach } from './deletes';
import { createLeanListing, type LeanListing } from './leanListing';
import { compareNames } from './nameOrder';
import { primaryOnly, withoutSecondary } from './primaryOnly';
import { isBlobMissing } from './storageCode';
import type { ListPage, ListRequest, PayloadContainer, UndoNet } from './payloadContainer';

export interface AzureContainerOptions {
  /** `batch`: up to 256 deletes in a request. Default `single`. */
  readonly deletes?: 'single' | 'batch';
  /** of the SDK, such as its retries. Reads never go to a secondary endpoint, whose lists and dates are old. */
  readonly pipeline?: StoragePipelineOptions;
}

/** The service listed from the start although it was told a name to begin with: it is older than version 2026-02-06. */
export class StartFromIgnored extends Error {
  override readonly name = 'StartFromIgnored';
  readonly code = 'StartFromIgnored';
  constructor() {
    super('The blob service ignored the name to start from: its version is older than 2026-02-06');
  }
}

/**
 * @param client of the container, with any credential: account key, SAS or token
 * @throws ContainerMissing (from the functions) where the container is not there; deletes say so in their outcomes
 */
export function createPayloadContainer(client: ContainerClient, options: AzureContainerOptions = {}): PayloadContainer {
  const pipeline = withoutSecondary(options.pipeline);
  const container = primaryOnly(client, pipeline);
  const listing = createLeanListing(container, pipeline);
  const deleteMany = options.deletes === 'batch' ? deleteBatched : deleteEach;
  const within = <T>(work: Promise<T>): Promise<T> => inContainer(container.containerName, work);
  const properties = (signal: AbortSignal): Promise<ContainerGetPropertiesResponse> =>
    within(container.getProperties({ abortSignal: signal }));
  return {
    account: accountOf(container),
    name: container.containerName,
    exists: (signal) => container.exists({ abortSignal: signal }),
    storageDate: async (signal) => {
      const { date } = await properties(signal);
      if (date === undefined || Number.isNaN(date.getTime()))
        throw new TypeError('The storage answered without a Date');
      return date;
    },
    undo: (signal) => findUndoNet(container, pipeline, signal),
    list: (request, signal) => within(list(listing, request, signal)),
    rootSegments: (signal) => within(listRootSegments(listing, signal)),
    canStartFrom: (signal) => within(probeStartFrom(listing, signal)),
    properties: async (name, signal) => within(headOf(blobOf(container, name), signal)),
    deleteManyUnchanged: (blobs, signal) => deleteMany(container, blobs, signal),
    read: (name, signal) => within(read(container, name, signal)),
    create: async (signal) => (await container.createIfNotExists({ abortSignal: signal })).succeeded,
    metadata: async (signal) => lowerCased((await properties(signal)).metadata ?? {}),
    setMetadata: async (metadata, signal) => {
      await within(container.setMetadata({ ...metadata }, { abortSignal: signal }));
    },
  };
}

/** The URL without the container, and without a SAS. */
function accountOf(container: ContainerClient): string {
  const { host, pathname } = new URL(container.url);
  return host + pathname.replace(/\/[^/]*\/?$/, '');
}

async function list(listing: LeanListing, request: ListRequest, signal: AbortSignal): Promise<ListPage> {
  const { blobs, nextMarker } = await listing.flat(request, signal);
  const [first] = blobs;
  if (request.marker === undefined && request.startFrom !== undefined && first !== undefined)
    if (compareNames(first.name, request.startFrom) < 0) throw new StartFromIgnored();
  return { blobs, nextMarker };
}

async function listRootSegments(listing: LeanListing, signal: AbortSignal): Promise<readonly string[]> {
  const segments = new Set<string>();
  let marker: string | undefined;
  do {
    const page = await listing.byFirstSegment(marker, signal);
    for (const { name } of page.blobs) segments.add(name);
    for (const prefix of page.prefixes) segments.add(prefix);
    marker = page.nextMarker;
  } while (marker !== undefined);
  return [...segments].sort(compareNames);
}

/** Sorts behind every name of a payload, and behind nearly every other. */
const BEHIND = '~';

/** An old service lists from the first name on. In an empty container nothing can be told, and nothing is to be gained. */
async function probeStartFrom(listing: LeanListing, signal: AbortSignal): Promise<boolean> {
  const isBefore = ({ name }: { readonly name: string }): boolean => compareNames(name, BEHIND) < 0;
  let marker: string | undefined;
  let hasSome: boolean;
  do {
    const page = await listing.flat({ pageSize: 1, marker }, signal);
    hasSome = page.blobs.some(isBefore);
    marker = page.nextMarker;
    if (page.blobs.length > 0) break;
  } while (marker !== undefined);
  if (!hasSome) return false;
  marker = undefined;
  do {
    const page = await listing.flat({ pageSize: 1, marker, startFrom: BEHIND }, signal);
    if (page.blobs.length > 0) return !page.blobs.some(isBefore);
    marker = page.nextMarker;
  } while (marker !== undefined);
  return true;
}

/**
 * Soft delete is a property of the service, which a role or SAS of the container alone may not read. Versioning is one of the account's management API only:
 * a container with version-level immutability proves it, and a version id of a blob says that it was on when that blob was written.
 */
async function findUndoNet(
  container: ContainerClient,
  pipeline: StoragePipelineOptions,
  signal: AbortSignal,
): Promise<UndoNet> {
  const service = new BlobServiceClient(serviceUrl(container), container.credential, pipeline);
  const [retention, inContainer, page] = await Promise.all([
    unlessRefused(service.getProperties({ abortSignal: signal })),
    unlessRefused(container.getProperties({ abortSignal: signal })),
    unlessRefused(
      container.listBlobsFlat({ includeVersions: true, abortSignal: signal }).byPage({ maxPageSize: 1 }).next(),
    ),
  ]);
  const policy = retention?.deleteRetentionPolicy;
  const [blob] = page?.done === true ? [] : (page?.value.segment.blobItems ?? []);
  const hasVersions = inContainer?.isImmutableStorageWithVersioningEnabled === true || blob?.versionId !== undefined;
  return {
    softDeleteDays: policy === undefined ? undefined : policy.enabled ? (policy.days ?? 0) : 0,
    versioning: hasVersions ? true : undefined,
  };
}

function serviceUrl(container: ContainerClient): string {
  const url = new URL(container.url);
  url.pathname = url.pathname.replace(/\/[^/]*\/?$/, '') || '/';
  return url.toString();
}

/** What a service refuses to tell is unknown; that it cannot be reached is an error. */
async function unlessRefused<Answer>(answer: Promise<Answer>): Promise<Answer | undefined> {
  return answer.catch((error: unknown) => {
    const status = statusOf(error);
    if (status !== undefined && status >= 400 && status < 500) return undefined;
    throw error;
  });
}

async function read(container: ContainerClient, name: string, signal: AbortSignal): Promise<Buffer | undefined> {
  try {
    const { readableStreamBody } = await blobOf(container, name).download(0, undefined, { abortSignal: signal });
    const chunks: Buffer[] = [];
    for await (const chunk of readableStreamBody ?? []) chunks.push(Buffer.from(chunk));
    return Buffer.concat(chunks);
  } catch (error) {
    if (isBlobMissing(error)) return undefined;
    throw error;
  }
}
