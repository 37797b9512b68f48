import { Turn } from '../concurrency/turns';

/** Notifications sent at once: a channel is quicker that way, and not overrun. */
const AT_ONCE = 8;

/**
 * Sends notifications, some at once, until the time is over; those under way are waited for.
 * @returns how many were not sent
 */
export async function tellWithin(events: readonly (() => Promise<void>)[], timeMs: number): Promise<number> {
  const until = performance.now() + timeMs;
  const turn = new Turn();
  let next = 0;
  async function sender(): Promise<void> {
    while (performance.now() < until) {
      const event = events[next++];
      if (event === undefined) return;
      await event();
      // Many channels have nothing to wait for, and a study can have tens of thousands of warnings.
      if (turn.isOver) await turn.next();
    }
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, events.length) }, sender));
  return Math.max(0, events.length - next);
}
