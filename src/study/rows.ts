import type { DataIssue } from '../dicom/dataIssue';
import type { Failure } from '../failures/classify';
import {
  type FailedEntry,
  type FailedEntryInput,
  rowKey,
  rowKeyOfInstance,
  rowKeyOfStudy,
} from '../failures/failedEntry';
import type { InvalidInstance } from '../mapping/readInstance';
import type { StudyChange } from './message';

/** What the settle batch of a pass does to the rows of its study (design 3.4). */
export interface RowChanges {
  readonly file: readonly FailedEntryInput[];
  /** Row keys. */
  readonly clear: readonly string[];
}

/**
 * After a success: invalid live instances are filed under the changes that name them, or by themselves when the pass had no changes;
 * every row is settled except those of instances that were invalid in this pass.
 */
export function rowsAfterSuccess(
  changes: readonly StudyChange[],
  invalid: readonly InvalidInstance[],
  rows: readonly FailedEntry[],
  operationId: string,
): RowChanges {
  const issuesByInstance = new Map(invalid.map((instance) => [instance.instanceUid ?? '', instance.issues]));
  const file =
    changes.length === 0
      ? invalid.map((instance) => invalidInstanceRow(instance, operationId))
      : changes.flatMap((change) => {
          const issues = issuesByInstance.get(change.instance);
          return issues === undefined ? [] : [{ ...rowOfChange(change), ...dicomFailure(issues), operationId }];
        });
  const filed = new Set(file.map((entry) => entry.rowKey));
  const clear = rows
    .filter(
      (row) => !filed.has(row.rowKey) && (row.instanceUid === undefined || !issuesByInstance.has(row.instanceUid)),
    )
    .map((row) => row.rowKey);
  return { file, clear };
}

/** After a failure for good: a row for each change, or one for the study when the pass had none. Nothing is cleared. */
export function rowsAfterFailure(
  changes: readonly StudyChange[],
  failure: Pick<FailedEntryInput, 'errorType' | 'reason' | 'message' | 'suggestedFix' | 'httpStatus'>,
  operationId: string,
): RowChanges {
  const targets = changes.length === 0 ? [{ rowKey: rowKeyOfStudy() }] : changes.map(rowOfChange);
  return { file: targets.map((target) => ({ ...target, ...failure, operationId })), clear: [] };
}

/** The columns that tell why, from a failure that has been given up. */
export function filedFailure(
  failure: Failure,
): Pick<FailedEntryInput, 'errorType' | 'reason' | 'message' | 'suggestedFix' | 'httpStatus'> {
  const { reason, message, suggestedFix, httpStatus } = failure;
  return { errorType: errorTypeOf(failure), reason, message, suggestedFix, httpStatus };
}

function errorTypeOf(failure: Failure): FailedEntryInput['errorType'] {
  switch (failure.kind) {
    case 'permanent':
      return failure.errorType;
    case 'unexpected':
      return 'Unexpected';
    case 'unavailable':
    case 'unavailable-if-probe-fails':
    case 'transient':
    case 'conflict':
      return 'TransientFailure';
  }
}

function rowOfChange(
  change: StudyChange,
): Pick<FailedEntryInput, 'rowKey' | 'sequence' | 'action' | 'seriesUid' | 'instanceUid'> {
  return {
    rowKey: rowKey(String(change.sequence)),
    sequence: String(change.sequence),
    action: change.action,
    seriesUid: change.series,
    instanceUid: change.instance,
  };
}

function invalidInstanceRow(instance: InvalidInstance, operationId: string): FailedEntryInput {
  return {
    rowKey: rowKeyOfInstance(instance.instanceUid ?? `unidentified-${instance.seriesUid ?? ''}`),
    seriesUid: instance.seriesUid,
    instanceUid: instance.instanceUid,
    ...dicomFailure(instance.issues),
    operationId,
  };
}

function dicomFailure(
  issues: readonly DataIssue[],
): Pick<FailedEntryInput, 'errorType' | 'reason' | 'message' | 'suggestedFix'> {
  const invalid = issues.filter(({ severity }) => severity === 'invalid');
  return {
    errorType: 'DicomError',
    reason: 'InvalidAttribute',
    message: invalid.map(({ keyword, tag, problem }) => `${keyword} (${tag}): ${problem}`).join('; '),
    suggestedFix:
      'Correct the attribute in the source system, then delete the instance and store it again, or use a bulk update.',
  };
}
