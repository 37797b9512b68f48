import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { answer, type DicomRequest, type ServiceState } from './answer';
import type { Gaps } from './changeFeed';
import type { DicomJson } from './dicomJson';
import { type InstanceKey, InstanceStore, type StoreOutcome } from './instanceStore';
import { readPart10 } from './part10';
import type { Reply } from './reply';
import { type RequestKind, routeOf } from './route';

const HOST = '127.0.0.1';
/** Where instances go that name no partition. */
const DEFAULT_PARTITION = 'Microsoft.Default';

/** What shall happen to one request instead of the ordinary answer. */
export interface Fault {
  /** Answers with this status (and headers and body) and does nothing else. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Waits before anything else happens. */
  readonly delayMs?: number;
  /** Cuts the connection: before the request takes effect, or after it did but before the answer (a lost reply). */
  readonly destroy?: 'before' | 'after';
}

/** Looks at each request before it takes effect. A promise holds the request until it is fulfilled. */
export type Intercept = (request: DicomRequest) => Fault | undefined | Promise<Fault | undefined>;

export interface DicomServiceOptions {
  /** 0, the default, takes any free port. */
  readonly port?: number;
  /** The change feed's names as documented (`Sequence`, `create`) instead of as the service writes them (`sequence`, `Create`). */
  readonly pascalCase?: boolean;
  /** Added to every answer. */
  readonly latencyMs?: number;
  /** Sequence numbers to leave out before each row. */
  readonly gaps?: Gaps;
  readonly now?: () => number;
  readonly onRequest?: (request: DicomRequest) => void;
}

export interface DicomService {
  /** Base address without a version: `http://127.0.0.1:8080`. */
  readonly url: string;
  /** Stores data sets. @throws {InstanceNotStored} for the first one that is refused; those before it stay stored */
  store(datasets: DicomJson | readonly DicomJson[], partition?: string): readonly StoredInstance[];
  /** Stores what can be stored and says what became of each data set. */
  offer(datasets: readonly DicomJson[], partition?: string): readonly StoreOutcome[];
  /** Stores a DICOM file. @throws {InstanceNotStored} when it is refused, or an Error when it cannot be read */
  storePart10(bytes: Uint8Array, partition?: string): StoredInstance;
  /** The deletes return how many instances there were. */
  deleteInstance(studyUid: string, seriesUid: string, instanceUid: string, partition?: string): number;
  deleteSeries(studyUid: string, seriesUid: string, partition?: string): number;
  deleteStudy(studyUid: string, partition?: string): number;
  /** Changes attributes of all instances of a study, as bulk update does, but any attribute except the UIDs. @returns the number of instances */
  update(studyUid: string, changes: DicomJson, partition?: string): number;
  /** From now on reading this instance's metadata is a 500, also for a page of the feed that holds it. `false` ends it. */
  loseMetadata(key: InstanceKey, partition?: string, lost?: boolean): void;
  /** Leaves sequence numbers out before the next row. */
  skipSequences(count: number): void;
  liveInstances(partition: string, studyUid: string): readonly DicomJson[];
  /** All studies that have live instances. */
  studies(): readonly { readonly partition: string; readonly uid: string }[];
  /** The highest sequence in the feed; 0 when it is empty. */
  readonly latestSequence: number;
  /** How many requests have come over HTTP, by kind. */
  readonly requests: Readonly<Record<RequestKind, number>>;
  resetRequests(): void;
  readonly faults: { intercept: Intercept | undefined };
  stop(): Promise<void>;
}

export interface StoredInstance extends InstanceKey {
  readonly sequence: number;
}

/** A data set was refused. */
export class InstanceNotStored extends Error {
  readonly code = 'InstanceNotStored';
  override readonly name = 'InstanceNotStored';

  constructor(
    readonly failureReason: number,
    reason: string,
  ) {
    super(`The instance was not stored: ${reason}`);
  }
}

/** The port that the service was told to use is taken by another process. */
export class DicomPortInUse extends Error {
  readonly code = 'DicomPortInUse';
  override readonly name = 'DicomPortInUse';

  constructor(readonly port: number) {
    super(`Port ${port} is in use by another process`);
  }
}

/**
 * Starts a DICOM service in this process, in memory: STOW-RS, QIDO-RS, WADO-RS metadata, deletes, bulk update, partitions
 * and the change feed.
 *
 * @throws {DicomPortInUse} when a fixed port is taken
 */
