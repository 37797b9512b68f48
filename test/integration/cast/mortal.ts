import { TableClient } from '@azure/data-tables';
import type { Cast } from '../../../src/cast';
import { createDicomWebClient } from '../../../src/dicom/dicomWebClient';
import { createChangeFeedClient } from '../../../src/feed/changeFeedClient';
import { createFhirClient } from '../../../src/fhir/client';
import { createHttpClient } from '../../../src/http/httpClient';
import type { StudyQueue } from '../../../src/study/studyQueue';
import type { AzuriteForTests } from '../../support/azurite';
import type { CastRig } from '../../support/castRig';
import { type RequestGate, startGate, type Verdict } from '../../support/requestGate';

/** Where a process dies: before its k-th request reaches the service, or after that took effect but before it hears of it. */
export interface Death {
  readonly atRequest: number;
  readonly when: 'before' | 'after';
}

/** Cast in a process that dies: from then on nothing that it asks for happens, and it never hears of anything again. */
export interface MortalCast {
  readonly cast: Cast;
  /** Every request it made, the fatal one last. */
  readonly requests: readonly string[];
  /** Runs the work until it ends or the process dies. */
  outlives(work: (cast: Cast, signal: AbortSignal) => Promise<unknown>): Promise<boolean>;
  stop(): Promise<void>;
}

/** A new Cast on the storage of the rig, all of whose requests are counted. */
export async function startMortalCast(rig: CastRig, azurite: AzuriteForTests, death: Death): Promise<MortalCast> {
  const { connectionString, tableUrl } = azurite.running;
  const gate = await startGate({ dicom: rig.dicom.url, fhir: rig.fhir.url, table: tableUrl });
  const life = new Life(death);
  gate.decide = ({ service, method, path }) => life.step(`${service} ${method} ${path.split('?')[0] ?? ''}`);
  gate.onSwallowed = () => {
    life.end();
  };
  const https = [rig.dicom.url, rig.fhir.url].map((url) =>
    createHttpClient({ origin: new URL(gate.through(url)).origin, timeoutMs: 60_000, maxConnections: 16 }),
  ) as [ReturnType<typeof createHttpClient>, ReturnType<typeof createHttpClient>];
  const cast = rig.createCast(mortalClients(rig, gate, https, connectionString, tableUrl, life));
  const stopping = new AbortController();
  return {
    cast,
    requests: life.requests,
    async outlives(work) {
      const done = work(cast, stopping.signal).then(() => true);
      done.catch(() => undefined);
      return Promise.race([done, life.ended.then(() => false)]);
    },
    async stop() {
      stopping.abort(new Error('the test is over'));
      await gate.stop();
      await Promise.all(https.map((http) => http.close()));
    },
  };
}

function mortalClients(
  rig: CastRig,
  gate: RequestGate,
  [dicomHttp, fhirHttp]: readonly [ReturnType<typeof createHttpClient>, ReturnType<typeof createHttpClient>],
  connectionString: string,
  tableUrl: string,
  life: Life,
): CastRig['clients'] {
  const dicomUrl = gate.through(rig.dicom.url);
  const storage = connectionString.replace(tableUrl, gate.through(tableUrl));
  const table = ({ tableName }: TableClient): TableClient =>
    TableClient.fromConnectionString(storage, tableName, { allowInsecureConnection: true });
  const { clients, settings } = rig;
  return {
    dicom: createDicomWebClient({ http: dicomHttp, baseUrl: dicomUrl, version: settings.DICOM_API_VERSION }),
    changeFeed: createChangeFeedClient({ http: dicomHttp, baseUrl: dicomUrl }),
    fhir: createFhirClient({
      http: fhirHttp,
      baseUrl: gate.through(rig.fhir.url),
      together: settings.FHIR_TOGETHER,
    }),
    syncStateTable: table(clients.syncStateTable),
    failedEntriesTable: table(clients.failedEntriesTable),
    warningsTable: table(clients.warningsTable),
    studyChanges: mortalQueue(clients.studyChanges, life),
    poison: clients.poison,
    patientLocks: table(clients.patientLocks),
  };
}

/** The scripted queue has no wire, so its calls are counted as they are made. */
function mortalQueue(queue: StudyQueue, life: Life): StudyQueue {
  const call = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const verdict = life.step(`queue ${name}`);
    if (verdict === 'swallow') return never();
    const result = await work();
    if (verdict === 'forward') return result;
    life.end();
    return never();
  };
  return {
    name: queue.name,
    send: (...args) => call('send', () => queue.send(...args)),
    sendShared: (...args) => call('send', () => queue.sendShared(...args)),
    postpone: (...args) => call('postpone', () => queue.postpone(...args)),
    depth: (...args) => call('depth', () => queue.depth(...args)),
  };
}

class Life {
  readonly requests: string[] = [];
  readonly ended: Promise<void>;
  end: () => void = () => undefined;
  private dead = false;

  constructor(private readonly death: Death) {
    this.ended = new Promise((resolve) => (this.end = resolve));
  }

  step(name: string): Verdict {
    if (this.dead) return 'swallow';
    this.requests.push(name);
    if (this.requests.length < this.death.atRequest) return 'forward';
    this.dead = true;
    if (this.death.when === 'after') return 'forward-and-swallow';
    this.end();
    return 'swallow';
  }
}

function never<T>(): Promise<T> {
  return new Promise<T>(() => undefined);
}
