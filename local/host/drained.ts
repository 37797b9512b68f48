import type { QueueClient } from '@azure/storage-queue';
import { storageErrorCode } from './errors';
import { systemClock } from './timerListener';

const POLL_MS = 50;

/**
 * Resolves when the queues hold no message at all: none visible, none delayed, none leased by a run. A queue that does
 * not exist is empty. Two looks in a row must agree, and `activity` (a count that grows with every run) must not have
 * changed between them, since a run can move a message from a queue looked at later to one looked at before.
 *
 * @throws the signal's reason when it aborts.
 */
export async function queuesDrained(
  queues: readonly QueueClient[],
  signal: AbortSignal,
  activity: () => { readonly started: number; readonly running: number } = () => ({ started: 0, running: 0 }),
): Promise<void> {
  let emptyAt: number | undefined;
  for (;;) {
    signal.throwIfAborted();
    const before = activity();
    const counts = await Promise.all(queues.map(messageCount));
    const after = activity();
    const isQuiet = counts.every((count) => count === 0) && after.running === 0 && before.started === after.started;
    if (isQuiet && emptyAt === after.started) return;
    emptyAt = isQuiet ? after.started : undefined;
    await systemClock.wait(POLL_MS, signal);
  }
}

/** Messages in a queue, invisible ones included. */
async function messageCount(queue: QueueClient): Promise<number> {
  try {
    return (await queue.getProperties()).approximateMessagesCount ?? 0;
  } catch (error) {
    if (storageErrorCode(error) === 'QueueNotFound') return 0;
    throw error;
  }
}
