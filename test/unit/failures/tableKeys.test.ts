import fc from 'fast-check';
import {
  escapeKey,
  feedPartition,
  isMarkKey,
  markKey,
  partitionKey,
  rowKey,
  rowKeyOfInstance,
  rowKeyOfStudy,
  studyOfPartition,
  unescapeKey,
} from '../../../src/failures/tableKeys';

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

test('rows of the study, of instances and of changes come in this order, marks last', () => {
  const keys = [markKey('00'), rowKey(1), rowKeyOfInstance('1.2.3'), rowKeyOfStudy()];
  expect([...keys].sort()).toEqual([...keys].reverse());
  expect(keys.map(isMarkKey)).toEqual([true, false, false, false]);
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

test('a partition key gives the study back, and no two studies share one', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), fc.string(), fc.string({ minLength: 1 }), fc.string(), (a, b, c, d) => {
      const one = { partition: a, uid: b };
      const other = { partition: c, uid: d };
      expect(studyOfPartition(partitionKey(one))).toEqual(one);
      expect(partitionKey(one) === partitionKey(other)).toBe(a === c && b === d);
    }),
  );
});

test('entries of an unreadable feed belong to no study', () => {
  expect(studyOfPartition(feedPartition)).toBeUndefined();
});
