import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { HostLogger } from '../../local/host/logs';
import { readHostSettings } from '../../local/host/hostSettings';
import { MESSAGE_LEASE_SECONDS } from '../../local/host/messageLease';
import { QueueListener } from '../../local/host/queueListener';
import { QueueProcessor } from '../../local/host/queueProcessor';
import { StatisticsCounter } from '../../local/host/statistics';
import { createCastClients } from '../../src/castClients';
import { type Cast, type CastClients, createCast } from '../../src/cast';
import { notifierOf } from '../../src/failures/notifier';
import { createFhirClient } from '../../src/fhir/client';
import { createHttpClient } from '../../src/http/httpClient';
import { storageAccount } from '../../src/identity/storageAccount';
import { readSettings, type Settings } from '../../src/settings';
import type { StudyQueue } from '../../src/study/studyQueue';
import { noTelemetry } from '../../src/telemetry/telemetry';
import { profiled } from '../processes/cpuProfile';
import { sampleHeap } from '../processes/heapSamples';
import { serveParent } from '../processes/serveParent';
import { oldLoop } from './oldLoop';
import { countFhirTraffic, type FhirTraffic, totalOf } from './fhirTraffic';
import { type Moved, transportFloor } from './transportFloor';

/** One contestant in a process of its own: its CPU time and memory are those of its work alone. */

export type ContestantName = 'cast' | 'old loop' | 'floor';

export interface ContestantInput {
  readonly contestant: ContestantName;
  readonly dicomUrl: string;
  readonly fhirUrl: string;
  readonly connectionString: string;
  /** Over host.json, such as { batchSize: 4, newBatchThreshold: 0 }. */
  readonly queueSettings?: { readonly batchSize: number; readonly newBatchThreshold: number };
}

export interface WorkFigures {
  readonly entries: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly messages: number;
  /** Looks at studies that the messages asked for. */
  readonly looks: number;
  /** Those among them that a look before asked for, each in a message of its own. */
  readonly looksAgain: number;
  readonly fhirTraffic: FhirTraffic;
  /** Bodies, without headers. */
  readonly bytesToFhir: number;
  readonly bytesFromFhir: number;
  /** Longest time for which the event loop did nothing else. */
  readonly longestTurnMs: number;
  /** Least memory in the last quarter of the time, of that in the second quarter: 1 where it is flat. */
  readonly memoryGrowth: number;
  /** Heap and what it holds outside; with garbage, unless the process was started with --expose-gc. */
  readonly peakMemoryMb: number;
}

type Work = Pick<WorkFigures, 'entries' | 'messages' | 'looks' | 'looksAgain'>;

interface Contestant {
  /** For the floor: what Cast moved for the feed that comes. */
  expect?(moved: Moved): void;
  /** Works off the feed; `most` bounds the entries of the old loop only. */
  work(most: number): Promise<Work>;
  /** Into the queue only. */
  pull(): Promise<Work>;
  /** Takes messages from now on. @returns how many are done with */
  listen(): Promise<() => number>;
  /** One look at a study, without a message. */
  look(studyUid: string): Promise<void>;
  /** Unmeasured: the old loop takes so many entries at once. */
  skip(most: number): Promise<void>;
  /** Unmeasured: works off what was left. @throws Error when entries have failed */
  finish(): Promise<void>;
}

const signal = new AbortController().signal;
let takeTraffic: () => FhirTraffic = () => ({});
let contestant: Contestant | undefined;
let handled = (): number => 0;

/** What pulls the feed into the queue, and what a message makes the queue trigger do. */
interface QueueApp {
  readonly pull: (queue: StudyQueue) => Promise<{ readonly entries: number; readonly stopped?: string }>;
  readonly sync: (message: unknown, delivery: Delivery, queue: StudyQueue) => Promise<void>;
  readonly failed: () => Promise<number>;
}

type Delivery = Parameters<Cast['syncStudy']>[1];

async function clientsFor(
  input: ContestantInput,
): Promise<{ readonly settings: Settings; readonly clients: CastClients }> {
  const settings = readSettings({ DICOM_URL: input.dicomUrl, FHIR_URL: input.fhirUrl });
  const account = storageAccount({ AzureWebJobsStorage: input.connectionString });
  const clients = createCastClients(settings, account, noTelemetry);
  const { syncStateTable, failedEntriesTable, warningsTable, patientLocks } = clients;
  const tables = [syncStateTable, failedEntriesTable, warningsTable, patientLocks];
  await Promise.all(tables.map((table) => table.createTable()));
  return { settings, clients };
}

