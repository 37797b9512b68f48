import type { PayloadStore } from '../payloadStore';
import type { Run } from './run';
import type { Versioned } from './runStore';
import type { ReconcileServices } from './services';

/** What a step of a whole run needs. */
export interface RunWork {
  readonly services: ReconcileServices;
  readonly store: PayloadStore;
  readonly run: Versioned<Run>;
  readonly signal: AbortSignal;
}

/** What is to be worked on: one shard, or the run as a whole. It holds nothing else, so that a repeat does no harm. */
export interface SliceMessage {
  readonly slice: { readonly run: string; readonly shard?: string | undefined };
}

export interface FollowUp {
  readonly message: SliceMessage;
  readonly delayMs: number;
}

export function shardSlice(run: string, shard: string, delayMs = 0): FollowUp {
  return { message: { slice: { run, shard } }, delayMs };
}

export function runSlice(run: string, delayMs = 0): FollowUp {
  return { message: { slice: { run } }, delayMs };
}

/** Until the slices that still work on shards have seen that they are to stop. */
const LOOK_AGAIN_MS = 5000;

export function lookAgain(run: string): FollowUp {
  return runSlice(run, LOOK_AGAIN_MS);
}

/** Replaces the row of the run; where somebody else was first, the run is looked at once more. */
export async function toNext(
  { services, run }: RunWork,
  change: Partial<Run>,
  followUps: readonly FollowUp[],
): Promise<readonly FollowUp[]> {
  const next = { ...run.value, ...change };
  const saved = await services.runs.replace(run, next);
  if (saved === undefined) return [runSlice(run.value.id)];
  if (next.endedAt !== undefined) services.reporter.runEnded?.(next);
  return followUps;
}

/** Ends the run. */
export function ended(work: RunWork, change: Partial<Run> & Pick<Run, 'state'>): Promise<readonly FollowUp[]> {
  return toNext(work, { ...change, endedAt: work.services.clock().toISOString() }, []);
}
