import type { ChangeFeedEntry } from '../../../src/feed/changeFeedEntry';
import { groupByStudy, shareMessages } from '../../../src/feed/round';
import { shardOf } from '../../../src/failures/tableKeys';
import type { StudyMessage } from '../../../src/study/message';
import { uidsOfOneShard } from '../../support/instances';

const entry = (sequence: number, study: string, more: Partial<ChangeFeedEntry> = {}): ChangeFeedEntry => ({
  sequence,
  partition: 'Microsoft.Default',
  studyUid: study,
  seriesUid: `${study}.1`,
  instanceUid: `${study}.1.${sequence}`,
  action: 'Create',
  ...more,
});

describe('the messages of a round', () => {
  it('are one for each study, in the order of its first change', () => {
    const messages = groupByStudy([entry(1, '1.1'), entry(2, '1.2'), entry(3, '1.1'), entry(5, '1.3')]);
    expect(messages.map(({ study, changes }) => [study.uid, changes.map(({ sequence }) => sequence)])).toEqual([
      ['1.1', [1, 3]],
      ['1.2', [2]],
      ['1.3', [5]],
    ]);
  });

  it('tell every change with its action and its UIDs, and nothing else', () => {
    expect(groupByStudy([entry(7, '1.1', { action: 'Delete', timestamp: '2024-01-01T00:00:00Z' })])).toEqual([
      {
        study: { partition: 'Microsoft.Default', uid: '1.1' },
        changes: [{ sequence: 7, action: 'Delete', series: '1.1.1', instance: '1.1.1.7' }],
      },
    ]);
  });

  it('keep the same UID in two partitions apart', () => {
    const messages = groupByStudy([entry(1, '1.1'), entry(2, '1.1', { partition: 'Clinic' })]);
    expect(messages.map(({ study }) => study.partition)).toEqual(['Microsoft.Default', 'Clinic']);
  });

  it('are none for a round without entries', () => {
    expect(groupByStudy([])).toEqual([]);
  });
});

describe('small studies of a round', () => {
  const message = (uid: string, changes = 1): StudyMessage => ({
    study: { partition: 'Microsoft.Default', uid },
    changes: Array.from({ length: changes }, (_, index) => ({
      sequence: index + 1,
      action: 'Create',
      series: `${uid}.1`,
      instance: `${uid}.1.${index + 1}`,
    })),
  });
  const sizes = (groups: readonly (readonly StudyMessage[])[]): readonly number[] => groups.map(({ length }) => length);

  it('share a message, up to the limit, and none is left out', () => {
    const messages = uidsOfOneShard(7).map((uid) => message(uid));
    expect(sizes(shareMessages(messages, 3))).toEqual([3, 3, 1]);
    expect(shareMessages(messages, 3).flat()).toEqual(messages);
    expect(sizes(shareMessages(messages, 1))).toEqual([1, 1, 1, 1, 1, 1, 1]);
  });

  it('share it with those of their shard only', () => {
    const messages = Array.from({ length: 40 }, (_, number) => message(`1.2.${number}`));
    const groups = shareMessages(messages, 20);
    expect(groups.length).toBeGreaterThan(1);
    for (const group of groups) expect(new Set(group.map(({ study }) => shardOf(study))).size).toBe(1);
  });

  it('have it to themselves when they are many changes, or too many together', () => {
    const [one = '', two = '', three = ''] = uidsOfOneShard(3);
    expect(sizes(shareMessages([message(one), message(two, 101), message(three)], 20))).toEqual([2, 1]);
    const many = uidsOfOneShard(11).map((uid) => message(uid, 100));
    expect(sizes(shareMessages(many, 20))).toEqual([10, 1]);
  });
});
