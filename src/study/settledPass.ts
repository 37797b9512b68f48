import { isInvalid } from '../dicom/dataIssue';
import type { ValidationWarning } from '../failures/warnings';
import type { TransactionEntry } from '../fhir/client';
import type { ValidInstance } from '../mapping/readInstance';
import type { LiveStudy } from './liveStudy';
import type { StudyMessage } from './message';
import type { PassResult, Remarks } from './pass';
import type { RowChanges } from './rows';

/** What is told of a study that is up to date. The instances themselves are not in it: it is held until the whole message is done with. */
export interface SettledPass {
  readonly message: StudyMessage;
  /** How many there are. */
  readonly instances: { readonly valid: number; readonly invalid: number; readonly skipped: number };
  /** About the instances that the message names, or about all of them where it names none. */
  readonly warnings: readonly ValidationWarning[];
  readonly written: readonly { readonly type: string; readonly change: TransactionEntry['kind'] }[];
  readonly remarks: Remarks;
  readonly rows: RowChanges;
  readonly durationMs: number;
}

interface PassOfMessage extends Pick<SettledPass, 'message' | 'rows' | 'durationMs'> {
  readonly operationId: string;
}

export function settledPass(
  { live, written, remarks }: Extract<PassResult, { kind: 'equal' }>,
  { message, rows, durationMs, operationId }: PassOfMessage,
): SettledPass {
  return {
    message,
    instances: { valid: live.valid.length, invalid: live.invalid.length, skipped: live.skipped.length },
    warnings: warningsAbout(message, live, operationId),
    written: written.map((entry) => ({ type: typeOf(entry), change: entry.kind })),
    remarks,
    rows,
    durationMs,
  };
}

/** A look at the whole study warns again; a change warns about the instances that it names. */
function warningsAbout(
  { study, changes }: StudyMessage,
  { valid }: LiveStudy,
  operationId: string,
): readonly ValidationWarning[] {
  // Most issues are notes.
  const remarkable = valid.filter(({ issues }) => issues.some(isInvalid));
  if (remarkable.length === 0) return [];
  const named = new Set(changes.map(({ instance }) => instance));
  return remarkable
    .filter(({ instanceUid }) => named.size === 0 || named.has(instanceUid))
    .flatMap((instance) => warningsOf(study, instance, operationId));
}

function warningsOf(
  study: StudyMessage['study'],
  { seriesUid, instanceUid, issues }: ValidInstance,
  operationId: string,
): readonly ValidationWarning[] {
  return issues
    .filter(isInvalid)
    .map(({ keyword, tag, problem }) => ({ study, seriesUid, instanceUid, keyword, tag, problem, operationId }));
}

function typeOf(entry: TransactionEntry): string {
  return entry.kind === 'delete' ? entry.type : entry.resource.resourceType;
}
