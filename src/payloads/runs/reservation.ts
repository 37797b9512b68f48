import type { GuardFinding } from '../guards/guards';
import type { SweepWork } from './sweepWork';

/**
 * Counts a batch against the bound on deletes before it begins, on the row of the run: with slices that only count what they have
 * deleted, many of them would overshoot the bound together.
 * @returns `stop` when the run is cancelled or ended by a guard, `lost` when it is not in its sweep any more
 */
export async function reserve(
  { services, run, signal }: Pick<SweepWork, 'services' | 'run' | 'signal'>,
  count: number,
): Promise<'go' | 'stop' | 'lost'> {
  for (;;) {
    const row = await services.runs.read(run.id, signal);
    if (row?.value.state !== 'sweeping') return 'lost';
    const { cancelRequested, stoppedByGuard, reserved, deleteBound } = row.value;
    if (cancelRequested || stoppedByGuard) return 'stop';
    if (count === 0) return 'go';
    const isTooMany = reserved + count > deleteBound;
    const next = isTooMany
      ? { ...row.value, stoppedByGuard: true, guards: [...row.value.guards, tooMany(deleteBound)] }
      : { ...row.value, reserved: reserved + count };
    if ((await services.runs.replace(row, next)) !== undefined) return isTooMany ? 'stop' : 'go';
  }
}

const tooMany = (bound: number): GuardFinding => ({
  guard: 'orphan-count',
  problem: `More than the ${bound} orphans that the guards agreed to were about to be deleted.`,
});
