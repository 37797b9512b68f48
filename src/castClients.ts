import { type Cast, type CastClients, createCast } from './cast';
import { createDicomWebClient } from './dicom/dicomWebClient';
import { compositeNotifier, type NamedNotifier } from './failures/compositeNotifier';
import type { FailureNotifier } from './failures/notifier';
import { loadNotifierModule } from './failures/notifierModule';
import { consoleNotifier, telemetryNotifier } from './failures/telemetryNotifier';
import { webhookNotifier } from './failures/webhookNotifier';
import { createChangeFeedClient } from './feed/changeFeedClient';
import { createFhirClient } from './fhir/client';
import { createHttpClient, type HttpRequest, type StreamingHttpClient, type TokenSource } from './http/httpClient';
import { cachedTokens } from './identity/cachedTokens';
import { requestToken } from './identity/clientCredentials';
import { managedIdentity, managedIdentityToken } from './identity/managedIdentity';
import type { StorageAccount } from './identity/storageAccount';
import { identityOfDicom, identityOfFhir, type ServiceIdentity } from './serviceIdentity';
import type { Settings } from './settings';
import { studyQueue } from './study/studyQueue';
import type { Telemetry } from './telemetry/telemetry';
import { tracedRequest } from './telemetry/tracedRequest';

/** The queue of the messages that say which study changed. */
export const STUDY_CHANGES = 'study-changes';

const CONNECTIONS_PER_SERVICE = 32;

/** The part of the composition root that is about Cast: settings -> clients -> service. Its tables are there afterwards. */
export async function buildCast(settings: Settings, storage: StorageAccount, telemetry: Telemetry): Promise<Cast> {
  const clients = createCastClients(settings, storage, telemetry);
  await Promise.all(
    [clients.syncStateTable, clients.failedEntriesTable, clients.warningsTable, clients.patientLocks].map((table) =>
      table.createTable(),
    ),
  );
  return createCast(settings, clients, { telemetry, notifier: await createNotifier(settings, telemetry) });
}

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
    new URL(DICOM_URL).hostname,
    telemetry,
  );
  const fhirHost = new URL(FHIR_URL).hostname;
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
      together: settings.FHIR_TOGETHER,
      around: ({ kind, method }, send) => {
        telemetry.metric('fhir-requests', 1, { kind });
        return tracedRequest(telemetry, `fhir-${kind}`, { method, host: fhirHost }, send);
      },
    }),
    syncStateTable: storage.table(`${TABLE_PREFIX}SyncState`),
    failedEntriesTable: storage.table(`${TABLE_PREFIX}FailedEntries`),
    warningsTable: storage.table(`${TABLE_PREFIX}ValidationWarnings`),
    studyChanges: studyQueue(storage.queue(STUDY_CHANGES)),
    poison: studyQueue(storage.queue('study-changes-poison')),
    patientLocks: storage.table(`${TABLE_PREFIX}PatientLocks`),
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
function watched(http: StreamingHttpClient, host: string, telemetry: Telemetry): StreamingHttpClient {
  function watch<R extends { readonly status: number }>(request: HttpRequest, send: () => Promise<R>): Promise<R> {
    telemetry.metric('dicom-requests', 1);
    return tracedRequest(telemetry, 'dicom-request', { method: request.method, host }, send);
  }
  return {
    ...http,
    send: (request) => watch(request, () => http.send(request)),
    stream: (request) => watch(request, () => http.stream(request)),
  };
}

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