async function castContestant(input: ContestantInput): Promise<Contestant> {
  const { settings, clients } = await clientsFor(input);
  const notifier = notifierOf(() => Promise.resolve());
  const castWith = (studyChanges: StudyQueue): Cast =>
    createCast(settings, { ...clients, studyChanges }, { telemetry: noTelemetry, notifier });
  let cast: Cast | undefined;
  const using = (queue: StudyQueue): Cast => (cast ??= castWith(queue));
  const app: QueueApp = {
    pull: (queue) => using(queue).pull(signal),
    sync: (message, delivery, queue) => using(queue).syncStudy(message, delivery, signal),
    failed: async () => (await using(clients.studyChanges).status(signal)).failedEntries.total,
  };
  return onQueue(input, clients.studyChanges, app);
}

/** Moves the bytes that Cast moves, with the same clients and in the same order, and looks at nothing. */
async function floorContestant(input: ContestantInput): Promise<Contestant> {
  const { settings, clients } = await clientsFor(input);
  const dependencies = {
    ...input,
    ...clients,
    settings,
    dicomHttp: createHttpClient({ origin: input.dicomUrl, timeoutMs: 60_000, maxConnections: 32 }),
    fhirHttp: createHttpClient({ origin: new URL(input.fhirUrl).origin, timeoutMs: 60_000, maxConnections: 32 }),
  };
  const floor = transportFloor(dependencies);
  const contestant = await onQueue(input, clients.studyChanges, {
    pull: (queue) => floor.pull(queue, signal),
    sync: (message, { invocationId }, queue) => floor.sync(message, invocationId, queue, signal),
    failed: () => Promise.resolve(0),
  });
  return { ...contestant, expect: (moved) => floor.expect(moved) };
}

/** Pulls while the queue trigger works, until every message is done with. */
async function onQueue(input: ContestantInput, studyChanges: StudyQueue, app: QueueApp): Promise<Contestant> {
  const queue = storageAccount({ AzureWebJobsStorage: input.connectionString }).queue('study-changes');
  await queue.createIfNotExists();
  let listener: QueueListener | undefined;
  let sent = 0;
  let looks = 0;
  let looksAgain = 0;
  const takeWork = (entries: number): Work => {
    const work = { entries, messages: sent, looks, looksAgain };
    [sent, looks, looksAgain] = [0, 0, 0];
    return work;
  };
  // What a busy queue does by itself: the listener of an idle one polls at intervals.
  const waking = async (studies: number, send: () => Promise<number>): Promise<number> => {
    const count = await send();
    sent += count;
    looks += studies;
    listener?.wake();
    return count;
  };
  const wakingQueue: StudyQueue = {
    ...studyChanges,
    send(message, options) {
      if (message.again === true) looksAgain++;
      return waking(1, () => studyChanges.send(message, options));
    },
    sendShared: (messages, sending) => waking(messages.length, () => studyChanges.sendShared(messages, sending)),
  };
  return {
    async work() {
      const statistics = new StatisticsCounter();
      const sync = (message: unknown, delivery: Delivery): Promise<void> => app.sync(message, delivery, wakingQueue);
      listener = await hostListener(input, sync, queue, statistics);
      listener.start();
      const entries = await pullAll(app, wakingQueue);
      const done = (): number => statistics.snapshot().queues[queue.name]?.deleted ?? 0;
      while (done() < sent) await sleep(2);
      await listener.stop();
      return takeWork(entries);
    },
    async pull() {
      return takeWork(await pullAll(app, wakingQueue));
    },
    async listen() {
      const statistics = new StatisticsCounter();
      const sync = (message: unknown, delivery: Delivery): Promise<void> => app.sync(message, delivery, wakingQueue);
      listener = await hostListener(input, sync, queue, statistics);
      listener.start();
      return () => statistics.snapshot().queues[queue.name]?.deleted ?? 0;
    },
    look: async (studyUid) => {
      const delivery = { messageId: 'none', popReceipt: 'none', dequeueCount: 1, invocationId: `look-${++looksAlone}` };
      await app.sync({ study: { partition: 'Microsoft.Default', uid: studyUid }, changes: [] }, delivery, wakingQueue);
    },
    skip: () => Promise.reject(new Error('Only the old loop is sampled')),
    async finish() {
      const failed = await app.failed();
      if (failed > 0) throw new Error(`${failed} entries failed`);
    },
  };
}

let looksAlone = 0;

/** As the timer does it: again and again, also after a run that was held back by a full queue. */
async function pullAll(app: QueueApp, queue: StudyQueue): Promise<number> {
  let entries = 0;
  for (;;) {
    const summary = await app.pull(queue);
    entries += summary.entries;
    if (summary.stopped !== 'held-back' && summary.stopped !== 'deadline') return entries;
    await sleep(20);
  }
}

