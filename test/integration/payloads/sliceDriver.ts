import { advance } from '../../../src/payloads/runs/advance';
import type { RunRequest } from '../../../src/payloads/runs/run';
import type { ReconcileServices } from '../../../src/payloads/runs/services';
import { startRun } from '../../../src/payloads/runs/startRun';
import type { FollowUp, SliceMessage } from '../../../src/payloads/runs/steps';
import { reportRequest, untilTheTestEnds } from './reconcileRig';

/** A clock that a test moves: claims run out at once. */
export class TestClock {
  nowMs = Date.now();
  readonly now = (): Date => new Date(this.nowMs);
}

/** Whoever delivers the messages of a run: what a slice throws, or leaves without an end, is delivered again. */
export interface Delivery {
  readonly clock: TestClock;
  /** slices that work on one message at once */
  readonly copies?: number;
  /** @returns the services of the next slice, and what ends it from outside */
  readonly next?: (services: ReconcileServices) => {
    readonly services: ReconcileServices;
    readonly died: Promise<void>;
  };
}

const MOST_SLICES = 400;

export async function startAndDeliver(
  services: ReconcileServices,
  request: Partial<RunRequest>,
  delivery: Delivery,
): Promise<string> {
  const { run, followUps } = await startRun(services, { ...reportRequest, ...request });
  await deliver(services, followUps, delivery);
  return run.id;
}

/** Works until no message is left. */
export async function deliver(
  services: ReconcileServices,
  first: readonly FollowUp[],
  { clock, copies = 1, next = alive }: Delivery,
): Promise<void> {
  const waiting = new Map<string, { readonly message: SliceMessage; readonly dueMs: number }>();
  const add = (followUps: readonly FollowUp[]): void => {
    for (const { message, delayMs } of followUps)
      waiting.set(JSON.stringify(message), { message, dueMs: clock.nowMs + delayMs });
  };
  add(first);
  for (let slices = 0; waiting.size > 0; slices += 1) {
    if (slices > MOST_SLICES) throw new Error('The run does not end');
    const [[key, { message, dueMs }]] = [...waiting].sort(([, left], [, right]) => left.dueMs - right.dueMs) as [
      [string, { message: SliceMessage; dueMs: number }],
    ];
    waiting.delete(key);
    clock.nowMs = Math.max(clock.nowMs, dueMs);
    const work = Array.from({ length: copies }, async () => {
      const slice = next(services);
      const ended = advance(slice.services, message, untilTheTestEnds).catch(() => 'again' as const);
      return Promise.race([ended, slice.died.then(() => 'again' as const)]);
    });
    for (const followUps of await Promise.all(work))
      if (followUps !== 'again') add(followUps);
      else {
        clock.nowMs += services.limits.claimMs + 1;
        add([{ message, delayMs: 0 }]);
      }
  }
}

const alive = (services: ReconcileServices) => ({ services, died: new Promise<void>(() => undefined) });
