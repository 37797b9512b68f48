import { randomUUID } from 'node:crypto';
import type { TableClient } from '@azure/data-tables';
import { type DicomService, startDicomService } from '../../local/dicom/dicomService';
import { type FhirServerOptions, type LocalFhirServer, startFhirServer } from '../../local/fhir';
import { type Cast, type CastClients, createCast } from '../../src/cast';
import { createDicomWebClient } from '../../src/dicom/dicomWebClient';
import type { FailedEntry } from '../../src/failures/failedEntry';
import { failedEntries } from '../../src/failures/failedEntries';
import { notifierOf } from '../../src/failures/notifier';
import { createChangeFeedClient } from '../../src/feed/changeFeedClient';
import { createFhirClient } from '../../src/fhir/client';
import { createHttpClient, type StreamingHttpClient } from '../../src/http/httpClient';
import { readSettings, type Settings } from '../../src/settings';
import { recordingTelemetry } from './recordingTelemetry';
import type { AzuriteForTests } from './azurite';
import { type QueuedMessage, ScriptedQueue } from './scriptedQueue';
import { Stepper } from './stepper';

export interface CastRigOptions {
  readonly switches?: FhirServerOptions['switches'];
  readonly settings?: Readonly<Record<string, string>>;
}

/** A worker (or puller) of its own: its own clients, each request of which a test can hold. */
export interface RigWorker {
  readonly name: string;
  readonly stepper: Stepper;
  readonly clients: CastClients;
  readonly cast: Cast;
  /** Starts the handling of a message, standing before its first request. */
  take(message: QueuedMessage): void;
}

/** maxDequeueCount of host.json. */
const MAX_DEQUEUE_COUNT = 10;
/** visibilityTimeout of host.json. */
const HOST_DELAY_MS = 30_000;

/** Cast between real embedded services and real tables, with a scripted queue and a clock of the test's own. */
export class CastRig {
  readonly telemetry = recordingTelemetry();
  readonly notifications: { readonly kind: string; readonly event: unknown }[] = [];
  readonly notifier = notifierOf((kind, event) => {
    this.notifications.push({ kind, event });
    return Promise.resolve();
  });
  readonly poisoned: string[] = [];
  readonly queue = new ScriptedQueue(() => this.nowMs);
  readonly cast: Cast;
  readonly clients: CastClients;
  private nowMs = Date.parse('2026-01-01T00:00:00Z');
  private readonly https: StreamingHttpClient[] = [];

  private constructor(
    readonly dicom: DicomService,
    readonly fhir: LocalFhirServer,
    readonly settings: Settings,
    private readonly tables: readonly [TableClient, TableClient, TableClient, TableClient],
  ) {
    this.clients = this.createClients();
    this.cast = this.createCast(this.clients);
  }

  static async start(azurite: AzuriteForTests, options: CastRigOptions = {}): Promise<CastRig> {
    const dicom = await startDicomService();
    const fhir = await startFhirServer(options.switches === undefined ? {} : { switches: options.switches });
    const settings = readSettings({
      DICOM_URL: dicom.url,
      FHIR_URL: fhir.url,
      PATIENT_ID_SYSTEM: 'urn:oid:1.2.3.4',
      ...options.settings,
    });
    const tables = await Promise.all([azurite.table(), azurite.table(), azurite.table(), azurite.table()]);
    return new CastRig(dicom, fhir, settings, tables);
  }

  now(): Date {
    return new Date(this.nowMs);
  }

  advance(ms: number): void {
    this.nowMs += ms;
  }

  createClients(): CastClients {
    const http = (url: string): StreamingHttpClient => {
      const client = createHttpClient({ origin: new URL(url).origin, timeoutMs: 10_000, maxConnections: 16 });
      this.https.push(client);
      return client;
    };
    const dicomHttp = http(this.settings.DICOM_URL);
    const [syncStateTable, failedEntriesTable, warningsTable, patientLocks] = this.tables;
    return {
      dicom: createDicomWebClient({
        http: dicomHttp,
        baseUrl: this.settings.DICOM_URL,
        version: this.settings.DICOM_API_VERSION,
      }),
      changeFeed: createChangeFeedClient({ http: dicomHttp, baseUrl: this.settings.DICOM_URL }),
      fhir: createFhirClient({
        http: http(this.settings.FHIR_URL),
        baseUrl: this.settings.FHIR_URL,
        together: this.settings.FHIR_TOGETHER,
      }),
      syncStateTable,
      failedEntriesTable,
      warningsTable,
      studyChanges: this.queue,
      poison: new ScriptedQueue(() => this.nowMs),
      patientLocks,
    };
  }

