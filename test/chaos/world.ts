import type { TableClient } from '@azure/data-tables';
import { type DicomService, startDicomService } from '../../local/dicom/dicomService';
import { type FhirServerOptions, type LocalFhirServer, startFhirServer } from '../../local/fhir';
import { retryFailedEntries } from '../../src/api/retryFailedEntries';
import { resync } from '../../src/api/resync';
import { type Cast, type CastClients, createCast } from '../../src/cast';
import { createDicomWebClient } from '../../src/dicom/dicomWebClient';
import { failedEntries } from '../../src/failures/failedEntries';
import type { FailedEntry, FailedFeedEntry } from '../../src/failures/failedEntry';
import { notifierOf } from '../../src/failures/notifier';
import { createChangeFeedClient } from '../../src/feed/changeFeedClient';
import { createFhirClient } from '../../src/fhir/client';
import {
  createHttpClient,
  type HttpClient,
  type HttpRequest,
  type StreamingHttpClient,
} from '../../src/http/httpClient';
import { readSettings, type Settings } from '../../src/settings';
import type { StudyMessage } from '../../src/study/message';
import { patientLock, noPatientLock } from '../../src/study/patientLock';
import { isMarkKey } from '../../src/failures/tableKeys';
import { metrics } from '../../src/telemetry/names';
import { type MetricArguments, noSpans, type Telemetry } from '../../src/telemetry/telemetry';
import { type QueuedMessage, ScriptedQueue } from '../support/scriptedQueue';
import { inTime } from '../support/serviceTime';
import { steppedHttp, steppedQueue, stepTable, WireSlot } from './boundaries';
import { PATIENT_SYSTEM } from './history';
import type { Scheduler } from './scheduler';

export interface WorldOptions {
  readonly switches: NonNullable<FhirServerOptions['switches']>;
  readonly settings: Readonly<Record<string, string>>;
  /**
   * FHIR requests of a kind that a process sends before others wait for company. With none each waits, as if others were always under way:
   * only then do the few studies of a history meet often.
   */
  readonly groupsUnderWay: number;
  /** Milliseconds by which the clock of each process is wrong. */
  readonly skewsMs: readonly number[];
}

export interface Tables {
  /** Four fresh tables. */
  create(): Promise<readonly [TableClient, TableClient, TableClient, TableClient]>;
}

/** What was told, counted by name. */
export class Tally implements Telemetry {
  readonly counts: Record<string, number> = {};

  add(name: string, value = 1): void {
    this.counts[name] = (this.counts[name] ?? 0) + value;
  }

  event(name: string): void {
    this.add(`event ${name}`);
  }

  metric(...[name, value]: MetricArguments): void {
    if (metrics[name].kind === 'count') this.add(name, value);
  }

  log(_level: string, message: string): void {
    if (message === 'Pass starts over') this.add('started over');
  }

  readonly span = noSpans.span;
  readonly annotate = noSpans.annotate;
  readonly traceParent = noSpans.traceParent;
}

export const SHARED_REQUESTS = 'shared FHIR requests';

/** A search of several passes says how long its pages are; a transaction of several has more than one study. */
function isShared({ url, body }: HttpRequest): boolean {
  const studies = body?.match(/"resourceType":"ImagingStudy"/g) ?? [];
  return studies.length > 1 || new URL(url).searchParams.has('_count');
}

/** visibilityTimeout of host.json. */
const HOST_DELAY_MS = 30_000;

/** Cast in several processes between real services, all driven by one scheduler. */
export class World {
  readonly queue: ScriptedQueue;
  readonly poison: ScriptedQueue;
  readonly tally = new Tally();
  readonly casts: Cast[] = [];
  private readonly clients: Omit<CastClients, 'fhir'>;
  private readonly fhirHttp: HttpClient;
  private readonly https: StreamingHttpClient[] = [];
  private runs = 0;
  /** Whether the feed cannot show this window. */
  isBroken: (after: number, width: number) => boolean = () => false;
  poisoned = 0;
  /** Messages that a run has taken, by id. */
  readonly underWork = new Map<string, QueuedMessage>();

