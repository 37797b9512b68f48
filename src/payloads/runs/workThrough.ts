import { setTimeout as delay } from 'node:timers/promises';
import { advance } from './advance';
import type { ReconcileServices } from './services';
import type { FollowUp } from './steps';

/** Works on one slice after another in this process, until there is nothing left to do: the command line's way. */
export async function workThrough(
  services: ReconcileServices,
  first: readonly FollowUp[],
  signal: AbortSignal,
): Promise<void> {
  const waiting: { readonly message: FollowUp['message']; readonly dueMs: number }[] = [];
  const add = (followUps: readonly FollowUp[]): void => {
    for (const { message, delayMs } of followUps) waiting.push({ message, dueMs: services.monotonicMs() + delayMs });
    waiting.sort((left, right) => left.dueMs - right.dueMs);
  };
  add(first);
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const waitMs = next.dueMs - services.monotonicMs();
    if (waitMs > 0) await delay(waitMs, undefined, { signal });
    add(await advance(services, next.message, signal));
  }
}
