import type { StudyKey } from '../dicom/studyKey';
import type { Failure } from '../failures/classify';
import type { FailedEntryInput } from '../failures/failedEntry';
import type { FailureNotifier } from '../failures/notifier';
import type { ValidationWarning, ValidationWarnings } from '../failures/warnings';
import type { TransactionEntry } from '../fhir/client';
import type { Telemetry } from '../telemetry/telemetry';
import type { ValidInstance } from '../mapping/readInstance';
import type { Remarks } from './pass';
import type { LiveStudy } from './liveStudy';
import type { StudyMessage } from './message';
import type { RowChanges } from './rows';

export interface SettledPass {
  readonly message: StudyMessage;
  readonly live: LiveStudy;
  readonly written: readonly TransactionEntry[];
  readonly remarks: Remarks;
  readonly rows: RowChanges;
  readonly durationMs: number;
  readonly operationId: string;
}

/** Tells the outside what became of a study: log lines, metrics, warnings, notifications. Never patient data. */
export interface SyncReporter {
  settled(pass: SettledPass, signal: AbortSignal): Promise<void>;
  filed(message: StudyMessage, rows: readonly FailedEntryInput[], gaveUpAfter: number | undefined): Promise<void>;
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
}

export function syncReporter({ telemetry, notifier, warnings }: ReporterDependencies): SyncReporter {
  async function warn({ message, live, operationId }: SettledPass, signal: AbortSignal): Promise<void> {
    const named = new Set(message.changes.map(({ instance }) => instance));
    const filed = live.valid
      // A look at the whole study warns again; a change warns about the instances that it names.
      .filter(({ instanceUid }) => named.size === 0 || named.has(instanceUid))
      .flatMap((instance) => warningsOf(message.study, instance, operationId));
    if (filed.length === 0) return;
    await warnings.fileAll(filed, signal);
    for (const warning of filed) {
      const { keyword, tag, problem, seriesUid, instanceUid } = warning;
      telemetry.log('warning', `${keyword} (${tag}) is left out: ${problem}`, {
        study: message.study.uid,
        series: seriesUid,
        instance: instanceUid,
      });
      await notifier.warning(warning);
    }
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
      const { message, live, written, rows, durationMs } = pass;
      telemetry.metric('studies-synced', 1);
      telemetry.metric('entries-processed', message.changes.length);
      telemetry.metric('sync-duration-ms', durationMs);
      telemetry.metric('instances-synced', live.valid.length);
      for (const entry of written)
        telemetry.metric('resources-written', 1, { type: typeOf(entry), change: entry.kind });
      telemetry.log('info', written.length === 0 ? 'Study is up to date' : 'Study is written', {
        study: message.study.uid,
        partition: message.study.partition,
        changes: message.changes.length,
        instances: live.valid.length,
        invalid: live.invalid.length,
        written: written.length,
        settledFailures: rows.clear.length,
        durationMs: Math.round(durationMs),
      });
      remark(pass);
      await warn(pass, signal);
      if (rows.file.length > 0) await this.filed(message, rows.file, undefined);
    },
    async filed(message, rows, gaveUpAfter) {
      const { study } = message;
      for (const row of rows) {
        telemetry.metric('entries-failed', 1, { errorType: row.errorType, reason: row.reason });
        telemetry.log('error', `Not stored in FHIR: ${row.message}`, {
          reason: row.reason,
          study: study.uid,
          series: row.seriesUid,
          instance: row.instanceUid,
          sequence: row.sequence,
          suggestedFix: row.suggestedFix,
        });
        await notifier.entryFailed({ study, ...row });
        if (gaveUpAfter !== undefined) await notifier.gaveUp({ study, ...row, attempts: gaveUpAfter });
      }
      if (gaveUpAfter !== undefined) telemetry.metric('gave-up', 1);
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

function warningsOf(
  study: StudyKey,
  { seriesUid, instanceUid, issues }: ValidInstance,
  operationId: string,
): readonly ValidationWarning[] {
  return issues
    .filter(({ severity }) => severity === 'invalid')
    .map(({ keyword, tag, problem }) => ({ study, seriesUid, instanceUid, keyword, tag, problem, operationId }));
}

function typeOf(entry: TransactionEntry): string {
  return entry.kind === 'delete' ? entry.type : entry.resource.resourceType;
}
