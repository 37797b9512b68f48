import { resolve } from 'node:path';
import { applySettings, readLocalSettings } from './appSettings';
import { queuesDrained } from './drained';
import { HostStartError } from './errors';
import { type FunctionDefinition, readFunctionDefinitions } from './functionDefinitions';
import type { Registry } from './functionsCore';
import type { HostContext } from './hostContext';
import type { HostKeys } from './hostKeys';
import { readHostSettings } from './hostSettings';
import { HttpRouter } from './httpRouter';
import { type RunningHttpServer, startHttpServer } from './httpServer';
import { FunctionInvoker } from './invocation';
import { createListeners, type Listeners } from './listeners';
import { appEnvironment, loadApp } from './loadApp';
import { HostLogger, type LogSink } from './logs';
import { MESSAGE_LEASE_SECONDS } from './messageLease';
import { QueueOutputs } from './queueOutputs';
import { type HostStatistics, StatisticsCounter } from './statistics';
import { StorageQueues } from './storageQueues';
import { systemClock } from './timerListener';
import { manualTriggerData, timerTriggerData } from './triggerData';

const DEFAULT_STOP_GRACE_MS = 10_000;
const DEFAULT_CONNECTION = 'AzureWebJobsStorage';

export interface HostOptions {
  /** Folder of the built app: package.json, host.json, local.settings.json. */
  readonly appDirectory: string;
  /** Win over `process.env`, which wins over local.settings.json. They stay in `process.env` until the host stops. */
  readonly settings?: Readonly<Record<string, string>>;
  /** 0, the default, takes any free port. */
  readonly port?: number;
  /** With keys given, callers need one; without, everybody may do everything, as locally in the Core Tools. */
  readonly enableAuth?: HostKeys;
  readonly onLog?: LogSink;
  /** How long a message that is running stays invisible: 600 in the real host; tests may shorten it, not below 1. */
  readonly messageLeaseSeconds?: number;
  /** How long `stop()` waits for what is running; 10 s by default. */
  readonly stopGraceMs?: number;
}

export interface RunningHost {
  readonly url: string;
  readonly functions: readonly string[];
  readonly statistics: HostStatistics;
  /** Runs a timer function now and waits for it; may overlap a scheduled run, as in the real host. Rejects with its error. */
  invokeTimer(name: string): Promise<void>;
  /** Polls a queue (by default all) at once, without waiting for the back-off. */
  wake(queueName?: string): void;
  /** Resolves when these queues of AzureWebJobsStorage hold no message, visible or not, and nothing runs. */
  drained(queueNames: readonly string[], signal: AbortSignal): Promise<void>;
  /** Takes nothing more, waits for what is running up to the limit, then abandons the rest. */
  stop(): Promise<void>;
  /** Abandons everything at once: no running message is completed. Its code cannot be stopped within one process. */
  kill(): void;
}

let isHostRunning = false;

/**
 * Runs a built Azure Functions app in this process. One app per process at a time, since settings live in `process.env`.
 *
 * @throws {HostStartError} when the app, its host.json or its settings cannot be run.
 */
export async function startHost(options: HostOptions): Promise<RunningHost> {
  if (isHostRunning) throw new HostStartError('This process already runs a functions host; use another process');
  isHostRunning = true;
  const undo: (() => void)[] = [];
  const cleanUp = (): void => {
    for (const step of undo.splice(0).reverse()) step();
    isHostRunning = false;
  };
  try {
    return await start({ ...options, appDirectory: resolve(options.appDirectory) }, undo, cleanUp);
  } catch (error) {
    cleanUp();
    throw error;
  }
}

