import type { ChangeFeedEntry } from '../../../src/feed/changeFeedEntry';
import { groupByStudy } from '../../../src/feed/round';

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