  private constructor(
    readonly dicom: DicomService,
    readonly fhir: LocalFhirServer,
    readonly settings: Settings,
    private readonly options: WorldOptions,
    private readonly scheduler: Scheduler,
    tables: Awaited<ReturnType<Tables['create']>>,
  ) {
    this.queue = new ScriptedQueue(() => scheduler.nowMs);
    this.poison = new ScriptedQueue(() => scheduler.nowMs);
    const fhirSlot = new WireSlot();
    const dicomSlot = new WireSlot();
    fhir.intercept = () => fhirSlot.take();
    dicom.faults.intercept = ({ kind, query }) => {
      const fault = dicomSlot.take();
      const broken =
        kind === 'changeFeed' && this.isBroken(Number(query.get('offset') ?? 0), Number(query.get('limit') ?? 10));
      return fault ?? (broken ? { status: 500 } : undefined);
    };
    this.fhirHttp = steppedHttp(this.http(fhir.url), 'fhir', scheduler, fhirSlot);
    const dicomHttp = steppedHttp(this.http(dicom.url), 'dicom', scheduler, dicomSlot);
    const [syncStateTable, failedEntriesTable, warningsTable, patientLocks] = tables;
    this.clients = {
      dicom: createDicomWebClient({ http: dicomHttp, baseUrl: dicom.url, version: settings.DICOM_API_VERSION }),
      changeFeed: createChangeFeedClient({ http: dicomHttp, baseUrl: dicom.url }),
      syncStateTable: stepTable(syncStateTable, scheduler),
      failedEntriesTable: stepTable(failedEntriesTable, scheduler),
      warningsTable: stepTable(warningsTable, scheduler),
      studyChanges: steppedQueue(this.queue, scheduler),
      poison: steppedQueue(this.poison, scheduler),
      // The service is behind everything that the scheduler does to a request.
      patientLocks: inTime(stepTable(patientLocks, scheduler, 'lease'), () => scheduler.nowMs),
    };
    this.casts = options.skewsMs.map((_, process) => this.createProcess(process));
  }

  static async start(scheduler: Scheduler, tables: Tables, options: WorldOptions): Promise<World> {
    const dicom = await startDicomService();
    const fhir = await startFhirServer({ switches: options.switches });
    const settings = readSettings({
      DICOM_URL: dicom.url,
      FHIR_URL: fhir.url,
      // The ports differ from run to run, and nothing else may.
      DICOM_PUBLIC_URL: 'https://dicom.example.org',
      PATIENT_ID_SYSTEM: PATIENT_SYSTEM,
      ...options.settings,
    });
    return new World(dicom, fhir, settings, options, scheduler, await tables.create());
  }

  private http(url: string): StreamingHttpClient {
    const client = createHttpClient({ origin: new URL(url).origin, timeoutMs: 20_000, maxConnections: 16 });
    this.https.push(client);
    return client;
  }

  /** A process with empty caches and closed breakers; studies that it works on at once share FHIR requests. */
  private createProcess(process: number): Cast {
    const nowMs = (): number => this.scheduler.nowMs + (this.options.skewsMs[process] ?? 0);
    const { FHIR_URL: baseUrl, FHIR_TOGETHER: together } = this.settings;
    const { groupsUnderWay } = this.options;
    const http: HttpClient = {
      ...this.fhirHttp,
      send: (request) => {
        if (isShared(request)) this.tally.add(SHARED_REQUESTS);
        return this.fhirHttp.send(request);
      },
    };
    return createCast(
      this.settings,
      { ...this.clients, fhir: createFhirClient({ http, baseUrl, together, groupsUnderWay }) },
      { telemetry: this.tally, notifier: notifierOf(() => Promise.resolve()), clock: () => new Date(nowMs()) },
      {
        decoratePasses: (passes) => ({
          open: (...args) => {
            this.tally.add('passes');
            return passes.open(...args);
          },
          openShared: (...args) => {
            this.tally.add('shared passes');
            return passes.openShared(...args);
          },
        }),
        decorateLock: () =>
          this.settings.PATIENT_LOCK === 'on'
            ? patientLock(this.clients.patientLocks, { now: () => this.scheduler.nowMs })
            : noPatientLock,
      },
    );
  }

  /** Everything that runs in a process ends; the host starts it again. */
  restart(process: number): void {
    this.casts[process] = this.createProcess(process);
  }

  get maxDequeueCount(): number {
    return this.settings.MAX_ATTEMPTS + 2;
  }

  /** Hands a message to a process by the rules of the host: completion, release, poison. */
  deliver(message: QueuedMessage, process: number): void {
    const taken = this.queue.receive(message);
    this.underWork.set(taken.id, taken);
    const studies = this.queue.parseAll(message).map(nameOfStudy).join(' and ');
    const name = `run ${++this.runs} (${taken.id} delivery ${taken.dequeueCount}, ${studies})`;
    const invocationId = `run-${this.runs}`;
    const cast = this.castOf(process);
    this.scheduler.start(name, process, async (actor) => {
      if (taken.dequeueCount > this.maxDequeueCount) return this.toPoison(taken);
      const { id: messageId, popReceipt, dequeueCount } = taken;
      const delivery = { messageId, popReceipt, dequeueCount, invocationId };
      try {
        await cast.syncStudy(JSON.parse(taken.text), delivery, actor.abort.signal);
      } catch (error) {
        this.tally.add(`thrown ${error instanceof Error ? error.name : typeof error}`);
        if (taken.dequeueCount >= this.maxDequeueCount) return this.toPoison(taken);
        this.queue.release(taken, HOST_DELAY_MS);
        return;
      }
      await this.complete(this.queue, taken);
    });
  }

