import { isClaimed } from './claims';
import type { RunPlan, Run, Shard } from './run';
import type { Versioned } from './runStore';
import { isTimeUp, mustGetOn } from './scanShard';
import { lookAgain, runSlice, shardSlice, toNext, type FollowUp, type RunWork } from './steps';

/**
 * Ends the scan when every shard is done, or when the time is up or the run is cancelled and no slice works on it any more.
 * Shards that are not done are frozen first: a page that a forgotten slice still saves would not have been seen by the guards.
 */
export async function endScan(work: RunWork, plan: RunPlan): Promise<readonly FollowUp[]> {
  const { services, run, signal } = work;
  const shards = await services.runs.readShards(run.value.id, signal);
  if (shards.length < plan.shards) throw new Error('A shard of the run is missing');
  const unfinished = shards.filter(({ value }) => !value.scanned);
  const why = unfinished.length === 0 ? 'complete' : whyOver(run.value, plan, services.clock(), unfinished);
  if (why === undefined) {
    // Whoever planned the run may have died before it could send these.
    const isUp = isTimeUp(run.value, plan, services.clock());
    return unfinished
      .filter(({ value }) => isNew(value) && (!isUp || mustGetOn(value)))
      .map(({ value }) => shardSlice(run.value.id, value.id));
  }
  const now = services.clock();
  if (unfinished.some(({ value }) => isClaimed(value, now.getTime()))) return [lookAgain(run.value.id)];
  for (const shard of unfinished)
    if (!shard.value.frozen) {
      const frozen = await services.runs.replaceShard(run.value.id, shard, { ...shard.value, frozen: true });
      if (frozen === undefined) return [lookAgain(run.value.id)];
    }
  const change = { state: 'guarding', scanEnd: why, scanEndedAt: now.toISOString() } as const;
  return toNext(work, change, [runSlice(run.value.id)]);
}

function isNew({ writers, claim }: Shard): boolean {
  return writers.length === 0 && claim === undefined;
}

function whyOver(
  run: Run,
  plan: RunPlan,
  now: Date,
  unfinished: readonly Versioned<Shard>[],
): 'cancelled' | 'time-limit' | undefined {
  if (run.cancelRequested) return 'cancelled';
  if (unfinished.some(({ value }) => mustGetOn(value))) return undefined;
  return isTimeUp(run, plan, now) ? 'time-limit' : undefined;
}
