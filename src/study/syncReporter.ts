import { Turn } from '../concurrency/turns';
import type { StudyKey } from '../dicom/studyKey';
import { classify, type Failure } from '../failures/classify';
import type { FailedEntryInput } from '../failures/failedEntry';
import type { FailureNotifier } from '../failures/notifier';
import { tellWithin } from '../failures/tellWithin';
import type { ValidationWarnings } from '../failures/warnings';
import type { Telemetry } from '../telemetry/telemetry';
import type { StudyMessage } from './message';
import type { SettledPass } from './settledPass';

/** Tells the outside what became of a study: log lines, metrics, warnings, notifications. Never patient data. */
export interface SyncReporter {
  settled(pass: SettledPass, signal: AbortSignal): Promise<void>;
  filed(message: StudyMessage, rows: readonly FailedEntryInput[], gaveUpAfter: number | undefined): Promise<void>;
  /** Rows that no pass has filed: what the host gave up on, and messages that cannot be read. */
  filedAside(rows: readonly FailureToTell[]): Promise<void>;
  postponed(
    message: StudyMessage,
    failure: Failure,
    delivery: { readonly dequeueCount: number; readonly delayMs: number },
  ): void;
  deferred(message: StudyMessage, failure: Failure, delayMs: number): void;
  startedOver(study: StudyKey, reason: string): void;
  postponementLost(study: StudyKey): void;
}

export interface ReporterDependencies {
  readonly telemetry: Telemetry;
  readonly notifier: FailureNotifier;
  readonly warnings: Pick<ValidationWarnings, 'fileAll'>;
  /** Time for the notifications of one study. */
  readonly notificationMs?: number;
}

type FailureToTell = Parameters<FailureNotifier['entryFailed']>[0];

const NOTIFICATION_MS = 30_000;

/** Whole batches of the table; to make the rows of tens of thousands would hold the event loop. */
const WARNINGS_AT_ONCE = 1000;

export function syncReporter({
  telemetry,
  notifier,
  warnings,
  notificationMs = NOTIFICATION_MS,
}: ReporterDependencies): SyncReporter {
  async function warn({ message, warnings: filed }: SettledPass, signal: AbortSignal): Promise<void> {
    if (filed.length === 0) return;
    for (let start = 0; start < filed.length; start += WARNINGS_AT_ONCE)
      await warnings.fileAll(filed.slice(start, start + WARNINGS_AT_ONCE), signal);
    await eachInTurn(filed, ({ keyword, tag, problem, seriesUid, instanceUid }) =>
      telemetry.log('warning', `${keyword} (${tag}) is left out: ${problem}`, {
        study: message.study.uid,
        series: seriesUid,
        instance: instanceUid,
      }),
    );
    await tellAll(filed.map((warning) => () => notifier.warning(warning)));
  }

  /** The study is settled: a warning that cannot be filed must not make it come again. */
  async function warnWithoutFail(pass: SettledPass, signal: AbortSignal): Promise<void> {
    try {
      await warn(pass, signal);
    } catch (error) {
      telemetry.metric('warnings-not-filed', 1);
      telemetry.log('error', 'Validation warnings could not be filed', {
        study: pass.message.study.uid,
        problem: classify(error, 'storage').message,
      });
    }
  }

  function logFailure(row: FailureToTell): void {
    telemetry.metric('entries-failed', 1, { errorType: row.errorType, reason: row.reason });
    telemetry.log('error', `Not stored in FHIR: ${row.message}`, {
      reason: row.reason,
      study: row.study?.uid,
      series: row.seriesUid,
      instance: row.instanceUid,
      sequence: row.sequence,
      suggestedFix: row.suggestedFix,
    });
  }

  /** A channel that is slow must not hold up the study: what is not told in time is in the table and in the log. */
  async function tellAll(events: readonly (() => Promise<void>)[]): Promise<void> {
    const untold = await tellWithin(events, notificationMs);
    if (untold > 0) telemetry.log('warning', 'Notifications were left out: the notifier is too slow', { untold });
  }

  /** The FHIR server is right about an existing Patient (DEMOGRAPHICS), and one subject is chosen: but somebody should know. */
  function remark({ message, remarks }: SettledPass): void {
    const { uid: study, partition } = message.study;
    for (const { keyword, problem } of remarks.issues)
      telemetry.event('study-remark', { study, partition, keyword, problem });
    if (remarks.patientDifferences.length === 0) return;
    telemetry.event('patient-differs', { study, partition, elements: remarks.patientDifferences.join(',') });
  }

  return {
    async settled(pass, signal) {
      const { message, instances, written, rows, durationMs } = pass;
      telemetry.metric('studies-synced', 1);
      telemetry.metric('entries-processed', message.changes.length);
      telemetry.metric('sync-duration-ms', durationMs);
      telemetry.metric('instances-synced', instances.valid);
      for (const { type, change } of written) telemetry.metric('resources-written', 1, { type, change });
      telemetry.log('info', written.length === 0 ? 'Study is up to date' : 'Study is written', {
        study: message.study.uid,
        partition: message.study.partition,
        changes: message.changes.length,
        instances: instances.valid,
        invalid: instances.invalid,
        skipped: instances.skipped,
        written: written.length,
        settledFailures: rows.clear.length,
        durationMs: Math.round(durationMs),
      });
      remark(pass);
      if (rows.file.length > 0) await this.filed(message, rows.file, undefined);
      await warnWithoutFail(pass, signal);
    },
    async filed(message, rows, gaveUpAfter) {
      const { study } = message;
      const failures = rows.map((row) => ({ study, ...row }));
      await eachInTurn(failures, logFailure);
      if (gaveUpAfter !== undefined) telemetry.metric('gave-up', 1, { reason: rows[0]?.reason });
      await tellAll(
        failures.flatMap((failure) => [
          () => notifier.entryFailed(failure),
          ...(gaveUpAfter === undefined ? [] : [() => notifier.gaveUp({ ...failure, attempts: gaveUpAfter })]),
        ]),
      );
    },
    async filedAside(rows) {
      await eachInTurn(rows, logFailure);
      await tellAll(rows.map((row) => () => notifier.entryFailed(row)));
    },
    postponed(message, failure, { dequeueCount, delayMs }) {
      telemetry.metric('studies-postponed', 1, { reason: failure.reason });
      telemetry.log('warning', `Comes again: ${failure.message}`, {
        study: message.study.uid,
        reason: failure.reason,
        attempt: dequeueCount,
        delayMs,
      });
    },
    deferred(message, failure, delayMs) {
      telemetry.metric('studies-deferred', 1, { reason: failure.reason });
      telemetry.log('warning', `Deferred: ${failure.message}`, {
        study: message.study.uid,
        reason: failure.reason,
        delayMs,
      });
    },
    startedOver(study, reason) {
      telemetry.log('debug', 'Pass starts over', { study: study.uid, reason });
    },
    postponementLost(study) {
      telemetry.log('warning', 'The receipt of the message is stale; it comes again after the delay of the host', {
        study: study.uid,
      });
    },
  };
}

/** A study can have tens of thousands of them. */
async function eachInTurn<T>(items: readonly T[], tell: (item: T) => void): Promise<void> {
  const turn = new Turn();
  for (const item of items) {
    tell(item);
    if (turn.isOver) await turn.next();
  }
}
