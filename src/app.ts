import type { HttpRequest as FunctionRequest, HttpResponseInit, InvocationContext } from '@azure/functions';
import type { CastApi } from './api/castApi';
import { reconcileIsOff, type ReconcileApi, STORAGE_OF_THE_APP } from './api/reconcileApi';
import { DependencyDown, fromDependencies } from './api/dependencyDown';
import { describeApi } from './api/description/openapi';
import { BadRequest, json, problem } from './api/problem';
import type { Cast } from './cast';
import { buildCast, STUDY_CHANGES } from './castClients';
import { NotifierModuleInvalid } from './failures/notifierModule';
import { managedIdentity } from './identity/managedIdentity';
import { storageAccount, StorageNotConfigured } from './identity/storageAccount';
import { InvalidConfiguration } from './payloads/configuration/invalidConfiguration';
import type { Reconcile } from './reconcile';
import { buildReconcile, RECONCILE_SLICES } from './reconcileClients';
import { hostQueue } from './queues/hostQueue';
import { isReconcileOn, readReconcileSettings } from './reconcileSettings';
import { readSettings, type Settings, SettingsError } from './settings';
import { readDelivery } from './study/studyTriggers';
import type { ApplicationInsights } from './telemetry/applicationInsights';
import { inInvocation, invocationTelemetry } from './telemetry/invocationTelemetry';
import type { Telemetry } from './telemetry/telemetry';

/**
 * The composition root: what each trigger calls. The clients of the two services are built in castClients.ts and reconcileClients.ts, and nowhere else.
 * Built at the first invocation, so that a wrong setting is an answer and a log line, not an app that fails to load.
 */

/** Cast, built once per process, its tables there. A failure is not remembered: the next invocation tries again. */
const cast = once(async (): Promise<Cast> => {
  const settings = readSettings(process.env);
  return buildCast(settings, storageAccount(process.env), await createTelemetry(settings));
});

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let making: Promise<T> | undefined;
  return () => {
    making ??= make().catch((error: unknown) => {
      making = undefined;
      throw error;
    });
    return making;
  };
}

let insights: ApplicationInsights | undefined;

type TelemetrySettings = Pick<
  Settings,
  'APPLICATIONINSIGHTS_CONNECTION_STRING' | 'APPLICATIONINSIGHTS_AUTHENTICATION_STRING' | 'TRACE_SAMPLING_PERCENT'
>;

/** To Application Insights where it is set, else to the log. Nobody pays for the SDK who does not use it; its trouble stops nothing. */
async function createTelemetry(settings: TelemetrySettings): Promise<Telemetry> {
  const log = invocationTelemetry();
  const {
    APPLICATIONINSIGHTS_CONNECTION_STRING: connectionString,
    APPLICATIONINSIGHTS_AUTHENTICATION_STRING: identity,
  } = settings;
  if (connectionString === undefined) return log;
  try {
    const { startApplicationInsights } = await import('./telemetry/applicationInsights.js');
    const started = (insights ??= startApplicationInsights({
      connectionString,
      credential: identity === undefined ? undefined : managedIdentity(identity.clientId),
      samplingRatio: settings.TRACE_SAMPLING_PERCENT / 100,
    }));
    return started.telemetry;
  } catch (error) {
    const problem = error instanceof Error ? error.name : typeof error;
    log.log('error', 'Application Insights cannot be used: check APPLICATIONINSIGHTS_CONNECTION_STRING', { problem });
    return log;
  }
}

/** The host gives a worker that ends some seconds. */
const LAST_TELEMETRY_MS = 4000;

/** Node functions get no signal from the host: a run that outlives the time-out is ended by it. */
const untilTheHostEndsIt = (): AbortSignal => new AbortController().signal;

function run(context: InvocationContext, work: (services: Cast, signal: AbortSignal) => Promise<void>): Promise<void> {
  return inInvocation(context, async () => {
    await work(await cast(), untilTheHostEndsIt());
  });
}

/** How long a message waits that cannot be worked on because the app itself cannot start. */
const NOT_READY_MS = 300_000;

/**
 * As `run`, for a message. While the app cannot start (a wrong setting, a table that is refused), the message goes back as a fresh copy:
 * deliveries are for trouble with a study or a run, and a poison queue that cannot be worked off either would lose it in the end.
 */
