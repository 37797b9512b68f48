import { canariesByType } from './canaries';
import { claimShard } from './claims';
import { endScan } from './endScan';
import { endSweep } from './endSweep';
import { guardRun } from './guardRun';
import { endedBy } from './endedBy';
import { planRun } from './planRun';
import { hasEnded, withWriter, type Run, type Shard } from './run';
import { scanShard } from './scanShard';
import type { ReconcileServices } from './services';
import { ended, runSlice, shardSlice, type FollowUp, type RunWork, type SliceMessage } from './steps';
import { needsSweep, sweepShard } from './sweepShard';

/**
 * Works on one slice of a run and says what is to be worked on next. It may be called any number of times with the same message, and at
 * once with others of the same run. An error is thrown only where another try may help.
 */
export async function advance(
  services: ReconcileServices,
  { slice }: SliceMessage,
  signal: AbortSignal,
): Promise<readonly FollowUp[]> {
  const run = await services.runs.read(slice.run, signal);
  if (run === undefined || hasEnded(run.value.state)) return [];
  const { tenantId, dsId } = run.value.request;
  try {
    const work: RunWork = { services, store: services.openStore(tenantId, dsId), run, signal };
    return slice.shard === undefined ? await advanceRun(work) : await advanceShard(work, slice.shard);
  } catch (error) {
    return endedBy(services, slice, error, signal);
  }
}

function advanceRun(work: RunWork): Promise<readonly FollowUp[]> {
  const { state, plan } = work.run.value;
  if (plan === undefined) return work.run.value.cancelRequested ? ended(work, { state: 'cancelled' }) : planRun(work);
  switch (state) {
    case 'scanning':
      return endScan(work, plan);
    case 'guarding':
      return guardRun(work, plan);
    case 'sweeping':
      return endSweep(work);
    case 'complete':
    case 'time-limit':
    case 'cancelled':
    case 'stopped-by-guard':
    case 'failed':
      return Promise.resolve([]);
  }
}

async function advanceShard(work: RunWork, shardId: string): Promise<readonly FollowUp[]> {
  const { services, run, signal } = work;
  const { state, plan } = run.value;
  if (plan === undefined || (state !== 'scanning' && state !== 'sweeping')) return [];
  const take = state === 'scanning' ? takeForScan : takeForSweep(run.value);
  const claim = await claimShard(services, { runId: run.value.id, shardId }, take, signal);
  if (claim.kind === 'nothing-to-do') return onceOver(work);
  if (claim.kind === 'busy') return [shardSlice(run.value.id, shardId, claim.waitMs)];
  const slice = await releasedOnFailure(work, shardId, claim.owner, async () => {
    const types = await work.store.database.resourceTypes();
    const common = { ...work, run: run.value, plan, owner: claim.owner, types };
    if (state === 'scanning') return scanShard(common, claim.shard);
    const shards = (await services.runs.readShards(run.value.id, signal)).map(({ value }) => value);
    return sweepShard({ ...common, canaries: canariesByType(run.value, shards) }, claim.shard);
  });
  switch (slice) {
    case 'scanned':
    case 'swept':
      return onceOver(work);
    case 'stopped':
      return [runSlice(run.value.id)];
    case 'handed-over':
    case 'lost':
      return [shardSlice(run.value.id, shardId)];
  }
}

/** The run goes on behind its last shard. A slice that died before it could say so is repeated, and finds its shard done. */
async function onceOver({ services, run, signal }: RunWork): Promise<readonly FollowUp[]> {
  const shards = await services.runs.readShards(run.value.id, signal);
  const isOver = shards.every(({ value }) =>
    run.value.state === 'scanning' ? value.scanned : value.sweep.done || !needsSweep(run.value, value),
  );
  return isOver ? [runSlice(run.value.id)] : [];
}

/** A slice that fails does not keep its shard until its claim runs out. */
async function releasedOnFailure<T>(
  { services, run, signal }: RunWork,
  shardId: string,
  owner: string,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const shard = signal.aborted ? undefined : await services.runs.readShard(run.value.id, shardId, signal);
    if (shard?.value.claim?.owner === owner)
      await services.runs.replaceShard(run.value.id, shard, { ...shard.value, claim: undefined });
    throw error;
  }
}

function takeForScan(shard: Shard, owner: string): Shard | undefined {
  if (shard.scanned || shard.frozen) return undefined;
  return { ...shard, writers: withWriter(shard.writers, shard.pages, owner) };
}

const takeForSweep =
  (run: Run) =>
  (shard: Shard): Shard | undefined =>
    shard.sweep.done || !needsSweep(run, shard) ? undefined : shard;
