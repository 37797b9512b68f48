import type { StudyMarks } from '../failures/marks';
import type { Telemetry } from '../telemetry/telemetry';
import type { StudyQueue } from './studyQueue';

export interface SweepDependencies {
  readonly marks: Pick<StudyMarks, 'findOld' | 'remove'>;
  readonly queue: StudyQueue;
  readonly telemetry: Telemetry;
  /** Function time-out plus the longest FHIR request: a worker with an older mark is gone, and no write of its can still arrive. */
  readonly markAgeMs: number;
}

/**
 * Rule 3 of design 1: a pass that died, or whose write has an unknown outcome, leaves its mark. The study is looked at again, then the mark goes.
 * @returns how many marks were swept
 */
export async function sweepMarks(deps: SweepDependencies, signal: AbortSignal): Promise<number> {
  let swept = 0;
  for await (const mark of deps.marks.findOld(deps.markAgeMs, signal)) {
    await deps.queue.send({ study: mark.study, changes: [] }, { signal });
    await deps.marks.remove(mark, signal);
    deps.telemetry.event('mark-swept', { study: mark.study.uid });
    swept++;
  }
  return swept;
}