/** The queue trigger of the host stand-in, with its polling, its batches and its completion of messages. */
async function hostListener(
  { queueSettings }: ContestantInput,
  sync: (message: unknown, delivery: Delivery) => Promise<void>,
  queue: ConstructorParameters<typeof QueueListener>[0],
  statistics: StatisticsCounter,
): Promise<QueueListener> {
  const { queues } = await readHostSettings(join(__dirname, '../..'), process.env);
  const settings = { ...queues, ...queueSettings };
  const logger = new HostLogger({}, ({ level, message }) => {
    if (level === 'error' || level === 'critical') console.error(message);
  });
  const processor = new QueueProcessor({
    queue,
    poisonQueue: undefined,
    settings,
    leaseSeconds: MESSAGE_LEASE_SECONDS,
    invoke: async (body, message) => {
      const { messageId, popReceipt, dequeueCount } = message;
      try {
        const invocationId = `${messageId}-${dequeueCount}`;
        await sync(JSON.parse(body), { messageId, popReceipt, dequeueCount, invocationId });
        return { kind: 'succeeded', response: {} };
      } catch (error) {
        return { kind: 'failed', error };
      }
    },
    isAbandoned: () => false,
    onPoisoned: () => undefined,
    statistics,
    logger,
  });
  return new QueueListener(queue, processor, settings, MESSAGE_LEASE_SECONDS, logger);
}

async function oldLoopContestant(input: ContestantInput): Promise<Contestant> {
  const http = createHttpClient({ origin: input.dicomUrl, timeoutMs: 60_000, maxConnections: 4 });
  const fhirHttp = createHttpClient({ origin: new URL(input.fhirUrl).origin, timeoutMs: 60_000, maxConnections: 4 });
  const stateTable = storageAccount({ AzureWebJobsStorage: input.connectionString }).table('OldState');
  await stateTable.createTable();
  const fhir = createFhirClient({ http: fhirHttp, baseUrl: input.fhirUrl });
  const loop = oldLoop({ http, dicomUrl: input.dicomUrl, fhir, stateTable });
  return {
    work: async (most) => ({ entries: await loop.run(most, signal), messages: 0, looks: 0, looksAgain: 0 }),
    pull: notOfOldLoop,
    listen: notOfOldLoop,
    look: notOfOldLoop,
    skip: (most) => loop.fastForward(most, signal),
    finish: () => loop.fastForward(Number.MAX_SAFE_INTEGER, signal),
  };
}

const notOfOldLoop = (): Promise<never> => Promise.reject(new Error('The old loop has no queue'));

function started(): Contestant {
  if (contestant === undefined) throw new Error('The contestant has not been started');
  return contestant;
}

const CONTESTANTS: Readonly<Record<ContestantName, (input: ContestantInput) => Promise<Contestant>>> = {
  cast: castContestant,
  'old loop': oldLoopContestant,
  floor: floorContestant,
};

/** How often the event loop is looked at. */
const LOOP_RESOLUTION_MS = 2;

async function measure(work: () => Promise<Work>): Promise<WorkFigures> {
  takeTraffic();
  const loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
  loop.enable();
  const heapFigures = sampleHeap();
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  const { entries, messages, looks, looksAgain } = await work();
  const seconds = (performance.now() - startedAt) / 1000;
  const used = process.cpuUsage(cpu);
  loop.disable();
  const fhirTraffic = takeTraffic();
  const heap = heapFigures();
  const total = totalOf(fhirTraffic);
  return {
    entries,
    messages,
    looks,
    looksAgain,
    seconds,
    cpuSeconds: (used.user + used.system) / 1e6,
    fhirTraffic,
    bytesToFhir: total.sent,
    bytesFromFhir: total.received,
    longestTurnMs: Math.max(0, loop.max / 1e6 - LOOP_RESOLUTION_MS),
    memoryGrowth: heap.growth,
    peakMemoryMb: heap.peakBytes / 2 ** 20,
  };
}

const operations = {
  async start(input: ContestantInput): Promise<void> {
    takeTraffic = countFhirTraffic(input.fhirUrl);
    contestant = await CONTESTANTS[input.contestant](input);
  },
  expect(moved: Moved): void {
    started().expect?.(moved);
  },
  /** @param input.profile file for a CPU profile */
  work: ({ most, profile }: { readonly most: number; readonly profile?: string | undefined }): Promise<WorkFigures> =>
    profiled(profile, () => measure(() => started().work(most))),
  look: ({ studyUid }: { readonly studyUid: string }): Promise<WorkFigures> =>
    measure(async () => {
      await started().look(studyUid);
      return { entries: 0, messages: 0, looks: 1, looksAgain: 0 };
    }),
  pull: (_input: undefined): Promise<Work> => started().pull(),
  async listen(_input: undefined): Promise<void> {
    handled = await started().listen();
  },
  /** Messages done with since `listen`, and the CPU time of this process since its start. */
  progress(_input: undefined): { readonly handled: number; readonly cpuSeconds: number } {
    const { user, system } = process.cpuUsage();
    return { handled: handled(), cpuSeconds: (user + system) / 1e6 };
  },
  async skip({ most }: { readonly most: number }): Promise<void> {
    await started().skip(most);
  },
  async finish(_input: undefined): Promise<void> {
    await started().finish();
  },
};

export type ContestantOperations = typeof operations;

serveParent(operations);
