import { subscribe } from 'node:diagnostics_channel';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { HostLogger } from '../../local/host/logs';
import { readHostSettings } from '../../local/host/hostSettings';
import { MESSAGE_LEASE_SECONDS } from '../../local/host/messageLease';
import { QueueListener } from '../../local/host/queueListener';
import { QueueProcessor } from '../../local/host/queueProcessor';
import { StatisticsCounter } from '../../local/host/statistics';
import { createCastClients } from '../../src/app';
import { type Cast, createCast } from '../../src/cast';
import { notifierOf } from '../../src/failures/notifier';
import { createFhirClient } from '../../src/fhir/client';
import { createHttpClient } from '../../src/http/httpClient';
import { storageAccount } from '../../src/identity/storageAccount';
import { readSettings } from '../../src/settings';
import { noTelemetry } from '../../src/telemetry/telemetry';
import { serveParent } from '../processes/serveParent';
import { oldLoop } from './oldLoop';

/** One contestant in a process of its own: its CPU time and memory are those of its work alone. */

export type ContestantName = 'cast' | 'old loop';

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
  /** Bodies, without headers. */
  readonly bytesToFhir: number;
  readonly bytesFromFhir: number;
  /** Of the process, since its start. */
  readonly peakMemoryMb: number;
}

type Work = Pick<WorkFigures, 'entries' | 'messages'>;

interface Contestant {
  /** Works off the feed; `most` bounds the entries of the old loop only. */
  work(most: number): Promise<Work>;
  /** What was left, unmeasured. */
  finish(): Promise<void>;
}

const signal = new AbortController().signal;
const traffic = { sent: 0, received: 0 };
let fhirOrigin = '';

/** undici tells of the bytes of each body; storage clients do not use it. */
function countTraffic(): void {
  const count = (name: string, add: (bytes: number) => void): void =>
    subscribe(name, (message) => {
      const { request, chunk } = message as { request: { origin: string | URL }; chunk: string | Uint8Array };
      if (new URL(request.origin).origin === fhirOrigin) add(Buffer.byteLength(chunk));
    });
  count('undici:request:bodyChunkSent', (bytes) => (traffic.sent += bytes));
  count('undici:request:bodyChunkReceived', (bytes) => (traffic.received += bytes));
}

let contestant: Contestant | undefined;

async function castContestant(input: ContestantInput): Promise<Contestant> {
  const settings = readSettings({ DICOM_URL: input.dicomUrl, FHIR_URL: input.fhirUrl });
  const account = storageAccount({ AzureWebJobsStorage: input.connectionString });
  const clients = createCastClients(settings, account, noTelemetry);
  const tables = [clients.syncStateTable, clients.failedEntriesTable, clients.warningsTable];
  await Promise.all(tables.map((table) => table.createTable()));
  const queue = account.queue('study-changes');
  await queue.createIfNotExists();
  const notifier = notifierOf(() => Promise.resolve());
  let listener: QueueListener | undefined;
  let sent = 0;
  const studyChanges: typeof clients.studyChanges = {
    ...clients.studyChanges,
    // What a busy queue does by itself: the listener of an idle one polls at intervals.
    async send(message, options) {
      const count = await clients.studyChanges.send(message, options);
      sent += count;
      listener?.wake();
      return count;
    },
  };
  const cast = createCast(settings, { ...clients, studyChanges }, { telemetry: noTelemetry, notifier });
  return {
    async work() {
      sent = 0;
      const statistics = new StatisticsCounter();
      listener = await hostListener(input, cast, queue, statistics);
      listener.start();
      const { entries } = await cast.pull(signal);
      const done = (): number => statistics.snapshot().queues[queue.name]?.deleted ?? 0;
      while (done() < sent) await sleep(2);
      await listener.stop();
      const failed = (await cast.status(signal)).failedEntries.total;
      if (failed > 0) throw new Error(`${failed} entries failed`);
      return { entries, messages: sent };
    },
    finish: () => Promise.resolve(),
  };
}

/** The queue trigger of the host stand-in, with its polling, its batches and its completion of messages. */
async function hostListener(
  { queueSettings }: ContestantInput,
  cast: Cast,
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
      const invocationId = `${messageId}-${dequeueCount}`;
      try {
        await cast.syncStudy(JSON.parse(body), { messageId, popReceipt, dequeueCount, invocationId }, signal);
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
    work: async (most) => ({ entries: await loop.run(most, signal), messages: 0 }),
    finish: () => loop.fastForward(signal),
  };
}

function started(): Contestant {
  if (contestant === undefined) throw new Error('The contestant has not been started');
  return contestant;
}

const operations = {
  async start(input: ContestantInput): Promise<void> {
    fhirOrigin = new URL(input.fhirUrl).origin;
    countTraffic();
    contestant = await (input.contestant === 'cast' ? castContestant(input) : oldLoopContestant(input));
  },
  async work({ most }: { readonly most: number }): Promise<WorkFigures> {
    const before = { ...traffic };
    const cpu = process.cpuUsage();
    const startedAt = performance.now();
    const { entries, messages } = await started().work(most);
    const seconds = (performance.now() - startedAt) / 1000;
    const used = process.cpuUsage(cpu);
    return {
      entries,
      messages,
      seconds,
      cpuSeconds: (used.user + used.system) / 1e6,
      bytesToFhir: traffic.sent - before.sent,
      bytesFromFhir: traffic.received - before.received,
      peakMemoryMb: process.resourceUsage().maxRSS / 1024,
    };
  },
  async finish(_input: undefined): Promise<void> {
    await started().finish();
  },
};

export type ContestantOperations = typeof operations;

serveParent(operations);
