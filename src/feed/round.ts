import { type StudyKey, studyKeyText } from '../dicom/studyKey';
import type { StudyChange, StudyMessage } from '../study/message';
import type { ChangeFeedEntry } from './changeFeedClient';

/** One message for each study that a round touches, in the order of its first change; the changes of a study in feed order. */
export function groupByStudy(entries: readonly ChangeFeedEntry[]): readonly StudyMessage[] {
  const groups = new Map<string, { readonly study: StudyKey; readonly changes: StudyChange[] }>();
  for (const { partition, studyUid, seriesUid, instanceUid, sequence, action } of entries) {
    const study = { partition, uid: studyUid };
    const key = studyKeyText(study);
    const group = groups.get(key) ?? { study, changes: [] };
    groups.set(key, group);
    group.changes.push({ sequence, action, series: seriesUid, instance: instanceUid });
  }
  return [...groups.values()];
}
