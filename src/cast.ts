import type { ImagingStudy } from 'fhir/r4';
import type { TableClient } from '@azure/data-tables';
import { castApi, type CastApi } from './api/castApi';
import { type HealthReport, readHealth } from './api/health';
import { readStatus, type StatusReport } from './api/status';
import type { PartitionedDicomWebClient } from './dicom/dicomWebClient';
import { type BreakerChange, breakers } from './failures/breaker';
import { failedEntries } from './failures/failedEntries';
import { removeIdleSigns } from './failures/idleSigns';
import { studyMarks } from './failures/marks';
import type { FailureNotifier } from './failures/notifier';
import { type StudyPasses, studyPasses } from './failures/studyPass';
import { validationWarnings } from './failures/warnings';
import type { ChangeFeedClient } from './feed/changeFeedClient';
import { pullChangeFeed, type PullDependencies, type PullSummary } from './feed/pullChangeFeed';
import { tellLevelsNow } from './feed/levels';
import { watchedPull } from './feed/watchedPull';
import { syncStateStore } from './feed/syncState';
import type { FhirClient } from './fhir/client';
import { mappingOptions } from './mappingOptions';
import type { Settings } from './settings';
import { endpoints } from './study/endpoints';
import { type StudyMessage, tryReadStudyMessages, UnreadableMessage } from './study/message';
import { noPatientLock, type PatientLock, patientLock, purgePatientLocks } from './study/patientLock';
import { type Patients, patients } from './study/patients';
import { handlePoison } from './study/poison';
import { studyUidQuery } from './study/queries';
import { sources } from './study/sources';
import { type StudyQueue, tracedQueue } from './study/studyQueue';
import { sweepMarks } from './study/sweepMarks';
import { syncReporter } from './study/syncReporter';
import type { SyncOptions } from './study/syncOptions';
import { type Delivery, studySync } from './study/syncStudy';
import type { SpanOptions, Telemetry } from './telemetry/telemetry';

/** Everything outside this process that Cast talks to. */
export interface CastClients {
  readonly dicom: PartitionedDicomWebClient;
  readonly changeFeed: ChangeFeedClient;
  readonly fhir: FhirClient;
  readonly syncStateTable: TableClient;
  readonly failedEntriesTable: TableClient;
  readonly warningsTable: TableClient;
  readonly studyChanges: StudyQueue;
  readonly poison: StudyQueue;
  readonly patientLocks: TableClient;
}

/** The service Cast: what its triggers call. */
export interface Cast {
  pull(signal: AbortSignal): Promise<PullSummary>;
  /** @param message whatever the queue holds */
  syncStudy(message: unknown, delivery: Delivery, signal: AbortSignal): Promise<void>;
  handlePoison(message: unknown, operationId: string, signal: AbortSignal): Promise<void>;
  sweepMarks(signal: AbortSignal): Promise<number>;
  /** Tells how far behind Cast is; by another timer than the puller's, so that alerts also learn of a puller that stands still. */
  tellLevels(signal: AbortSignal): Promise<void>;
  status(signal: AbortSignal): Promise<StatusReport>;
  health(signal: AbortSignal): Promise<HealthReport>;
  readonly api: CastApi;
}

export interface CastObservers {
  readonly telemetry: Telemetry;
  readonly notifier: FailureNotifier;
  readonly clock?: () => Date;
}

/** What tests put around parts of Cast, to hold a step or to take a rule out. */
export interface CastDecorators {
  readonly decoratePasses?: (passes: StudyPasses) => StudyPasses;
  readonly decorateLock?: (lock: PatientLock) => PatientLock;
  readonly decoratePatients?: (patients: Patients) => Patients;
  readonly decorateFhir?: (fhir: FhirClient) => FhirClient;
}

