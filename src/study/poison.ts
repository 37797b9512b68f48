import type { FailedEntries } from '../failures/failedEntries';
import type { FailedEntry, FailedFeedEntry } from '../failures/failedEntry';
import type { StudyMarks } from '../failures/marks';
import type { Telemetry } from '../telemetry/telemetry';
import { tryReadStudyMessage, UnreadableMessage } from './message';
import type { StudyQueue } from './studyQueue';

export interface PoisonDependencies {
  readonly failedEntries: Pick<FailedEntries, 'upsertFromPoison' | 'fileUnreadableMessage'>;
  readonly marks: Pick<StudyMarks, 'touchAll'>;
  readonly queue: StudyQueue;
  readonly telemetry: Telemetry;
}

/**
 * What the host gave up on (crash, out of memory, unreadable message) is filed as unconfirmed, and the study is sent once more:
 * the effect may already be in FHIR, and then that pass settles the rows. Rows first, then the marks: a pass that began before has to
 * look again. Idempotent; a second poisoning only files.
 * @returns what was filed
 */
export async function handlePoison(
  deps: PoisonDependencies,
  input: unknown,
  operationId: string,
  signal: AbortSignal,
): Promise<readonly (FailedEntry | FailedFeedEntry)[]> {
  const message = tryReadStudyMessage(input);
  if (message instanceof UnreadableMessage) {
    const filed = await deps.failedEntries.fileUnreadableMessage({ operationId, message: message.message }, signal);
    deps.telemetry.log('error', 'The queue held a message that is no study message; it is filed', { operationId });
    return [filed];
  }
  const { study, changes } = message;
  const filed = await deps.failedEntries.upsertFromPoison({ study, changes, operationId }, signal);
  await deps.marks.touchAll(study, signal);
  if (message.lastTry !== true) await deps.queue.send({ ...message, lastTry: true }, { signal });
  deps.telemetry.log('error', 'The host gave up on a study; its changes are filed as unconfirmed', {
    study: study.uid,
    operationId,
  });
  return filed;
}
