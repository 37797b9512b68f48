import { hasEnded, type Run, type Shard } from './run';
import type { Versioned } from './runStore';
import type { ReconcileServices } from './services';
import { runSlice, shardSlice, type FollowUp } from './steps';
import { needsSweep } from './sweepShard';

/** Runs that are looked through, the newest first. */
const RUNS_BACK = 200;
/** Longer than a slice that lives leaves its shard alone. */
const ABANDONED_MS = 15 * 60_000;
const PLAN_MS = 2 * 60_000;

/**
 * Finds what no message leads to any more, because a process died between its work and its next message.
 * @returns the messages that take it up; a message too many does no harm
 */
export async function abandonedSlices(
  services: Pick<ReconcileServices, 'runs' | 'clock'>,
  signal: AbortSignal,
): Promise<readonly FollowUp[]> {
  const { items } = await services.runs.list({ top: RUNS_BACK }, signal);
  const found: FollowUp[] = [];
  for (const run of items.filter(({ state }) => !hasEnded(state))) {
    if (services.clock().getTime() - Date.parse(run.startedAt) > PLAN_MS) found.push(runSlice(run.id));
    for (const shard of await services.runs.readShards(run.id, signal))
      if (isUnfinished(run, shard.value) && (await isAbandoned(services, run, shard)))
        found.push(shardSlice(run.id, shard.value.id));
  }
  return found;
}

function isUnfinished(run: Run, shard: Shard): boolean {
  if (run.state === 'scanning') return !shard.scanned && !shard.frozen;
  return run.state === 'sweeping' && needsSweep(run, shard) && !shard.sweep.done;
}

/** A shard without a claim may only wait for its turn: it is marked at first, and is abandoned when the mark is old. */
async function isAbandoned(
  { runs, clock }: Pick<ReconcileServices, 'runs' | 'clock'>,
  run: Run,
  shard: Versioned<Shard>,
): Promise<boolean> {
  const now = clock();
  const { claim } = shard.value;
  if (claim !== undefined && now.getTime() - Date.parse(claim.until) < ABANDONED_MS) return false;
  const mark = { owner: 'nobody', until: now.toISOString() };
  const marked = await runs.replaceShard(run.id, shard, { ...shard.value, claim: mark });
  return claim !== undefined && marked !== undefined;
}
