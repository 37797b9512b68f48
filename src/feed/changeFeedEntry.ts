import { isObject } from '../dicom/dataset';
import { DEFAULT_PARTITION } from '../dicom/studyKey';

/** One change of one instance. */
export interface ChangeFeedEntry {
  /** Grows with each change; gaps are normal. A safe integer. */
  readonly sequence: number;
  readonly partition: string;
  readonly studyUid: string;
  readonly seriesUid: string;
  readonly instanceUid: string;
  readonly action: ChangeAction;
  /** When the change happened, by the service's clock. */
  readonly timestamp?: string;
}

type ChangeAction = 'Create' | 'Update' | 'Delete';

/** Actions by lower-case name and by number, as the service counts them. */
const ACTIONS: ReadonlyMap<string, ChangeAction> = new Map([
  ['create', 'Create'],
  ['delete', 'Delete'],
  ['update', 'Update'],
  ['0', 'Create'],
  ['1', 'Delete'],
  ['2', 'Update'],
]);

export type Read<T> =
  { readonly kind: 'read'; readonly value: T } | { readonly kind: 'unreadable'; readonly problem: string };

/** Reads entries; names and actions in any case, unknown fields are left out. A problem never holds a value. */
export function readEntries(list: readonly unknown[]): readonly Read<ChangeFeedEntry>[] {
  // Entries of one study and series come one after the other: what they share is looked at once, and held in memory once.
  const sharedUidOf = remembering(uidOf);
  return list.map((json) => readEntry(json, sharedUidOf));
}

/** By hand and not by a schema: every change of every instance comes by here. */
function readEntry(json: unknown, sharedUidOf: typeof uidOf): Read<ChangeFeedEntry> {
  const sequence = sequenceOf(field(json, 'sequence'));
  const partition = partitionOf(field(json, 'partitionName'));
  const studyUid = sharedUidOf(field(json, 'studyInstanceUid'));
  const seriesUid = sharedUidOf(field(json, 'seriesInstanceUid'));
  const instanceUid = uidOf(field(json, 'sopInstanceUid'));
  const action = actionOf(field(json, 'action'));
  if (
    isRead(sequence) &&
    isRead(partition) &&
    isRead(studyUid) &&
    isRead(seriesUid) &&
    isRead(instanceUid) &&
    isRead(action)
  ) {
    const entry = { sequence, partition, studyUid, seriesUid, instanceUid, action, ...timestampOf(json) };
    return { kind: 'read', value: entry };
  }
  return unreadable(json, {
    sequence,
    partitionName: partition,
    studyInstanceUid: studyUid,
    seriesInstanceUid: seriesUid,
    sopInstanceUid: instanceUid,
    action,
  });
}

/** Where in the feed an entry stands, whatever the rest of it says. */
export function readPosition(json: unknown): Read<{ readonly sequence: number; readonly timestamp?: string }> {
  const sequence = sequenceOf(field(json, 'sequence'));
  if (!isRead(sequence)) return unreadable(json, { sequence });
  return { kind: 'read', value: { sequence, ...timestampOf(json) } };
}

/** What was expected of a value. */
class Expected {
  constructor(readonly what: string) {}
}

function isRead<T>(result: T | Expected): result is T {
  return !(result instanceof Expected);
}

/** The service writes camelCase, its documentation shows PascalCase. */
function field(json: unknown, name: string): unknown {
  if (!isObject(json)) return undefined;
  if (Object.hasOwn(json, name)) return json[name];
  const other = Object.keys(json).find((each) => each.toLowerCase() === name.toLowerCase());
  return other === undefined ? undefined : json[other];
}

function timestampOf(json: unknown): { readonly timestamp?: string } {
  const timestamp = field(json, 'timestamp');
  return typeof timestamp === 'string' ? { timestamp } : {};
}

/** Names and expectations, never values. */
function unreadable(json: unknown, results: Readonly<Record<string, unknown>>): Read<never> {
  const problems = Object.entries(results).flatMap(([name, result]) =>
    result instanceof Expected ? [`${name.toLowerCase()}: ${result.what}`] : [],
  );
  return { kind: 'unreadable', problem: [...(isObject(json) ? [] : ['expected an object']), ...problems].join('; ') };
}

function sequenceOf(value: unknown): number | Expected {
  if (typeof value !== 'number') return new Expected('expected a number');
  if (!Number.isSafeInteger(value)) return new Expected('expected a whole number');
  return value >= 0 ? value : new Expected('expected a number that is not negative');
}

function partitionOf(value: unknown): string | Expected {
  if (value === undefined || value === null) return DEFAULT_PARTITION;
  return typeof value === 'string' && value.length >= 1 && value.length <= 128
    ? value
    : new Expected('expected a name');
}

function remembering<T>(reader: (value: unknown) => T): (value: unknown) => T {
  const known = new Map<unknown, T>();
  return (value) => {
    const before = known.get(value);
    if (before !== undefined) return before;
    const result = reader(value);
    known.set(value, result);
    return result;
  };
}

function uidOf(value: unknown): string | Expected {
  if (typeof value === 'string') {
    if (UID.test(value)) return value;
    // Padding of DICOM values can come through.
    const unpadded = value.replace(/[\0\s]+$/, '').trim();
    if (UID.test(unpadded)) return unpadded;
  }
  return new Expected('expected a UID');
}

const UID = /^[0-9.]{1,64}$/;

function actionOf(value: unknown): ChangeAction | Expected {
  if (typeof value !== 'string' && typeof value !== 'number') return new Expected('expected an action');
  return ACTIONS.get(String(value).toLowerCase()) ?? new Expected('expected Create, Update or Delete');
}
