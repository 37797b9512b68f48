import type { FailedEntries } from '../failures/failedEntries';
import type { FailedEntry, FailedFeedEntry } from '../failures/failedEntry';
import type { StudyMarks } from '../failures/marks';
import type { Telemetry } from '../telemetry/telemetry';
import { type StudyMessage, tryReadStudyMessages, UnreadableMessage } from './message';
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
  const messages = tryReadStudyMessages(input);
  if (messages instanceof UnreadableMessage) {
    const filed = await deps.failedEntries.fileUnreadableMessage({ operationId, message: messages.message }, signal);
    deps.telemetry.log('error', 'The queue held a message that is no study message; it is filed', { operationId });
    return [filed];
  }
  const filed: FailedEntry[] = [];
  for (const message of messages) filed.push(...(await fileStudy(deps, message, operationId, signal)));
  return filed;
}

async function fileStudy(
  { failedEntries, marks, queue, telemetry }: PoisonDependencies,
  message: StudyMessage,
  operationId: string,
  signal: AbortSignal,
): Promise<readonly FailedEntry[]> {
  const { study, changes, lastTry } = message;
  const filed = await failedEntries.upsertFromPoison({ study, changes, operationId }, signal);
  await marks.touchAll(study, signal);
  if (lastTry !== true) await queue.send({ ...message, lastTry: true }, { signal });
  telemetry.log('error', 'The host gave up on a study; its changes are filed as unconfirmed', {
    study: study.uid,
    operationId,
  });
  return filed;
}
