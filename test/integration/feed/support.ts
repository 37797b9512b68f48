import type { TableClient } from '@azure/data-tables';
import { type DicomService, type DicomServiceOptions, startDicomService } from '../../../local/dicom/dicomService';
import { type FailedFeedEntry, type FailedEntry } from '../../../src/failures/failedEntry';
import { failedEntries } from '../../../src/failures/failedEntries';
import { notifierOf } from '../../../src/failures/notifier';
import { createChangeFeedClient } from '../../../src/feed/changeFeedClient';
import { pullChangeFeed, type PullDependencies, type PullSummary } from '../../../src/feed/pullChangeFeed';
import { type StoredSyncState, syncStateStore } from '../../../src/feed/syncState';
import { createHttpClient } from '../../../src/http/httpClient';
import type { StudyMessage } from '../../../src/study/message';
import { syncReporter } from '../../../src/study/syncReporter';
import { recordingTelemetry } from '../../support/recordingTelemetry';
import type { AzuriteForTests } from '../../support/azurite';
import { ctInstance, testUid } from '../../support/instances';
import { ScriptedQueue } from '../../support/scriptedQueue';

export const never = new AbortController().signal;

/** A puller between a real DICOM service and real tables, with a queue that keeps what was sent. */
export interface FeedRig {
  readonly dicom: DicomService;
  readonly queue: ScriptedQueue;
  readonly telemetry: ReturnType<typeof recordingTelemetry>;
  readonly notified: readonly { readonly kind: string; readonly event: unknown }[];
  readonly stateTable: TableClient;
  /** One run of the puller. */
  pull(change?: Partial<PullDependencies>): Promise<PullSummary>;
  readonly dependencies: PullDependencies;
  state(): Promise<StoredSyncState>;
  /** Messages that were sent so far. */
  messages(): readonly StudyMessage[];
  /** Sequences in all messages, sorted. */
  sentSequences(): readonly number[];
  unreadable(): Promise<readonly (FailedEntry | FailedFeedEntry)[]>;
  /** Stores one instance in each of so many new studies. */
  storeStudies(count: number, instancesEach?: number): void;
  stop(): Promise<void>;
}

export async function startFeedRig(azurite: AzuriteForTests, options: DicomServiceOptions = {}): Promise<FeedRig> {
  const dicom = await startDicomService(options);
  const http = createHttpClient({ origin: dicom.url, timeoutMs: 10_000, maxConnections: 16 });
  const [stateTable, failedTable] = [await azurite.table(), await azurite.table()];
  const queue = new ScriptedQueue(() => Date.now());
  const telemetry = recordingTelemetry();
  const notified: { readonly kind: string; readonly event: unknown }[] = [];
  const state = syncStateStore(stateTable);
  const failures = failedEntries(failedTable, () => new Date());
  const notifier = notifierOf((kind, event) => {
    notified.push({ kind, event });
    return Promise.resolve();
  });
  const dependencies: PullDependencies = {
    client: createChangeFeedClient({ http, baseUrl: dicom.url }),
    state,
    queue,
    failedEntries: failures,
    reporter: syncReporter({ telemetry, notifier, warnings: { fileAll: () => Promise.resolve() } }),
    notifier,
    telemetry,
    studiesPerMessage: 1,
    limits: { entries: 1000, windowsInFlight: 4 },
    queueLimit: 5000,
    softDeadlineMs: 60_000,
  };
  const messages = (): readonly StudyMessage[] =>
    queue.sent.flatMap((text) => queue.parseAll({ id: '', text, dequeueCount: 0, visibleAtMs: 0, popReceipt: '' }));
  let stored = 0;
  return {
    dicom,
    queue,
    telemetry,
    notified,
    stateTable,
    dependencies,
    pull: (change = {}) => pullChangeFeed({ ...dependencies, ...change }, never),
    state: () => state.read(never),
    messages,
    sentSequences: () =>
      messages()
        .flatMap(({ changes }) => changes.map(({ sequence }) => sequence))
        .sort((a, b) => a - b),
    unreadable: async () => (await failures.list({}, { top: 1000 }, never)).items,
    storeStudies(count, instancesEach = 1) {
      for (let study = 0; study < count; study++) {
        const uid = testUid(100 + stored++);
        for (let instance = 1; instance <= instancesEach; instance++)
          dicom.store(ctInstance({ study: uid, instance: `${uid}.1.${instance}` }));
      }
    },
    async stop() {
      await http.close();
      await dicom.stop();
    },
  };
}

/** The whole numbers from `first` to `last`. */
export function numbers(first: number, last: number): readonly number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