/** Puts Cast together from its clients; builds none itself. */
export function createCast(
  settings: Settings,
  clients: CastClients,
  { telemetry, notifier, clock = () => new Date() }: CastObservers,
  {
    decoratePasses = (passes) => passes,
    decorateLock = (lock) => lock,
    decoratePatients = (found) => found,
    decorateFhir = (client) => client,
  }: CastDecorators = {},
): Cast {
  const { dicom } = clients;
  const fhir = decorateFhir(clients.fhir);
  const state = syncStateStore(clients.syncStateTable);
  const queue = tracedQueue(clients.studyChanges, telemetry);
  const failures = failedEntries(clients.failedEntriesTable, clock);
  const marks = studyMarks(clients.failedEntriesTable, clock);
  const sourcesOfService = sources(
    settings.DICOM_PUBLIC_URL ?? settings.DICOM_URL,
    settings.DICOM_API_VERSION,
    settings.DICOM_DATA_PARTITIONS,
  );
  const serviceBreakers = breakers({ clock, onChange: (change) => tellBreakerChange(change, telemetry, notifier) });
  const options = syncOptions(settings);
  const warnings = validationWarnings(clients.warningsTable, clock);
  const reporter = syncReporter({ telemetry, notifier, warnings });
  const poisoned = async (message: unknown, operationId: string, signal: AbortSignal): Promise<void> => {
    const deps = { failedEntries: failures, marks, queue, telemetry };
    await reporter.filedAside(await handlePoison(deps, message, operationId, signal));
  };

  const sync = studySync({
    dicom,
    fhir,
    endpoints: endpoints(fhir, settings.RETRIEVE_LOCATION_UID),
    patients: decoratePatients(patients(fhir, sourcesOfService)),
    patientLock: decorateLock(settings.PATIENT_LOCK === 'on' ? patientLock(clients.patientLocks) : noPatientLock),
    sources: sourcesOfService,
    mapping: mappingOptions(settings),
    lookAgain: async (study, signal) => {
      await queue.send({ study, changes: [] }, { signal });
    },
    passes: decoratePasses(studyPasses(clients.failedEntriesTable, clock)),
    queue,
    breakers: serviceBreakers,
    probe: (dependency, signal) => (dependency === 'dicom' ? dicom.probe(signal) : searchNothing(fhir, signal)),
    reporter,
    options,
    now: clock,
  });

  const puller: PullDependencies = {
    client: clients.changeFeed,
    state,
    queue,
    failedEntries: failures,
    reporter,
    notifier,
    telemetry,
    studiesPerMessage: settings.STUDIES_PER_MESSAGE,
    limits: { entries: settings.ROUND_ENTRIES, windowsInFlight: settings.FEED_WINDOWS_IN_FLIGHT },
    queueLimit: settings.QUEUE_LIMIT,
    softDeadlineMs: settings.PULL_SECONDS * 1000,
    now: clock,
  };
  const levels = { state, queues: [queue, clients.poison], telemetry, now: clock };

  return {
    pull: (signal) => watchedPull(levels, () => pullChangeFeed(puller, signal), signal),
    async syncStudy(input, delivery, signal) {
      const messages = tryReadStudyMessages(input);
      // Another attempt would not make it readable: it is filed at once, as the poison handler does.
      if (messages instanceof UnreadableMessage) return poisoned(input, delivery.invocationId, signal);
      const [message, ...others] = messages;
      if (message === undefined) return;
      await telemetry.span('sync-study', spanOf(messages, delivery), () =>
        others.length === 0 ? sync.handle(message, delivery, signal) : sync.handleShared(messages, delivery, signal),
      );
    },
    handlePoison: poisoned,
    async sweepMarks(signal) {
      const swept = await sweepMarks({ marks, queue, telemetry, markAgeMs: options.unknownOutcomeMs }, signal);
      await removeIdleSigns(clients.failedEntriesTable, clock, signal);
      await purgePatientLocks(clients.patientLocks, clock(), signal);
      await warnings.purge(new Date(clock().getTime() - settings.WARNING_RETENTION_DAYS * 86_400_000), signal);
      return swept;
    },
    tellLevels: (signal) => tellLevelsNow({ ...levels, changeFeed: clients.changeFeed }, signal),
    status: (signal) =>
      readStatus(
        { state, queues: [queue, clients.poison], failedEntries: failures, breakers: serviceBreakers },
        signal,
      ),
    health: (signal) => readHealth({ state, dicom, fhir }, HEALTH_TIMEOUT_MS, signal),
    api: castApi({ failedEntries: failures, warnings, queue, state, changeFeed: clients.changeFeed, dicom }),
  };
}

function spanOf(messages: readonly StudyMessage[], { dequeueCount }: Delivery): SpanOptions {
  const properties = {
    study: messages.map(({ study }) => study.uid).join(','),
    partition: [...new Set(messages.map(({ study }) => study.partition))].join(','),
    changes: messages.reduce((sum, { changes }) => sum + changes.length, 0),
    attempt: dequeueCount,
  };
  return { properties, causedBy: messages[0]?.trace?.parent };
}

/** An authorised search that finds nothing: unlike the CapabilityStatement it needs the server's database and our rights. */
async function searchNothing(fhir: FhirClient, signal: AbortSignal): Promise<void> {
  await fhir.search<ImagingStudy>('ImagingStudy', [studyUidQuery('0.0')], signal);
}

const HEALTH_TIMEOUT_MS = 20_000;

function syncOptions(settings: Settings): SyncOptions {
  return {
    maxAttempts: settings.MAX_ATTEMPTS,
    backOffBaseMs: settings.BACK_OFF_BASE_SECONDS * 1000,
    backOffCapMs: settings.BACK_OFF_CAP_SECONDS * 1000,
    deferCapMs: settings.DEFER_CAP_SECONDS * 1000,
    outageBudgetMs: settings.OUTAGE_BUDGET_HOURS * 3_600_000,
    unknownOutcomeMs: (settings.FUNCTION_TIMEOUT_SECONDS + settings.FHIR_TIMEOUT_SECONDS) * 1000,
    // Room to file, defer or postpone before the host ends the run.
    deliveryMs: settings.FUNCTION_TIMEOUT_SECONDS * 900,
  };
}

/** A service that went down or came back is told once, not for every study. */
function tellBreakerChange(change: BreakerChange, telemetry: Telemetry, notifier: FailureNotifier): void {
  switch (change.kind) {
    case 'down':
      telemetry.log('error', `The ${change.dependency} service is down: ${change.failure.message}`, {
        reason: change.failure.reason,
      });
      void notifier.dependencyDown({
        dependency: change.dependency,
        reason: change.failure.reason,
        message: change.failure.message,
        since: change.since,
      });
      return;
    case 'back':
      telemetry.log('info', `The ${change.dependency} service is back`, { downForMs: change.downForMs });
      void notifier.dependencyBack({ dependency: change.dependency, since: change.since, downForMs: change.downForMs });
      return;
  }
}
