import { setTimeout as delay } from 'node:timers/promises';
import { RestError } from '@azure/storage-blob';
import { DatabaseFailure } from '../../src/payloads/database/databaseFailure';
import { hasEnded } from '../../src/payloads/runs/run';
import type { ReconcileServices } from '../../src/payloads/runs/services';
import { runSlice, shardSlice, type FollowUp } from '../../src/payloads/runs/steps';
import { workThrough } from '../../src/payloads/runs/workThrough';
import { describeFailure } from './describeFailure';

/** Before each further try. The clients of the database and of the storage have tried more than once by then. */
const WAITS_MS = [1000, 5000, 20_000];

/**
 * Works on a run until it has ended. A failure that another try may mend is tried again from where the run is.
 * @throws what the last try failed with
 */
export async function workPersistently(
  services: ReconcileServices,
  runId: string,
  tell: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  for (let failures = 0; ; failures += 1) {
    try {
      await workThrough(services, await everySlice(services, runId, signal), signal);
      return;
    } catch (error) {
      const waitMs = WAITS_MS[failures];
      if (waitMs === undefined || signal.aborted || !mayPass(error)) throw error;
      tell(`WARNING: ${describeFailure(error, [])}; trying again in ${waitMs / 1000} s`);
      await delay(waitMs, undefined, { signal });
    }
  }
}

function mayPass(error: unknown): boolean {
  return error instanceof RestError || (error instanceof DatabaseFailure && error.isTransient);
}

/** A slice for which there is nothing to do does no harm. */
async function everySlice(
  { runs }: Pick<ReconcileServices, 'runs'>,
  runId: string,
  signal: AbortSignal,
): Promise<readonly FollowUp[]> {
  const run = await runs.read(runId, signal);
  if (run === undefined || hasEnded(run.value.state)) return [];
  const shards = await runs.readShards(runId, signal);
  return [...shards.map(({ value }) => shardSlice(runId, value.id)), runSlice(runId)];
}