async function start(options: HostOptions, undo: (() => void)[], cleanUp: () => void): Promise<RunningHost> {
  const environment = appEnvironment();
  const local = await readLocalSettings(options.appDirectory);
  undo.push(applySettings(environment, local.values, options.settings ?? {}));
  const settings = await readHostSettings(options.appDirectory, environment);
  const logger = new HostLogger(settings.logLevels, options.onLog ?? (() => undefined));
  const app = await loadApp(options.appDirectory, (level, _category, message) => {
    logger.write(level, 'Worker', message);
  });
  undo.push(app.unload);

  const { registry } = app;
  const definitions = readFunctionDefinitions(registry, environment);
  if (registry.programmingModel === undefined)
    throw new HostStartError('No job functions found: the app registers none');
  const storage = new StorageQueues(environment);
  const statistics = new StatisticsCounter();
  const wake = (queueName?: string): void => {
    for (const listener of listeners.queues) {
      if (queueName === undefined || listener.queueName === queueName) listener.wake();
    }
  };
  const outputs = new QueueOutputs(storage, settings.queues.messageEncoding, wake);
  const { programmingModel } = registry;
  const invoker = new FunctionInvoker({
    model: programmingModel,
    registry,
    timeoutMs: settings.functionTimeoutMs,
    outputs,
    statistics,
    logger,
  });
  const abandoned = new AbortController();
  const leaseSeconds = options.messageLeaseSeconds ?? MESSAGE_LEASE_SECONDS;
  const isAbandoned = (): boolean => abandoned.signal.aborted;
  const context: HostContext = { settings, storage, statistics, logger, invoker, leaseSeconds, isAbandoned, wake };
  const listeners = createListeners(definitions, context);
  const server = await serveHttp(options, definitions, context, listeners);
  listeners.start();
  logger.write('information', 'Host.Startup', `${definitions.length} functions loaded, listening on ${server.url}`);

  const shutdown = new Shutdown(listeners, server, registry, abandoned, logger, cleanUp);
  return {
    url: server.url,
    functions: definitions.map((definition) => definition.name),
    get statistics() {
      return statistics.snapshot();
    },
    invokeTimer: (name) => invokeTimer(name, definitions, context, listeners),
    wake,
    drained: (queueNames, signal) => {
      const queues = queueNames.map((name) => storage.queue(DEFAULT_CONNECTION, name));
      return queuesDrained(queues, signal, () => ({ started: statistics.started, running: statistics.running }));
    },
    stop: () => shutdown.stop(options.stopGraceMs ?? DEFAULT_STOP_GRACE_MS),
    kill: () => shutdown.kill(),
  };
}

function serveHttp(
  options: HostOptions,
  definitions: readonly FunctionDefinition[],
  { invoker, settings, logger }: HostContext,
  listeners: Listeners,
): Promise<RunningHttpServer> {
  const router = new HttpRouter(definitions, settings.routePrefix);
  const run = (definition: FunctionDefinition, input: string, url: string): void => {
    const info = listeners.timers.get(definition.name)?.timerInfo() ?? {};
    void invoker.invoke(definition, manualTriggerData(definition, input, info, url));
  };
  const parts = { router, keys: options.enableAuth, admin: { definitions, run }, invoker, logger };
  return startHttpServer(parts, options.port ?? 0);
}

async function invokeTimer(
  name: string,
  definitions: readonly FunctionDefinition[],
  context: HostContext,
  listeners: Listeners,
): Promise<void> {
  const definition = definitions.find((candidate) => candidate.name === name);
  const timer = listeners.timers.get(name);
  if (definition === undefined || timer === undefined) throw new Error(`There is no timer function "${name}"`);
  const outcome = await context.invoker.invoke(definition, timerTriggerData(timer.timerInfo(), true));
  if (outcome.kind === 'failed') throw outcome.error;
}

/** Ends a host once, gracefully or at once. */
class Shutdown {
  private ending: Promise<void> | undefined;

  constructor(
    private readonly listeners: Listeners,
    private readonly server: RunningHttpServer,
    private readonly registry: Registry,
    private readonly abandoned: AbortController,
    private readonly logger: HostLogger,
    private readonly cleanUp: () => void,
  ) {}

  stop(graceMs: number): Promise<void> {
    this.ending ??= this.end(graceMs);
    return this.ending;
  }

  kill(): void {
    this.abandoned.abort();
    void this.listeners.stop();
    this.server.kill();
    this.ending ??= Promise.resolve();
    this.cleanUp();
  }

  private async end(graceMs: number): Promise<void> {
    const done = new AbortController();
    const ended = Promise.all([this.listeners.stop(), this.server.stop()]).then(() => done.abort());
    await Promise.race([ended, systemClock.wait(graceMs, done.signal)]);
    if (!done.signal.aborted)
      this.logger.write('warning', 'Host.Shutdown', 'Some runs did not end in time; they are abandoned');
    this.abandoned.abort();
    this.server.kill();
    await this.registry.runHooks('appTerminate', { hookData: {}, appHookData: this.registry.appHookData });
    this.cleanUp();
  }
}
