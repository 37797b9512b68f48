import { type StudyKey, studyKeyText } from '../dicom/studyKey';
import { shardOf } from '../failures/tableKeys';
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

/** Studies with more changes than this have a message of their own: there is little to share. */
const FEW_CHANGES = 100;
/** Changes of one message about several studies; deflated, UIDs of usual length fit the queue's 48 KiB, others make two messages. */
const MAX_SHARED_CHANGES = 1000;

/**
 * Which messages go to the queue as one: small studies whose rows are in the same part of the FailedEntries table, so that one pass looks at
 * them all and they share its requests.
 * @param most studies of one message
 */
export function shareMessages(messages: readonly StudyMessage[], most: number): readonly (readonly StudyMessage[])[] {
  const groups: StudyMessage[][] = [];
  const open = new Map<string, StudyMessage[]>();
  for (const message of messages) {
    const shard = shardOf(message.study);
    const group = message.changes.length > FEW_CHANGES ? undefined : open.get(shard);
    const changes = (group ?? []).reduce((sum, one) => sum + one.changes.length, message.changes.length);
    if (group !== undefined && group.length < most && changes <= MAX_SHARED_CHANGES) {
      group.push(message);
      continue;
    }
    const started = [message];
    groups.push(started);
    if (message.changes.length <= FEW_CHANGES) open.set(shard, started);
  }
  return groups;
}
