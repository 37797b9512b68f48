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

function readEntry(json: unknown, sharedUidOf: typeof uidOf): Read<ChangeFeedEntry> {
  const fields = new Fields(json);
  const sequence = fields.read('sequence', sequenceOf);
  const partition = fields.read('partitionName', partitionOf);
  const studyUid = fields.read('studyInstanceUid', sharedUidOf);
  const seriesUid = fields.read('seriesInstanceUid', sharedUidOf);
  const instanceUid = fields.read('sopInstanceUid', uidOf);
  const action = fields.read('action', actionOf);
  const timestamp = fields.read('timestamp', timestampOf);
  return sequence === undefined ||
    partition === undefined ||
    studyUid === undefined ||
    seriesUid === undefined ||
    instanceUid === undefined ||
    action === undefined
    ? { kind: 'unreadable', problem: fields.problem }
    : {
        kind: 'read',
        value: {
          sequence,
          partition,
          studyUid,
          seriesUid,
          instanceUid,
          action,
          ...(timestamp !== undefined && { timestamp }),
        },
      };
}

/** Where in the feed an entry stands, whatever the rest of it says. */
export function readPosition(json: unknown): Read<{ readonly sequence: number; readonly timestamp?: string }> {
  const fields = new Fields(json);
  const sequence = fields.read('sequence', sequenceOf);
  const timestamp = fields.read('timestamp', timestampOf);
  if (sequence === undefined) return { kind: 'unreadable', problem: fields.problem };
  return { kind: 'read', value: { sequence, ...(timestamp !== undefined && { timestamp }) } };
}

/** What was expected of a value. */
class Expected {
  constructor(readonly what: string) {}
}

/** The fields of one entry, by hand and not by a schema: every change of every instance comes by here. */
class Fields {
  readonly #json: Readonly<Record<string, unknown>>;
  readonly #problems: string[] = [];

  constructor(json: unknown) {
    this.#json = isObject(json) ? json : {};
    if (!isObject(json)) this.#problems.push('expected an object');
  }

  /** Names and expectations, never values. */
  get problem(): string {
    return this.#problems.join('; ');
  }

  /** @returns undefined where the value is not what was expected, which is then one of the problems */
  read<T>(name: string, reader: (value: unknown) => T | Expected): T | undefined {
    const value = reader(this.#valueOf(name));
    if (!(value instanceof Expected)) return value;
    this.#problems.push(`${name.toLowerCase()}: ${value.what}`);
    return undefined;
  }

  /** The service writes camelCase, its documentation shows PascalCase. */
  #valueOf(name: string): unknown {
    if (Object.hasOwn(this.#json, name)) return this.#json[name];
    const other = Object.keys(this.#json).find((each) => each.toLowerCase() === name.toLowerCase());
    return other === undefined ? undefined : this.#json[other];
  }
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

function timestampOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