  /** The host deletes a message after a run; when that fails the message comes back. */
  private async complete(queue: ScriptedQueue, message: QueuedMessage): Promise<void> {
    await this.scheduler.request(
      { boundary: 'queue', label: `complete ${message.id}`, writes: true },
      // eslint-disable-next-line @typescript-eslint/require-await
      async (fault) => {
        if (fault?.instead === undefined) queue.complete(message);
      },
    );
  }

  private async toPoison(message: QueuedMessage): Promise<void> {
    this.poisoned++;
    this.poison.put(message.text);
    await this.complete(this.queue, message);
  }

  handlePoison(message: QueuedMessage, process: number): void {
    const taken = this.poison.receive(message);
    const operationId = `poison-${++this.runs}`;
    const cast = this.castOf(process);
    this.scheduler.start(`${operationId} (${taken.id})`, process, async (actor) => {
      try {
        await cast.handlePoison(JSON.parse(taken.text), operationId, actor.abort.signal);
      } catch {
        this.poison.release(taken, HOST_DELAY_MS);
        return;
      }
      await this.complete(this.poison, taken);
    });
  }

  pull(process: number): void {
    this.start('pull', process, async (cast, signal) => {
      const { entries } = await cast.pull(signal);
      this.tally.add('entries pulled', entries);
    });
  }

  sweep(process: number): void {
    this.start('sweep', process, (cast, signal) => cast.sweepMarks(signal));
  }

  /** A user has everything that failed tried again. */
  retryAll(process: number): void {
    const entries = failedEntries(this.clients.failedEntriesTable, () => new Date(this.scheduler.nowMs));
    const { studyChanges: queue, changeFeed } = this.clients;
    this.start('retry all', process, (_cast, signal) =>
      retryFailedEntries({ failedEntries: entries, queue, changeFeed }, {}, signal),
    );
  }

  resync(process: number): void {
    const { dicom, studyChanges: queue } = this.clients;
    this.start('resync', process, (_cast, signal) => resync({ dicom, queue }, {}, signal));
  }

  private start(name: string, process: number, work: (cast: Cast, signal: AbortSignal) => Promise<unknown>): void {
    const cast = this.castOf(process);
    this.scheduler.start(`${name} ${++this.runs}`, process, async (actor) => {
      try {
        await work(cast, actor.abort.signal);
      } catch (error) {
        // The next tick of the timer, or the user, tries again.
        this.tally.add(`thrown by ${name}: ${error instanceof Error ? error.name : typeof error}`);
      }
    });
  }

  private castOf(process: number): Cast {
    const cast = this.casts[process];
    if (cast === undefined) throw new RangeError('No such process');
    return cast;
  }

  /** Every row of the table, marks left out. */
  async rows(): Promise<readonly (FailedEntry | FailedFeedEntry)[]> {
    const table = failedEntries(this.clients.failedEntriesTable, () => new Date(this.scheduler.nowMs));
    const page = await table.list({}, { top: 1000 }, new AbortController().signal);
    return page.items;
  }

  async marks(): Promise<number> {
    let marks = 0;
    for await (const { rowKey = '' } of this.clients.failedEntriesTable.listEntities()) if (isMarkKey(rowKey)) marks++;
    return marks;
  }

  async cursor(): Promise<number> {
    const signal = new AbortController().signal;
    const status = await this.castOf(0).status(signal);
    return status.changeFeed.sequence;
  }

  async stop(): Promise<void> {
    await Promise.all(this.https.map((http) => http.close()));
    await this.dicom.stop();
    await this.fhir.stop();
    const { syncStateTable, failedEntriesTable, warningsTable, patientLocks } = this.clients;
    for (const table of [syncStateTable, failedEntriesTable, warningsTable, patientLocks]) await table.deleteTable();
  }
}

function nameOfStudy({ study, changes }: StudyMessage): string {
  const sequences = changes.map(({ sequence }) => sequence).join(',');
  return `${study.partition === 'clinic-b' ? 'b:' : ''}${study.uid.split('.').at(-1) ?? ''} [${sequences}]`;
}
