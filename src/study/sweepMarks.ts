import { studyKeyText } from '../dicom/studyKey';
import type { Mark, StudyMarks } from '../failures/marks';
import type { Telemetry } from '../telemetry/telemetry';
import type { StudyQueue } from './studyQueue';

export interface SweepDependencies {
  readonly marks: Pick<StudyMarks, 'findOld' | 'isWorkedOn' | 'remove'>;
  readonly queue: StudyQueue;
  readonly telemetry: Telemetry;
  /** Function time-out plus the longest FHIR request: a worker with an older mark is gone, and no write of its can still arrive. */
  readonly markAgeMs: number;
}

/**
 * Rule 3 of design 1: a pass that died, or whose write has an unknown outcome, leaves its mark. The study is looked at again, then the mark goes.
 * Once for all marks of a study, and only when nobody has begun with it lately: a study that kills its workers, or whose writes never
 * end, would otherwise get more messages from each of its marks, and those more marks. While others are at it the mark waits.
 * @returns how many marks were swept
 */
export async function sweepMarks(deps: SweepDependencies, signal: AbortSignal): Promise<number> {
  const byStudy = new Map<string, Mark[]>();
  for await (const mark of deps.marks.findOld(deps.markAgeMs, signal)) {
    const key = studyKeyText(mark.study);
    byStudy.set(key, [...(byStudy.get(key) ?? []), mark]);
  }
  let swept = 0;
  for (const marks of byStudy.values()) swept += await sweepStudy(deps, marks, signal);
  return swept;
}

async function sweepStudy(
  { marks: all, queue, telemetry, markAgeMs }: SweepDependencies,
  marks: readonly Mark[],
  signal: AbortSignal,
): Promise<number> {
  const [first] = marks;
  if (first === undefined || (await all.isWorkedOn(first.study, markAgeMs, signal))) return 0;
  await queue.send({ study: first.study, changes: [] }, { signal });
  for (const mark of marks) await all.remove(mark, signal);
  telemetry.event('mark-swept', { study: first.study.uid });
  return marks.length;
}