export async function startDicomService(options: DicomServiceOptions = {}): Promise<DicomService> {
  const now = options.now ?? Date.now;
  const store = new InstanceStore(options.gaps ?? 0, now, DEFAULT_PARTITION);
  const state: ServiceState = {
    store,
    operations: new Map(),
    defaultPartition: DEFAULT_PARTITION,
    pascalCase: options.pascalCase ?? false,
    now,
  };
  const requests = noRequests();
  const faults: DicomService['faults'] = { intercept: undefined };
  const stopping = new AbortController();
  const server = createServer((incoming, response) => {
    serve(incoming, response).catch(() => response.destroy());
  });

  async function serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const request = await readRequest(incoming);
    requests[request.kind] += 1;
    options.onRequest?.(request);
    const fault = (await faults.intercept?.(request)) ?? {};
    const waitMs = (options.latencyMs ?? 0) + (fault.delayMs ?? 0);
    if (waitMs > 0) await delay(waitMs, undefined, { signal: stopping.signal });
    stopping.signal.throwIfAborted();
    if (fault.destroy === 'before') return void response.destroy();
    const reply = fault.status === undefined ? answer(state, request) : faultReply(fault, fault.status);
    if (fault.destroy === 'after') return void response.destroy();
    send(response, reply);
  }

  await listen(server, options.port ?? 0);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${HOST}:${port}`,
    faults,
    requests,
    ...operationsOn(store),
    get latestSequence() {
      return store.feed.latestSequence;
    },
    resetRequests: () => void Object.assign(requests, noRequests()),
    async stop() {
      stopping.abort();
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

type StoreOperations = Omit<DicomService, 'url' | 'faults' | 'requests' | 'latestSequence' | 'resetRequests' | 'stop'>;

function operationsOn(store: InstanceStore): StoreOperations {
  const storeOne = (dataset: DicomJson, partition?: string): StoredInstance => {
    const outcome = store.store(dataset, partition);
    if (outcome.kind === 'rejected') throw new InstanceNotStored(outcome.failureReason, outcome.comment);
    return { ...outcome.key, sequence: outcome.sequence };
  };
  return {
    store: (datasets, partition) =>
      (isList(datasets) ? datasets : [datasets]).map((dataset) => storeOne(dataset, partition)),
    offer: (datasets, partition) => datasets.map((dataset) => store.store(dataset, partition)),
    storePart10: (bytes, partition) => storeOne(readPart10(bytes), partition),
    deleteInstance: (studyUid, seriesUid, instanceUid, partition = DEFAULT_PARTITION) =>
      store.delete(partition, studyUid, seriesUid, instanceUid),
    deleteSeries: (studyUid, seriesUid, partition = DEFAULT_PARTITION) => store.delete(partition, studyUid, seriesUid),
    deleteStudy: (studyUid, partition = DEFAULT_PARTITION) => store.delete(partition, studyUid),
    update: (studyUid, changes, partition) => store.update(studyUid, changes, partition),
    loseMetadata(key, partition = DEFAULT_PARTITION, lost = true) {
      const instance = store.historyFor(partition, key);
      if (instance !== undefined) instance.metadataLost = lost;
    },
    skipSequences: (count) => store.feed.skip(count),
    liveInstances: (partition, studyUid) =>
      store.instancesOf(partition, studyUid).map((instance) => instance.current?.metadata ?? {}),
    studies: () =>
      store.partitions.flatMap(({ name }) => store.studyUids(name).map((uid) => ({ partition: name, uid }))),
  };
}

function isList(datasets: DicomJson | readonly DicomJson[]): datasets is readonly DicomJson[] {
  return Array.isArray(datasets);
}

async function readRequest(incoming: IncomingMessage): Promise<DicomRequest> {
  const { method = 'GET' } = incoming;
  const url = new URL(incoming.url ?? '/', `http://${HOST}`);
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const parameters = [...url.searchParams].map(([name, value]) => [name.toLowerCase(), value] as const);
  return {
    ...routeOf(method, url.pathname),
    method,
    path: url.pathname,
    query: new Map(parameters),
    includeFields: parameters.filter(([name]) => name === 'includefield').flatMap(([, value]) => value.split(',')),
    headers: Object.fromEntries(Object.entries(incoming.headers).map(([name, value]) => [name, String(value)])),
    body: Buffer.concat(chunks),
  };
}

function faultReply(fault: Fault, status: number): Reply {
  return { status, headers: fault.headers ?? { 'content-type': 'text/plain' }, body: fault.body ?? '' };
}

function send(response: ServerResponse, { status, headers, body }: Reply): void {
  response.writeHead(status, headers);
  response.end(body);
}

async function listen(server: Server, port: number): Promise<void> {
  try {
    server.listen(port, HOST);
    await once(server, 'listening');
  } catch (error) {
    throw isAddressInUse(error) ? new DicomPortInUse(port) : error;
  }
}

function isAddressInUse(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === 'EADDRINUSE';
}

function noRequests(): Record<RequestKind, number> {
  return {
    changeFeed: 0,
    changeFeedLatest: 0,
    store: 0,
    searchStudies: 0,
    searchSeries: 0,
    searchInstances: 0,
    studyMetadata: 0,
    seriesMetadata: 0,
    instanceMetadata: 0,
    deleteStudy: 0,
    deleteSeries: 0,
    deleteInstance: 0,
    bulkUpdate: 0,
    operation: 0,
    partitions: 0,
    unknown: 0,
  };
}
