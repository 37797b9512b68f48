import type { HttpRequest as FunctionRequest, HttpResponseInit, InvocationContext } from '@azure/functions';
import type { CastApi } from './api/castApi';
import { reconcileIsOff, type ReconcileApi, STORAGE_OF_THE_APP } from './api/reconcileApi';
import { DependencyDown, fromDependencies } from './api/dependencyDown';
import { describeApi } from './api/description/openapi';
import { BadRequest, json, problem } from './api/problem';
import { type Cast, type CastClients, createCast } from './cast';
import { createDicomWebClient } from './dicom/dicomWebClient';
import { compositeNotifier, type NamedNotifier } from './failures/compositeNotifier';
import type { FailureNotifier } from './failures/notifier';
import { loadNotifierModule, NotifierModuleInvalid } from './failures/notifierModule';
import { consoleNotifier, telemetryNotifier } from './failures/telemetryNotifier';
import { webhookNotifier } from './failures/webhookNotifier';
import { createChangeFeedClient } from './feed/changeFeedClient';
import { createFhirClient } from './fhir/client';
import { createHttpClient, type HttpRequest, type StreamingHttpClient, type TokenSource } from './http/httpClient';
import { cachedTokens } from './identity/cachedTokens';
import { requestToken } from './identity/clientCredentials';
import { managedIdentity, managedIdentityToken } from './identity/managedIdentity';
import { type StorageAccount, storageAccount, StorageNotConfigured } from './identity/storageAccount';
import { InvalidConfiguration } from './payloads/configuration/invalidConfiguration';
import type { Reconcile } from './reconcile';
import { buildReconcile } from './reconcileClients';
import { isReconcileOn, readReconcileSettings } from './reconcileSettings';
import { identityOfDicom, identityOfFhir, type ServiceIdentity } from './serviceIdentity';
import { readSettings, type Settings, SettingsError } from './settings';
import { studyQueue } from './study/studyQueue';
import { readDelivery } from './study/studyTriggers';
import type { ApplicationInsights } from './telemetry/applicationInsights';
import { inInvocation, invocationTelemetry } from './telemetry/invocationTelemetry';
import type { Telemetry } from './telemetry/telemetry';
import { tracedRequest } from './telemetry/tracedRequest';

/**
 * The composition root: settings -> clients -> services. The only place that builds clients.
 * Built at the first invocation, so that a wrong setting is an answer and a log line, not an app that fails to load.
 */

const CONNECTIONS_PER_SERVICE = 32;
const STUDY_CHANGES = 'study-changes';

/** The clients of Cast for these settings. */
export function createCastClients(settings: Settings, storage: StorageAccount, telemetry: Telemetry): CastClients {
  const { DICOM_URL, FHIR_URL, TABLE_PREFIX } = settings;
  const dicomHttp = watched(
    createHttpClient({
      origin: new URL(DICOM_URL).origin,
      tokens: tokensOf(identityOfDicom(settings)),
      timeoutMs: settings.DICOM_TIMEOUT_SECONDS * 1000,
      maxConnections: CONNECTIONS_PER_SERVICE,
    }),
    telemetry,
  );
  const fhirHttp = createHttpClient({
    origin: new URL(FHIR_URL).origin,
    tokens: tokensOf(identityOfFhir(settings)),
    timeoutMs: settings.FHIR_TIMEOUT_SECONDS * 1000,
    maxConnections: CONNECTIONS_PER_SERVICE,
  });
  return {
    dicom: createDicomWebClient({
      http: dicomHttp,
      baseUrl: DICOM_URL,
      version: settings.DICOM_API_VERSION,
      partitioned: settings.DICOM_DATA_PARTITIONS,
    }),
    changeFeed: createChangeFeedClient({ http: dicomHttp, baseUrl: DICOM_URL }),
    fhir: createFhirClient({
      http: fhirHttp,
      baseUrl: FHIR_URL,
      around: ({ kind, method }, send) => {
        telemetry.metric('fhir-requests', 1, { kind });
        return tracedRequest(telemetry, `fhir-${kind}`, { method, host: new URL(FHIR_URL).hostname }, send);
      },
    }),
    syncStateTable: storage.table(`${TABLE_PREFIX}SyncState`),
    failedEntriesTable: storage.table(`${TABLE_PREFIX}FailedEntries`),
    warningsTable: storage.table(`${TABLE_PREFIX}ValidationWarnings`),
    studyChanges: studyQueue(storage.queue(STUDY_CHANGES)),
    poison: studyQueue(storage.queue('study-changes-poison')),
    patientLocks: storage.container('patient-locks'),
  };
}

