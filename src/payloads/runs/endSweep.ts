import { isDeepStrictEqual } from 'node:util';
import { isClaimed } from './claims';
import { finishRun } from './finishRun';
import { SWEEP_START, type Shard } from './run';
import { lookAgain, shardSlice, type FollowUp, type RunWork } from './steps';
import { needsSweep } from './sweepShard';

/** Ends the run when every shard is swept, or when it must stop and no slice works on it any more. */
export async function endSweep(work: RunWork): Promise<readonly FollowUp[]> {
  const { services, run, signal } = work;
  const shards = await services.runs.readShards(run.value.id, signal);
  const waiting = shards.filter(({ value }) => needsSweep(run.value, value) && !value.sweep.done);
  if (waiting.length === 0) return finishRun(work, {});
  // Whoever began the sweep may have died before it could send these.
  if (!run.value.cancelRequested && !run.value.stoppedByGuard)
    return waiting.filter(({ value }) => isNew(value)).map(({ value }) => shardSlice(run.value.id, value.id));
  const nowMs = services.clock().getTime();
  const begun = waiting.filter(({ value }) => value.sweep.begun && !isClaimed(value, nowMs));
  // A slice died in the middle of a batch: what it deleted is counted before the run ends.
  if (begun.length > 0) return begun.map(({ value }) => shardSlice(run.value.id, value.id));
  if (waiting.some(({ value }) => isClaimed(value, nowMs))) return [lookAgain(run.value.id)];
  return finishRun(work, {});
}

function isNew({ sweep, claim }: Shard): boolean {
  return isDeepStrictEqual(sweep, SWEEP_START) && claim === undefined;
}
