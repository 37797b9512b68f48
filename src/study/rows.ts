import type { Failure } from '../failures/classify';
import { suggestedFixes } from '../failures/suggestedFixes';
import type { FailedEntry, FailedEntryInput } from '../failures/failedEntry';
import { rowKey, rowKeyOfInstance, rowKeyOfStudy } from '../failures/tableKeys';
import { isInvalid } from '../dicom/dataIssue';
import type { InvalidInstance } from '../mapping/readInstance';
import type { LiveStudy } from './liveStudy';
import type { StudyChange } from './message';

/** What the settle batch of a pass does to the rows of its study (design 3.4). */
export interface RowChanges {
  readonly file: readonly FailedEntryInput[];
  /** Row keys. */
  readonly clear: readonly string[];
}

export const NO_CHANGES: RowChanges = { file: [], clear: [] };

/**
 * After a success: invalid live instances are filed under the changes that name them, or by themselves when the pass had no changes;
 * every row is settled except those of instances that were invalid in this pass. Where an instance was so broken that nobody can tell
 * which one it is, every instance that could not be read may be it.
 */
export function rowsAfterSuccess(
  changes: readonly StudyChange[],
  live: Pick<LiveStudy, 'valid' | 'invalid' | 'skipped'>,
  rows: readonly FailedEntry[],
  operationId: string,
): RowChanges {
  if (live.invalid.length === 0 && rows.length === 0) return NO_CHANGES;
  const identified = new Map(live.invalid.map((instance) => [instance.instanceUid, instance]));
  const unidentified = identified.get(undefined);
  // Of nearly every study nobody asks for it, and a study can have tens of thousands of instances.
  const read =
    unidentified === undefined
      ? undefined
      : new Set([...live.valid, ...live.skipped].map(({ instanceUid }) => instanceUid));
  const culprit = (uid: string): InvalidInstance | undefined =>
    identified.get(uid) ?? (read?.has(uid) === true ? undefined : unidentified);
  const file =
    changes.length === 0
      ? live.invalid.map((instance) => invalidInstanceRow(instance, operationId))
      : changes.flatMap((change) => {
          const instance = change.action === 'Delete' ? identified.get(change.instance) : culprit(change.instance);
          return instance === undefined ? [] : [{ ...rowOfChange(change), ...dicomFailure(instance), operationId }];
        });
  const filed = new Set(file.map((entry) => entry.rowKey));
  const stays = ({ rowKey: key, instanceUid }: FailedEntry): boolean =>
    filed.has(key) ||
    (instanceUid === undefined
      ? unidentified !== undefined && key !== rowKeyOfStudy()
      : culprit(instanceUid) !== undefined);
  return { file, clear: rows.filter((row) => !stays(row)).map((row) => row.rowKey) };
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
    ...dicomFailure(instance),
    operationId,
  };
}

function dicomFailure({
  issues,
  missing,
}: InvalidInstance): Pick<FailedEntryInput, 'errorType' | 'reason' | 'message' | 'suggestedFix'> {
  const invalid = issues.filter(isInvalid);
  const reason = missing === undefined ? 'InvalidAttribute' : 'RequiredAttributeMissing';
  return {
    errorType: 'DicomError',
    reason,
    message: invalid.map(({ keyword, tag, problem }) => `${keyword} (${tag}): ${problem}`).join('; '),
    suggestedFix: suggestedFixes[reason],
  };
}
