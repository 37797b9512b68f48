import fc from 'fast-check';
import {
  entryKey,
  entryKeys,
  escapeKey,
  feedPartition,
  isMarkKey,
  isSignKey,
  keyWithinStudy,
  markKey,
  notEntries,
  rowKey,
  rowKeyOfInstance,
  rowKeyOfStudy,
  shardOf,
  signKey,
  studyKeyPart,
  studyOfKey,
  studyOfSign,
  unescapeKey,
} from '../../../src/failures/tableKeys';

const study = { partition: 'Microsoft.Default', uid: '1.2.840.10008.1' };

test('a sequence becomes a row key of 20 digits that sorts by number', () => {
  expect(rowKey('12')).toBe('00000000000000000012');
  expect([rowKey(9), rowKey('10'), rowKey(Number.MAX_SAFE_INTEGER)].sort()).toEqual([
    '00000000000000000009',
    '00000000000000000010',
    '00009007199254740991',
  ]);
});

test.each(['', '-1', '1e9', '1.5', 'x', '123456789012345678901'])('%p is no sequence', (sequence) => {
  expect(() => rowKey(sequence)).toThrow(RangeError);
});

test('entries of the study, of instances and of changes come in this order, then marks, then signs', () => {
  const keys = [
    signKey(study),
    markKey('00', study),
    entryKey(study, rowKey(1)),
    entryKey(study, rowKeyOfInstance('1.2.3')),
    entryKey(study, rowKeyOfStudy()),
  ];
  expect([...keys].sort()).toEqual([...keys].reverse());
  expect(keys.map(isMarkKey)).toEqual([false, true, false, false, false]);
  expect(keys.map(isSignKey)).toEqual([true, false, false, false, false]);
  expect(keys.map((key) => key >= notEntries)).toEqual([true, true, false, false, false]);
});

test('any text becomes a legal key and comes back', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const key = escapeKey(text);
      expect(key).toMatch(/^[A-Za-z0-9._=-]*$/);
      expect(unescapeKey(key)).toBe(text);
    }),
  );
});

test('keys give study and entry back, and no two studies share one', () => {
  const text = fc.string({ minLength: 1 });
  fc.assert(
    fc.property(text, fc.string(), text, fc.string(), (a, b, c, d) => {
      const one = { partition: a, uid: b };
      const other = { partition: c, uid: d };
      expect(studyOfKey(entryKey(one, rowKey(7)))).toEqual(one);
      expect(keyWithinStudy(entryKey(one, rowKey(7)))).toBe(rowKey(7));
      expect(studyOfSign(signKey(one))).toEqual(one);
      expect(studyKeyPart(one) === studyKeyPart(other)).toBe(a === c && b === d);
    }),
  );
});

test('the entries of a study are between its keys, and those of no other study are', () => {
  const [from, before] = entryKeys(study);
  const isBetween = (key: string): boolean => key >= from && key < before;
  expect(
    [rowKeyOfStudy(), rowKeyOfInstance('1.2.3'), rowKey(Number.MAX_SAFE_INTEGER)].map((key) =>
      isBetween(entryKey(study, key)),
    ),
  ).toEqual([true, true, true]);
  const others = [
    { ...study, uid: `${study.uid}.1` },
    { ...study, uid: study.uid.slice(0, -1) },
    { ...study, partition: 'x' },
  ];
  expect(others.map((other) => isBetween(entryKey(other, rowKey(1))))).toEqual([false, false, false]);
});

test('a study stays in its shard, and studies spread over all of them', () => {
  expect(shardOf(study)).toBe(shardOf({ ...study }));
  const shards = Array.from({ length: 200 }, (_, number) => shardOf({ ...study, uid: `1.2.${number}` }));
  expect(new Set(shards).size).toBe(8);
});

test('entries of an unreadable feed belong to no study', () => {
  expect(studyOfKey(feedPartition)).toBeUndefined();
});
