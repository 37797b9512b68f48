import { setTimeout as sleep } from 'node:timers/promises';
import { QueueServiceClient } from '@azure/storage-queue';
import { type RunningAzurite, startAzurite } from '../../local/azurite/azurite';
import { startDicomService } from '../../local/dicom/dicomService';
import { startFhirServer } from '../../local/fhir';
import { createCastClients } from '../../src/app';
import { createCast } from '../../src/cast';
import { notifierOf } from '../../src/failures/notifier';
import { createFhirClient } from '../../src/fhir/client';
import { createHttpClient } from '../../src/http/httpClient';
import { storageAccount } from '../../src/identity/storageAccount';
import { readSettings } from '../../src/settings';
import { noTelemetry } from '../../src/telemetry/telemetry';
import { startDelayProxy } from './delayProxy';
import type { FeedShape } from './feedShapes';
import { runOldLoop } from './oldLoop';

/** What one contestant needed for one feed. */
export interface Figures {
  readonly entries: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly fhirRequests: number;
  readonly dicomRequests: number;
  /** Versions that the FHIR server created. */
  readonly fhirWrites: number;
}

export type Contestant = 'cast' | 'old loop';

/** Messages of the queue that are worked on at once: what host.json allows one instance. */
const WORKERS = 12;

/** Lets one contestant work off one feed, on services of its own. */
export async function contest(
  contestant: Contestant,
  shape: FeedShape,
  delayMs: number,
  signal: AbortSignal,
): Promise<Figures> {
  const azurite = await startAzurite();
  const dicom = await startDicomService({ latencyMs: delayMs });
  const fhir = await startFhirServer({ latencyMs: delayMs });
  const storage = await delayedStorage(azurite, delayMs);
  const settings = readSettings({ DICOM_URL: dicom.url, FHIR_URL: fhir.url });
  const clients = createCastClients(
    settings,
    storageAccount({ AzureWebJobsStorage: storage.connectionString }),
    noTelemetry,
  );
  for (const table of [clients.syncStateTable, clients.failedEntriesTable, clients.warningsTable])
    await table.createTable();
  const http = createHttpClient({ origin: dicom.url, timeoutMs: 60_000, maxConnections: 4 });
  const fhirHttp = createHttpClient({ origin: new URL(fhir.url).origin, timeoutMs: 60_000, maxConnections: 4 });
  const cast = createCast(settings, clients, { telemetry: noTelemetry, notifier: notifierOf(() => Promise.resolve()) });
  const queue = QueueServiceClient.fromConnectionString(storage.connectionString).getQueueClient('study-changes');
  await queue.createIfNotExists();

  let seconds = 0;
  let cpuSeconds = 0;
  let cursor = 0;
  for (const step of shape.steps) {
    step(dicom);
    const cpu = process.cpuUsage();
    const started = performance.now();
    if (contestant === 'cast') {
      await cast.pull(signal);
      await drain(queue, async (text, delivery) => cast.syncStudy(JSON.parse(text), delivery, signal));
    } else {
      cursor = await runOldLoop(
        {
          http,
          dicomUrl: dicom.url,
          fhir: createFhirClient({ http: fhirHttp, baseUrl: fhir.url }),
          stateTable: clients.syncStateTable,
        },
        cursor,
        signal,
      );
    }
    seconds += (performance.now() - started) / 1000;
    const used = process.cpuUsage(cpu);
    cpuSeconds += (used.user + used.system) / 1e6;
  }
  const failed = contestant === 'cast' ? (await cast.status(signal)).failedEntries.total : 0;
  if (failed > 0) throw new Error(`${failed} entries failed`);
  const figures = {
    entries: dicom.latestSequence,
    seconds,
    cpuSeconds,
    fhirRequests: fhir.requests.total,
    dicomRequests: Object.values(dicom.requests).reduce((sum, count) => sum + count, 0),
    fhirWrites: fhir.writes,
  };
  await http.close();
  await fhirHttp.close();
  await storage.stop();
  await Promise.all([dicom.stop(), fhir.stop(), azurite.stop()]);
  return figures;
}

type Work = (
  text: string,
  delivery: { messageId: string; popReceipt: string; dequeueCount: number; invocationId: string },
) => Promise<void>;

/** Takes messages as the host does, several at once, until the queue is empty. */
async function drain(queue: ReturnType<QueueServiceClient['getQueueClient']>, work: Work): Promise<void> {
  const worker = async (): Promise<void> => {
    for (;;) {
      const { receivedMessageItems } = await queue.receiveMessages({ numberOfMessages: 1, visibilityTimeout: 600 });
      const [message] = receivedMessageItems;
      if (message === undefined) {
        if (((await queue.getProperties()).approximateMessagesCount ?? 0) === 0) return;
        await sleep(20);
        continue;
      }
      const { messageId, popReceipt, dequeueCount, messageText } = message;
      await work(Buffer.from(messageText, 'base64').toString('utf8'), {
        messageId,
        popReceipt,
        dequeueCount,
        invocationId: `${messageId}-${dequeueCount}`,
      });
      await queue.deleteMessage(messageId, popReceipt);
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, worker));
}

async function delayedStorage(
  azurite: RunningAzurite,
  delayMs: number,
): Promise<{ readonly connectionString: string; stop(): Promise<void> }> {
  if (delayMs === 0) return { connectionString: azurite.connectionString, stop: () => Promise.resolve() };
  const urls = [azurite.blobUrl, azurite.queueUrl, azurite.tableUrl];
  const proxies = await Promise.all(urls.map((url) => startDelayProxy(url, delayMs)));
  const connectionString = urls.reduce(
    (text, url, index) => text.replace(new URL(url).origin, proxies[index]?.url ?? ''),
    azurite.connectionString,
  );
  return {
    connectionString,
    stop: async () => {
      await Promise.all(proxies.map((proxy) => proxy.stop()));
    },
  };
}
