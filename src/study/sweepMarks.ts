import { type StudyKey, studyKeyText } from '../dicom/studyKey';
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
 * Rule 3 of design 1: a pass that died, or whose write has an unknown outcome, leaves its mark. Its studies are looked at again, then the mark
 * goes. Once for all marks of a study, and only when nobody has begun with it lately: a study that kills its workers, or whose writes never
 * end, would otherwise get more messages from each of its marks, and those more marks. While others are at one of its studies the mark waits.
 * @returns how many marks were swept
 */
export async function sweepMarks(
  { marks, queue, telemetry, markAgeMs }: SweepDependencies,
  signal: AbortSignal,
): Promise<number> {
  const old: Mark[] = [];
  for await (const mark of marks.findOld(markAgeMs, signal)) old.push(mark);
  const sent = new Set<string>();
  for (const study of distinctStudies(old)) {
    if (await marks.isWorkedOn(study, markAgeMs, signal)) continue;
    await queue.send({ study, changes: [] }, { signal });
    telemetry.event('mark-swept', { study: study.uid });
    sent.add(studyKeyText(study));
  }
  const done = old.filter(({ studies }) => studies.every((study) => sent.has(studyKeyText(study))));
  for (const mark of done) await marks.remove(mark, signal);
  return done.length;
}

function distinctStudies(marks: readonly Mark[]): readonly StudyKey[] {
  return [...new Map(marks.flatMap(({ studies }) => studies).map((study) => [studyKeyText(study), study])).values()];
}
