import { setTimeout as sleep } from 'node:timers/promises';
import { formatLog, type HostLog } from '../host/logs';
import { type RunningHost, startHost } from '../host/host';
import { Figures } from './figures';
import { NotReady } from './notReady';
import type { Services } from './services';

/** The functions, running between the services. */
export interface CastRun {
  readonly url: string;
  readonly figures: Figures;
  /** Pulls the change feed until nothing is left in the queue. @throws NotReady when a service does not work */
  syncAll(signal: AbortSignal): Promise<void>;
  /** GET or POST on the functions' API; the answer must be a success. */
  call(method: 'GET' | 'POST', path: string, body?: object): Promise<unknown>;
  stop(): Promise<void>;
}

export interface CastRunOptions {
  readonly services: Services;
  /** more app settings */
  readonly settings: Readonly<Record<string, string>>;
  readonly port: number;
  /** How often the timer pulls by itself; six fields. */
  readonly schedule: string;
  readonly onProgress: (text: string) => void;
  /** Log lines of the functions that a person should see. */
  readonly onTrouble: (text: string) => void;
}

const PULL = 'pull-change-feed';
const QUEUES = ['study-changes', 'study-changes-poison'];

/** Starts the built app on the host stand-in. @throws HostStartError */
export async function startCast(appDirectory: string, options: CastRunOptions): Promise<CastRun> {
  const { services } = options;
  const figures = new Figures();
  const host = await startHost({
    appDirectory,
    port: options.port,
    settings: {
      AzureWebJobsStorage: services.azurite.connectionString,
      DICOM_URL: services.dicomUrl,
      FHIR_URL: services.fhirUrl,
      CHANGE_FEED_SCHEDULE: options.schedule,
      ...options.settings,
      // A person who tries it out wants to see a change follow at once.
      AzureFunctionsJobHost__extensions__queues__maxPollingInterval: '00:00:01',
      // The figures of the summary come from the metrics that the app logs at this level.
      AzureFunctionsJobHost__logging__logLevel__default: 'Trace',
    },
    onLog: (entry) => {
      figures.add(entry);
      if (isTrouble(entry)) options.onTrouble(formatLog(entry));
    },
  });
  const call = caller(host);
  return {
    url: host.url,
    figures,
    call,
    async syncAll(signal) {
      await checkHealth(host);
      const drained = new AbortController();
      const progress = reportProgress(host, figures, options.onProgress, AbortSignal.any([signal, drained.signal]));
      try {
        // The puller stops at the limit of the queue and of its time: it is asked until the feed is at its end.
        do {
          await host.invokeTimer(PULL);
          await host.drained(QUEUES, signal);
        } while (await isBehind(host));
      } finally {
        drained.abort();
        await progress;
      }
    },
    stop: () => host.stop(),
  };
}

function isTrouble({ level, category }: HostLog): boolean {
  return category.endsWith('.User') && (level === 'warning' || level === 'error' || level === 'critical');
}

async function checkHealth(host: RunningHost): Promise<void> {
  const response = await fetch(`${host.url}/api/health`);
  if (response.ok) return;
  const report = (await response.json()) as {
    title?: string;
    checks?: readonly { name: string; healthy: boolean; problem?: string }[];
  };
  const problems = (report.checks ?? [])
    .filter(({ healthy }) => !healthy)
    .map(({ name, problem }) => `${name}: ${problem ?? 'not healthy'}`);
  throw new NotReady(problems.length === 0 ? (report.title ?? 'the functions do not answer') : problems.join('; '));
}

async function isBehind(host: RunningHost): Promise<boolean> {
  const response = await fetch(`${host.url}/api/status`);
  if (!response.ok) throw new NotReady(`GET /api/status answered ${response.status}`);
  const { changeFeed } = (await response.json()) as {
    readonly changeFeed: { readonly condition: string; readonly lagEntries: number };
  };
  if (changeFeed.condition === 'feed-reset') throw new NotReady('the change feed ends before the cursor');
  return changeFeed.lagEntries > 0;
}

/** Tells how far the work is, once a second, until the signal. */
async function reportProgress(
  host: RunningHost,
  figures: Figures,
  tell: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  let told = -1;
  while (await waited(1000, signal)) {
    const studies = figures.sum('studies-synced');
    if (studies !== told)
      tell(
        `${studies} studies are up to date so far, ${host.statistics.functions['sync-study']?.running ?? 0} in work`,
      );
    told = studies;
  }
}

async function waited(delayMs: number, signal: AbortSignal): Promise<boolean> {
  try {
    await sleep(delayMs, undefined, { signal });
    return true;
  } catch {
    return false;
  }
}

function caller(host: RunningHost): CastRun['call'] {
  return async (method, path, body) => {
    const json = { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
    const response = await fetch(`${host.url}${path}`, { method, ...(body !== undefined && json) });
    if (!response.ok) throw new NotReady(`${method} ${path} answered ${response.status}`);
    return await response.json();
  };
}
