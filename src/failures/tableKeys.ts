import { createHash } from 'node:crypto';
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

/** A study as part of a table key: one for each (DICOM partition, Study Instance UID). */
export const studyKeyPart = (study: StudyKey): string => escapeKey(study.partition) + separator + escapeKey(study.uid);

/** The study that a key is of or begins with; undefined when it is no study's. No study's key begins with `~`. */
export function studyOfKey(key: string): StudyKey | undefined {
  const [partition = '', uid] = key.split(separator, 2);
  return partition === '' || uid === undefined
    ? undefined
    : { partition: unescapeKey(partition), uid: unescapeKey(uid) };
}

/**
 * Studies share a few table partitions, so that what one message changes about several studies is one request, and one request shows all
 * marks. Few, so that many studies meet in each; enough for the 2000 entities a second that one partition takes (Azure Table Storage,
 * scalability targets). Rows stay where they are: this number must not change.
 */
const SHARDS = 8;

/** The table partition of the study's rows and marks in FailedEntries. */
export function shardOf(study: StudyKey): string {
  return `studies-${createHash('sha256').update(studyKeyPart(study)).digest().readUInt16BE(0) % SHARDS}`;
}

/** Partition of feed entries that could not be read, so that their study is unknown. */
export const feedPartition = '~feed';

const zeros = '0'.repeat(20);

/**
 * The entry of one change of the feed: its sequence as 20 digits, so that entries of a study sort by sequence.
 * @throws RangeError when the sequence is no whole number of at most 20 digits
 */
export function rowKey(sequence: number | string): string {
  const digits = String(sequence);
  if (!/^\d{1,20}$/.test(digits)) throw new RangeError('A change-feed sequence is a whole number of at most 20 digits');
  return digits.padStart(20, '0');
}

/** The entry of a study that failed in a pass without changes (resync, sweep, retry). */
export const rowKeyOfStudy = (): string => zeros;

/** The entry of an invalid instance that no change of the pass names. */
export const rowKeyOfInstance = (sopInstanceUid: string): string => `${zeros}-${escapeKey(sopInstanceUid)}`;

/** RowKey in the shard of the study. */
export const entryKey = (study: StudyKey, key: string): string => `${studyKeyPart(study)}${separator}${key}`;

/** All entries of the study in its shard: from the first of these keys to before the second. */
export const entryKeys = (study: StudyKey): readonly [from: string, before: string] => [
  entryKey(study, ''),
  entryKey(study, separator),
];

/** The key of the entry within its study, as `rowKey` and its siblings made it. */
export function keyWithinStudy(key: string): string {
  return key.split(separator, 3)[2] ?? key;
}

/** Everything in a shard that is no entry comes after all entries: marks first, then the studies that have entries. */
export const notEntries = separator;

const markPrefix = '~mark~';
/** @param first study of the pass, where it is over several */
export const markKey = (invocationId: string, first: StudyKey): string =>
  `${markPrefix}${escapeKey(invocationId)}${separator}${studyKeyPart(first)}`;
export const isMarkKey = (key: string): boolean => key.startsWith(markPrefix);
/** The first key after all marks. */
export const afterMarks = '~mark~~';

const signPrefix = '~with-entries~';
/** The row that says that a study has entries. */
export const signKey = (study: StudyKey): string => signPrefix + studyKeyPart(study);
export const isSignKey = (key: string): boolean => key.startsWith(signPrefix);
export const studyOfSign = (key: string): StudyKey | undefined => studyOfKey(key.slice(signPrefix.length));
/** The keys between which all signs are. */
export const firstSign = signPrefix;
export const afterSigns = signPrefix + separator;
