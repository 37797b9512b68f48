import type { StudyKey } from '../dicom/studyKey';

// Table keys forbid / \ # ? and control characters; % is read twice by some parts of the service.
// Source: "Understanding the Table service data model", characters disallowed in key fields.
const plain = /[^A-Za-z0-9._-]/g;
const separator = '~';

/** A text as part of a table key. Reversible: `=` and four hex digits stand for every UTF-16 unit outside `A-Za-z0-9._-`. */
export const escapeKey = (text: string): string =>
  text.replace(plain, (unit) => '=' + unit.charCodeAt(0).toString(16).padStart(4, '0'));

export const unescapeKey = (key: string): string =>
  key.replace(/=([0-9a-f]{4})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));

/** The table partition of a study: one for each (DICOM partition, Study Instance UID). */
export const partitionKey = (study: StudyKey): string => escapeKey(study.partition) + separator + escapeKey(study.uid);

/** The study of a table partition, or undefined when the partition is not a study's (`~feed`). */
export function studyOfPartition(key: string): StudyKey | undefined {
  const at = key.indexOf(separator);
  return at < 1 ? undefined : { partition: unescapeKey(key.slice(0, at)), uid: unescapeKey(key.slice(at + 1)) };
}

/** Partition of feed entries that could not be read, so that their study is unknown. No study's partition starts with `~`. */
export const feedPartition = '~feed';

const zeros = '0'.repeat(20);

/**
 * The row of one change of the feed: its sequence as 20 digits, so that rows sort by sequence.
 * @throws RangeError when the sequence is no whole number of at most 20 digits
 */
export function rowKey(sequence: number | string): string {
  const digits = String(sequence);
  if (!/^\d{1,20}$/.test(digits)) throw new RangeError('A change-feed sequence is a whole number of at most 20 digits');
  return digits.padStart(20, '0');
}

/** The row of a study that failed in a pass without changes (resync, sweep, retry). */
export const rowKeyOfStudy = (): string => zeros;

/** The row of an invalid instance that no change of the pass names. */
export const rowKeyOfInstance = (sopInstanceUid: string): string => `${zeros}-${escapeKey(sopInstanceUid)}`;

/** Marks sort after every other row and are never listed as failures. */
export const markPrefix = '~';
export const markKey = (invocationId: string): string => markPrefix + escapeKey(invocationId);
export const isMarkKey = (key: string): boolean => key.startsWith(markPrefix);
