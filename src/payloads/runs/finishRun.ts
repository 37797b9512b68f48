import { auditRun } from './auditRun';
import { lookAfter } from './lookAfter';
import type { Run, RunState } from './run';
import { hasReserved } from './reservation';
import { ended, type FollowUp, type RunWork } from './steps';

/** The last step: what was deleted is looked up once more, rows without payloads are counted where that was asked for. */
export async function finishRun(work: RunWork, change: Partial<Run>): Promise<readonly FollowUp[]> {
  const run: Run = { ...work.run.value, ...change };
  const wronglyDeleted = hasReserved(run) ? await lookAfter(work, run) : undefined;
  const audit = run.request.audit && run.scanEnd === 'complete' ? await auditRun(work, run) : undefined;
  const problem =
    wronglyDeleted === undefined || wronglyDeleted === 0
      ? run.problem
      : {
          code: 'wrongly-deleted',
          message: `${wronglyDeleted} payloads that this run deleted have a row after all. No run deletes in this container until a person has looked.`,
        };
  return ended(work, { ...change, wronglyDeleted, audit, problem, state: finalState(run, problem !== undefined) });
}

function finalState({ stoppedByGuard, scanEnd, cancelRequested }: Run, isWrong: boolean): RunState {
  if (isWrong) return 'failed';
  if (stoppedByGuard) return 'stopped-by-guard';
  if (cancelRequested) return 'cancelled';
  return scanEnd ?? 'complete';
}