  /** @param changed settings that somebody has changed since */
  createCast(
    clients: CastClients,
    parts: Parameters<typeof createCast>[3] = {},
    changed: Partial<Settings> = {},
  ): Cast {
    return createCast(
      { ...this.settings, ...changed },
      clients,
      { telemetry: this.telemetry, notifier: this.notifier, clock: () => this.now() },
      parts,
    );
  }

  /**
   * A worker whose requests can be stepped. `fhir.*`, `dicom.*`, `passes.open`, `pass.settle`, `queue.*` and `lock.*` are its steps.
   * @param change replaces parts of it, to take a rule out
   */
  worker(
    name: string,
    change: (parts: NonNullable<Parameters<typeof createCast>[3]>) => Parameters<typeof createCast>[3] = (parts) =>
      parts,
  ): RigWorker {
    const stepper = new Stepper(name);
    const plain = this.createClients();
    const clients: CastClients = {
      ...plain,
      dicom: stepper.wrap('dicom', plain.dicom),
      fhir: stepper.wrap('fhir', plain.fhir),
      changeFeed: stepper.wrap('feed', plain.changeFeed),
      studyChanges: stepper.wrap('queue', plain.studyChanges),
    };
    const cast = this.createCast(
      clients,
      change({
        decoratePasses: (passes) => gatedPasses(passes, stepper),
        decorateLock: (lock) => stepper.wrap('lock', lock),
      }),
    );
    return {
      name,
      stepper,
      clients,
      cast,
      take: (message) => {
        const taken = this.queue.receive(message);
        stepper.start(() => this.run(cast, taken));
      },
    };
  }

  async pull(cast: Cast = this.cast): Promise<void> {
    await cast.pull(signal());
  }

  /** Delivers a message by the rules of the host: completion, release, poison. */
  async deliver(message: QueuedMessage, cast: Cast = this.cast): Promise<void> {
    await this.run(cast, this.queue.receive(message));
  }

  private async run(cast: Cast, message: QueuedMessage): Promise<void> {
    if (message.dequeueCount > MAX_DEQUEUE_COUNT) {
      this.poison(message);
      return;
    }
    const delivery = {
      messageId: message.id,
      popReceipt: message.popReceipt,
      dequeueCount: message.dequeueCount,
      invocationId: randomUUID(),
    };
    try {
      await cast.syncStudy(JSON.parse(message.text), delivery, signal());
    } catch {
      if (message.dequeueCount >= MAX_DEQUEUE_COUNT) this.poison(message);
      else this.queue.release(message, HOST_DELAY_MS);
      return;
    }
    this.queue.complete(message);
  }

  private poison(message: QueuedMessage): void {
    this.poisoned.push(message.text);
    this.queue.complete(message);
  }

  /** Delivers until the queue is empty, moving the clock on where every message waits. */
  async drain(cast: Cast = this.cast, maxDeliveries = 500): Promise<void> {
    for (let deliveries = 0; this.queue.length > 0; deliveries++) {
      if (deliveries >= maxDeliveries) throw new Error(`The queue is not empty after ${maxDeliveries} deliveries`);
      const [message] = this.queue.visible();
      if (message !== undefined) await this.deliver(message, cast);
      else this.nowMs = Math.max(this.nowMs, this.queue.nextVisibleAtMs() ?? this.nowMs);
    }
  }

  /** Pulls and drains until nothing is left to do, old marks included. */
  async settle(cast: Cast = this.cast): Promise<void> {
    await this.pull(cast);
    await this.drain(cast);
    this.advance(3_600_000);
    await cast.sweepMarks(signal());
    await this.drain(cast);
  }

  async failures(): Promise<readonly FailedEntry[]> {
    const page = await failedEntries(this.clients.failedEntriesTable, () => this.now()).list(
      {},
      { top: 1000 },
      signal(),
    );
    return page.items.filter((entry): entry is FailedEntry => entry.study !== undefined);
  }

  async stop(): Promise<void> {
    await Promise.all(this.https.map((http) => http.close()));
    await this.dicom.stop();
    await this.fhir.stop();
  }
}

function gatedPasses(
  passes: Parameters<NonNullable<NonNullable<Parameters<typeof createCast>[3]>['decoratePasses']>>[0],
  stepper: Stepper,
): typeof passes {
  return {
    async open(...args) {
      await stepper.gate('passes.open');
      return stepper.wrap('pass', await passes.open(...args));
    },
    async openShared(...args) {
      await stepper.gate('passes.open');
      const pass = await passes.openShared(...args);
      return { ...pass, settle: stepper.wrap('pass', pass).settle };
    },
  };
}

export function signal(): AbortSignal {
  return new AbortController().signal;
}
