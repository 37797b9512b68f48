import { isDeepStrictEqual } from 'node:util';
import { ContainerMissing } from '../container/containerMissing';
import { StartFromIgnored } from '../container/azureContainer';
import { InvalidDatabaseAnswer } from '../database/database';
import { DatabaseFailure } from '../database/databaseFailure';
import { findingOf } from '../guards/refusals';
import type { GuardFinding } from '../guards/guards';
import { InvalidToken } from './continuationToken';
import { UnknownResourceType } from './cutShards';
import { hasEnded, type Problem, type Run } from './run';
import { UnorderedListing } from './shardRanges';
import { UnknownStore, type ReconcileServices } from './services';
import { runSlice, type FollowUp, type SliceMessage } from './steps';

/**
 * What an error in a slice means for its run: a guard ends it, a thing that no other try can change fails it.
 * @param slice that of a shard, or of the run as a whole
 * @throws the error itself where another try may help
 */
export async function endedBy(
  services: ReconcileServices,
  slice: SliceMessage['slice'],
  error: unknown,
  signal: AbortSignal,
): Promise<readonly FollowUp[]> {
  const runId = slice.run;
  const finding = findingOf(error);
  if (finding !== undefined) return stopByGuard(services, slice, finding, signal);
  const problem = lastingProblem(error);
  if (problem === undefined) throw error;
  return failRun(services, runId, problem, signal);
}

/**
 * Fails a run, unless it has ended. Slices that still work on it notice before their next page or batch.
 * In its sweep it first stops: what it deleted is counted and looked up once more, unless that is what failed.
 */
export async function failRun(
  services: ReconcileServices,
  runId: string,
  problem: Problem,
  signal: AbortSignal,
): Promise<readonly FollowUp[]> {
  const run = await change(services, runId, signal, (before) =>
    before.state === 'sweeping' && before.problem === undefined
      ? { problem, cancelRequested: true }
      : { state: 'failed', problem, endedAt: services.clock().toISOString() },
  );
  return run === undefined || hasEnded(run.state) ? [] : [runSlice(runId)];
}

/** While nothing was deleted the run ends at once; else what was deleted is looked up first, unless that is what failed. */
async function stopByGuard(
  services: ReconcileServices,
  { run: runId, shard }: SliceMessage['slice'],
  finding: GuardFinding,
  signal: AbortSignal,
): Promise<readonly FollowUp[]> {
  const run = await change(services, runId, signal, (before) => {
    const isKnown = before.guards.some((known) => isDeepStrictEqual(known, finding));
    const guards = isKnown ? before.guards : [...before.guards, finding];
    if (before.state === 'sweeping' && (shard !== undefined || !before.stoppedByGuard))
      return { guards, stoppedByGuard: true };
    const endedAt = services.clock().toISOString();
    return { guards, stoppedByGuard: true, state: 'stopped-by-guard', endedAt };
  });
  return run === undefined || hasEnded(run.state) ? [] : [runSlice(runId)];
}

async function change(
  services: ReconcileServices,
  runId: string,
  signal: AbortSignal,
  changed: (run: Run) => Partial<Run>,
): Promise<Run | undefined> {
  for (;;) {
    const run = await services.runs.read(runId, signal);
    if (run === undefined || hasEnded(run.value.state)) return undefined;
    const next = { ...run.value, ...changed(run.value) };
    if ((await services.runs.replace(run, next)) === undefined) continue;
    if (hasEnded(next.state)) services.reporter.runEnded?.(next);
    return next;
  }
}

function lastingProblem(error: unknown): Problem | undefined {
  if (error instanceof DatabaseFailure) return error.isTransient ? undefined : problemOf(error);
  const isLasting =
    error instanceof InvalidToken ||
    error instanceof UnorderedListing ||
    error instanceof StartFromIgnored ||
    error instanceof UnknownResourceType ||
    error instanceof UnknownStore ||
    error instanceof ContainerMissing ||
    error instanceof InvalidDatabaseAnswer;
  return isLasting ? problemOf(error) : undefined;
}

const problemOf = ({ code, message }: Error & { readonly code: string }): Problem => ({ code, message });
