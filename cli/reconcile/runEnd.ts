import type { GuardFinding } from '../../src/payloads/guards/guards';
import type { RunView } from '../../src/payloads/runs/runView';
import { exitCodes, type ExitCode } from './console';

/** Tells how a run ended. `Scan complete` is said only of a container that was scanned to its end. */
export function tellEnd(view: RunView, tell: (line: string) => void): void {
  const { totals, namesPerSecond, dryRun, guards, warnings, problem, state } = view;
  for (const warning of warnings) tell(`WARNING: ${warning}`);
  for (const guard of guards) tell(`${lead(guard, dryRun)}${guard.problem}${howToOverride(guard)}`);
  if (problem !== undefined) tell(`FAILED: ${problem.message}`);
  tell(`Processed ${totals.parsed ?? 0} records [rate ${namesPerSecond ?? 0} resources/second]`);
  const left = view.shards.all - view.shards.scanned;
  if (view.shards.all > 0 && left === 0) tell('Scan complete');
  if (state !== 'complete') tell(`Ended early: ${state}`);
}

function lead({ guard }: GuardFinding, dryRun: boolean): string {
  if (guard === 'unproven') return 'SPARED: ';
  return dryRun ? 'A run that deletes would be stopped: ' : 'STOPPED: ';
}

function howToOverride({ override }: GuardFinding): string {
  if (override === undefined) return '';
  const value = typeof override.value === 'object' ? override.value.join(',') : String(override.value);
  return ` (--override ${override.name}=${value})`;
}

export function exitCodeOf({ state, totals, dryRun, unprovenTypes, audit }: RunView): ExitCode {
  switch (state) {
    case 'failed':
      return exitCodes.failure;
    case 'time-limit':
    case 'cancelled':
    case 'stopped-by-guard':
      return exitCodes.stoppedEarly;
    case 'scanning':
    case 'guarding':
    case 'sweeping':
      throw new TypeError('The run has not ended');
    case 'complete': {
      if ((totals.failed ?? 0) > 0) return exitCodes.failure;
      const isLeft = dryRun ? totals.orphans > 0 : unprovenTypes.length > 0;
      return isLeft || (audit?.missingCurrent ?? 0) > 0 ? exitCodes.orphans : exitCodes.clean;
    }
  }
}