/** Tokens for one service; undefined where it wants none. */
function tokensOf(identity: ServiceIdentity): TokenSource | undefined {
  switch (identity.kind) {
    case 'none':
      return undefined;
    case 'managed-identity': {
      const credential = managedIdentity(identity.clientId);
      return cachedTokens((signal) => managedIdentityToken(credential, identity.scope, signal));
    }
    case 'client-credentials': {
      const { credentials } = identity;
      const http = createHttpClient({
        origin: new URL(credentials.tokenUrl).origin,
        timeoutMs: TOKEN_TIMEOUT_MS,
        maxConnections: 2,
      });
      return cachedTokens((signal) => requestToken(http, credentials, signal));
    }
  }
}

const TOKEN_TIMEOUT_MS = 30_000;

/** The same client to the DICOM service; each request is counted and traced. */
function watched(http: StreamingHttpClient, telemetry: Telemetry): StreamingHttpClient {
  function watch<R extends { readonly status: number }>(request: HttpRequest, send: () => Promise<R>): Promise<R> {
    telemetry.metric('dicom-requests', 1);
    const { hostname: host } = new URL(request.url);
    return tracedRequest(telemetry, 'dicom-request', { method: request.method, host }, send);
  }
  return {
    ...http,
    send: (request) => watch(request, () => http.send(request)),
    stream: (request) => watch(request, () => http.stream(request)),
  };
}

/** Cast, built once per process, its tables there. A failure is not remembered: the next invocation tries again. */
const cast = once(build);

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

async function build(): Promise<Cast> {
  const settings = readSettings(process.env);
  const storage = storageAccount(process.env);
  const telemetry = await createTelemetry(settings);
  const clients = createCastClients(settings, storage, telemetry);
  await Promise.all(
    [clients.syncStateTable, clients.failedEntriesTable, clients.warningsTable].map((table) => table.createTable()),
  );
  return createCast(settings, clients, { telemetry, notifier: await createNotifier(settings, telemetry) });
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

/** The failures go to the telemetry, and to the console, the webhook and the module that the settings name. */
async function createNotifier(settings: Settings, telemetry: Telemetry): Promise<FailureNotifier> {
  const notifiers: NamedNotifier[] = [{ name: 'telemetry', notifier: telemetryNotifier(telemetry) }];
  const { NOTIFIER_WEBHOOK_URL: url, NOTIFIER_MODULE: path } = settings;
  if (settings.NOTIFIER_CONSOLE) notifiers.push({ name: 'console', notifier: consoleNotifier() });
  if (url !== undefined) {
    const http = createHttpClient({ origin: new URL(url).origin, timeoutMs: WEBHOOK_TIMEOUT_MS, maxConnections: 4 });
    const source = settings.DICOM_PUBLIC_URL ?? settings.DICOM_URL;
    notifiers.push({
      name: 'webhook',
      notifier: webhookNotifier({ url, http, source, timeoutMs: WEBHOOK_TIMEOUT_MS, clock: () => new Date() }),
    });
  }
  if (path !== undefined) notifiers.push({ name: 'module', notifier: await loadNotifierModule(path) });
  return compositeNotifier(notifiers, telemetry);
}

const WEBHOOK_TIMEOUT_MS = 10_000;

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
 * deliveries are for trouble with a study, and a poison queue that cannot be worked off either would lose it in the end.
 */
function runMessage(
  message: unknown,
  context: InvocationContext,
  work: (services: Cast, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  return inInvocation(context, async () => {
    let services: Cast;
    try {
      services = await cast();
    } catch (error) {
      const queue = studyQueue(storageAccount(process.env).queue(STUDY_CHANGES));
      await queue.putBack(message, NOT_READY_MS, untilTheHostEndsIt());
      context.error(
        'The app cannot start; the message waits',
        error instanceof Error ? error.message : 'unknown error',
      );
      return;
    }
    await work(services, untilTheHostEndsIt());
  });
}

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
      if (error instanceof DependencyDown) context.warn(error.message);
      if (error instanceof DependencyDown) return problem(error.status, error.message);
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

/** As `run`, for Reconcile: where it is off there is nothing to do. */
function runReconcile(
  context: InvocationContext,
  work: (services: Reconcile, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  return inInvocation(context, async () => {
    const services = await reconcile();
    if (services !== undefined) await work(services, untilTheHostEndsIt());
  });
}

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
    runMessage(message, context, (services, signal) =>
      services.syncStudy(message, readDelivery(context.triggerMetadata, context.invocationId), signal),
    ),
  syncStudyPoison: (message: unknown, context: InvocationContext) =>
    runMessage(message, context, (services, signal) => services.handlePoison(message, context.invocationId, signal)),
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
    runReconcile(context, (services, signal) => services.slice(message, signal)),
  reconcileSlicePoison: (message: unknown, context: InvocationContext) =>
    runReconcile(context, (services, signal) => services.handlePoison(message, signal)),
  sweepReconcile: (context: InvocationContext) => runReconcile(context, (services, signal) => services.sweep(signal)),
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
