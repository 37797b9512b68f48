import type { GuardFinding } from '../guards/guards';
import type { Run } from './run';
import type { SweepWork } from './sweepWork';

/**
 * Counts a batch against the bound on deletes before it begins, on the row of the run: with slices that only count what they have
 * deleted, many of them would overshoot the bound together. A batch that is reserved again after a crash counts once.
 * @param upTo candidates of the shard that are dealt with once the batch is done
 * @returns `stop` when the run is cancelled or ended by a guard, `lost` when it is not in its sweep any more
 */
export async function reserve(
  { services, run, signal }: Pick<SweepWork, 'services' | 'run' | 'signal'>,
  shardId: string,
  upTo: number,
): Promise<'go' | 'stop' | 'lost'> {
  for (;;) {
    const row = await services.runs.read(run.id, signal);
    if (row?.value.state !== 'sweeping') return 'lost';
    const { cancelRequested, stoppedByGuard, deleteBound, guards } = row.value;
    if (cancelRequested || stoppedByGuard) return 'stop';
    if ((row.value.reserved[shardId] ?? 0) >= upTo) return 'go';
    const reserved = { ...row.value.reserved, [shardId]: upTo };
    const isTooMany = sumOf(reserved) > deleteBound;
    const change = isTooMany ? { stoppedByGuard: true, guards: [...guards, tooMany(deleteBound)] } : { reserved };
    if ((await services.runs.replace(row, { ...row.value, ...change })) !== undefined) return isTooMany ? 'stop' : 'go';
  }
}

/** @returns whether the run may have deleted something */
export function hasReserved({ reserved }: Pick<Run, 'reserved'>): boolean {
  return sumOf(reserved) > 0;
}

function sumOf(reserved: Run['reserved']): number {
  return Object.values(reserved).reduce((sum, count) => sum + count, 0);
}

const tooMany = (bound: number): GuardFinding => ({
  guard: 'orphan-count',
  problem: `More than the ${bound} orphans that the guards agreed to were about to be deleted.`,
});