function runMessage<T>(
  queueName: string,
  services: () => Promise<T>,
  message: unknown,
  context: InvocationContext,
  work: (services: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  return inInvocation(context, async () => {
    let built: T;
    try {
      built = await services();
    } catch (error) {
      const queue = hostQueue(storageAccount(process.env).queue(queueName));
      await queue.send(JSON.stringify(message), NOT_READY_MS, untilTheHostEndsIt());
      context.error(
        'The app cannot start; the message waits',
        error instanceof Error ? error.message : 'unknown error',
      );
      return;
    }
    await work(built, untilTheHostEndsIt());
  });
}

const runStudy = (
  message: unknown,
  context: InvocationContext,
  work: (services: Cast, signal: AbortSignal) => Promise<void>,
): Promise<void> => runMessage(STUDY_CHANGES, cast, message, context, work);

/** Where Reconcile is off there is nothing to do. */
const runSlice = (
  message: unknown,
  context: InvocationContext,
  work: (services: Reconcile, signal: AbortSignal) => Promise<void>,
): Promise<void> =>
  runMessage(RECONCILE_SLICES, reconcile, message, context, async (services, signal) => {
    if (services !== undefined) await work(services, signal);
  });

function answer<T>(
  context: InvocationContext,
  services: () => Promise<T>,
  work: (services: T, signal: AbortSignal) => Promise<HttpResponseInit>,
): Promise<HttpResponseInit> {
  return inInvocation(context, async () => {
    try {
      return await work(await services(), untilTheHostEndsIt());
    } catch (error) {
      if (error instanceof BadRequest) return problem(error.status, error.message, error.errors);
      if (error instanceof DependencyDown) {
        context.warn(error.message);
        return problem(error.status, error.message);
      }
      if (
        error instanceof SettingsError ||
        error instanceof StorageNotConfigured ||
        error instanceof InvalidConfiguration ||
        error instanceof NotifierModuleInvalid
      )
        return problem(503, error.message);
      throw error;
    }
  });
}

/** Reconcile, built once per process; undefined where it is off. A failure is not remembered. */
const reconcile = once(async (): Promise<Reconcile | undefined> => {
  const settings = readReconcileSettings(process.env);
  if (!isReconcileOn(settings)) return undefined;
  return buildReconcile(settings, storageAccount(process.env), await createTelemetry(settings));
});

const reconcileOrDown = () => fromDependencies(STORAGE_OF_THE_APP, reconcile);

function reconcileRoute(select: (api: ReconcileApi) => ReconcileApi[keyof ReconcileApi]) {
  return (request: FunctionRequest, context: InvocationContext): Promise<HttpResponseInit> =>
    answer(context, reconcileOrDown, (services, signal) =>
      services === undefined ? Promise.resolve(reconcileIsOff()) : select(services.api)(request, signal),
    );
}

function route(select: (api: CastApi) => CastApi[keyof CastApi]) {
  return (request: FunctionRequest, context: InvocationContext): Promise<HttpResponseInit> =>
    answer(context, cast, (services, signal) => select(services.api)(request, signal));
}

/** What the triggers in functions/ call. */
export const handlers = {
  pullChangeFeed: (context: InvocationContext) =>
    run(context, async (services, signal) => {
      const summary = await services.pull(signal);
      context.info(`Change feed: ${JSON.stringify(summary)}`);
    }),
  sweepMarks: (context: InvocationContext) =>
    run(context, async (services, signal) => {
      await services.sweepMarks(signal);
      await services.tellLevels(signal);
    }),
  syncStudy: (message: unknown, context: InvocationContext) =>
    runStudy(message, context, (services, signal) =>
      services.syncStudy(message, readDelivery(context.triggerMetadata, context.invocationId), signal),
    ),
  syncStudyPoison: (message: unknown, context: InvocationContext) =>
    runStudy(message, context, (services, signal) => services.handlePoison(message, context.invocationId, signal)),
  status: (_request: FunctionRequest, context: InvocationContext) =>
    answer(context, cast, async (services, signal) => json(200, await services.status(signal))),
  listFailedEntries: route((api) => api.listFailedEntries),
  retryFailedEntries: route((api) => api.retryFailedEntries),
  dismissFailedEntries: route((api) => api.dismissFailedEntries),
  listWarnings: route((api) => api.listWarnings),
  syncStudyOnRequest: route((api) => api.syncStudy),
  resync: route((api) => api.resync),
  setCursor: route((api) => api.setCursor),
  health: (_request: FunctionRequest, context: InvocationContext) =>
    answer(context, cast, async (services, signal) => {
      const report = await services.health(signal);
      return json(report.healthy ? 200 : 503, report);
    }),
  reconcileSlice: (message: unknown, context: InvocationContext) =>
    runSlice(message, context, (services, signal) => services.slice(message, signal)),
  reconcileSlicePoison: (message: unknown, context: InvocationContext) =>
    runSlice(message, context, (services, signal) => services.handlePoison(message, signal)),
  sweepReconcile: (context: InvocationContext) =>
    inInvocation(context, async () => {
      await (await reconcile())?.sweep(untilTheHostEndsIt());
    }),
  startReconcile: reconcileRoute((api) => api.start),
  listReconcileRuns: reconcileRoute((api) => api.list),
  readReconcileRun: reconcileRoute((api) => api.read),
  readReconcileReport: reconcileRoute((api) => api.report),
  cancelReconcile: reconcileRoute((api) => api.cancel),
  restorePayloads: reconcileRoute((api) => api.restore),
  readPayload: reconcileRoute((api) => api.readPayload),
  createPayloadContainer: reconcileRoute((api) => api.createContainer),
  openapi: (_request: FunctionRequest, context: InvocationContext) =>
    inInvocation(context, () => Promise.resolve(describeApi())),
  /** The process is about to end. */
  terminate: async () => {
    await insights?.stop(LAST_TELEMETRY_MS);
  },
};
