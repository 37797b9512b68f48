const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** One member of an object as it was read: its bytes with the comma or brace after it, and what they mean. */
interface Member {
  readonly bytes: Buffer;
  readonly name: string;
  readonly value: unknown;
}

/** Neighbouring members of which none has changed without the others so far, and their bytes: compared in one go. */
interface Stretch {
  readonly bytes: Buffer;
  readonly members: readonly Member[];
}

/** A tag in quotes: `"00080005"`. */
const NAME_LENGTH = 10;

/** Reads objects that come one after the other. Those who get them must not change them. */
export interface SimilarObjects {
  /**
   * The object that begins at an index; its end need not be known.
   * @returns undefined where it is not there as a whole, is no JSON, or is anything but compact JSON with tags as names
   */
  readAt(bytes: Buffer, start: number): ReadObject | undefined;
  /** Any JSON value, given as a whole. @throws SyntaxError, whose text may quote what could not be read */
  parse(bytes: Buffer): unknown;
}

interface ReadObject {
  readonly value: unknown;
  /** The index after it. */
  readonly end: number;
}

/**
 * A JSON parser for objects that are much alike, such as the instances of a study (DICOM JSON, PS3.18 F.2): a member with the same bytes as
 * in the object before is not parsed again, its value is the same one. Anything but compact JSON with tags as names goes to JSON.parse.
 */
export function similarObjects(): SimilarObjects {
  let before: Remembered = { stretches: [], object: {} };

  function readAt(bytes: Buffer, start: number): ReadObject | undefined {
    if (bytes[start] !== OPEN_BRACE) return undefined;
    const alike = readAlike(bytes, start + 1, before.stretches);
    if (alike === undefined) return readOther(bytes, start);
    // A copy of an object with these names, and not one built name by name, which would be slow to make and to read.
    const object = { ...before.object };
    for (const { name, value } of alike.changed) object[name] = value;
    before = { stretches: alike.stretches, object };
    return { value: object, end: alike.end };
  }

  /** With other names than the one before, or with those in another order. */
  function readOther(bytes: Buffer, start: number): ReadObject | undefined {
    const members = readMembers(
      bytes,
      start + 1,
      before.stretches.flatMap((stretch) => stretch.members),
    );
    if (members === undefined) return undefined;
    const end = members.reduce((at, member) => at + member.bytes.length, start + 1);
    const object = parseText(bytes, start, end) as JsonObject;
    if (new Set(members.map(({ name }) => name)).size === members.length) {
      for (const { name, value } of members) object[name] = value;
      before = { stretches: [{ bytes: Buffer.from(bytes.subarray(start + 1, end)), members }], object };
    }
    return { value: object, end };
  }

  return {
    readAt(bytes, start) {
      try {
        return readAt(bytes, start);
      } catch (error) {
        if (error instanceof SyntaxError) return undefined;
        throw error;
      }
    },
    parse(bytes) {
      const read = readAt(bytes, 0);
      return read?.end === bytes.length ? read.value : parseText(bytes, 0, bytes.length);
    },
  };
}

type JsonObject = Record<string, unknown>;

interface Remembered {
  readonly stretches: readonly Stretch[];
  readonly object: JsonObject;
}

/** Members with the expected names, in the expected order. */
interface Alike {
  readonly stretches: readonly Stretch[];
  readonly changed: readonly Member[];
  readonly end: number;
}

function parseText(bytes: Buffer, start: number, end: number): unknown {
  return JSON.parse(bytes.toString('utf8', start, end)) as unknown;
}

/** @returns undefined where other members come, or more or fewer */
function readAlike(bytes: Buffer, start: number, expected: readonly Stretch[]): Alike | undefined {
  const stretches: Stretch[] = [];
  const changed: Member[] = [];
  let end = start;
  for (const stretch of expected) {
    if (isAt(bytes, end, stretch.bytes)) {
      stretches.push(stretch);
      end += stretch.bytes.length;
      continue;
    }
    const read = readChanged(bytes, end, stretch);
    if (read === undefined) return undefined;
    stretches.push(...read.stretches);
    changed.push(...read.changed);
    end = read.end;
  }
  return bytes[end - 1] === CLOSE_BRACE ? { stretches, changed, end } : undefined;
}

/** The members of a stretch of which some have changed: from now on each of those is a stretch of its own. */
function readChanged(bytes: Buffer, start: number, stretch: Stretch): Alike | undefined {
  const stretches: Stretch[] = [];
  const changed: Member[] = [];
  let end = start;
  let unchanged = { from: 0, fromByte: 0 };
  let byte = 0;
  const endUnchanged = (to: number): void => {
    const members = stretch.members.slice(unchanged.from, to);
    if (members.length > 0) stretches.push({ bytes: stretch.bytes.subarray(unchanged.fromByte, byte), members });
  };
  for (const [index, likely] of stretch.members.entries()) {
    const member = isAt(bytes, end, likely.bytes) ? likely : readMember(bytes, end, likely);
    if (member?.name !== likely.name) return undefined;
    if (member !== likely) {
      endUnchanged(index);
      stretches.push({ bytes: member.bytes, members: [member] });
      changed.push(member);
      unchanged = { from: index + 1, fromByte: byte + likely.bytes.length };
    }
    byte += likely.bytes.length;
    end += member.bytes.length;
  }
  endUnchanged(stretch.members.length);
  return { stretches, changed, end };
}

/** @returns undefined where the bytes are anything but the members of an object of the expected form */
function readMembers(bytes: Buffer, start: number, before: readonly Member[]): readonly Member[] | undefined {
  const members: Member[] = [];
  let expected = 0;
  for (let at = start; ;) {
    const likely = before[expected];
    const member = likely !== undefined && isAt(bytes, at, likely.bytes) ? likely : readMember(bytes, at, likely);
    if (member === undefined) return undefined;
    // Where members were added or left out, the next ones are looked for after the one of the same name.
    expected = likely?.name === member.name ? expected + 1 : placeAfter(before, member.name, expected);
    members.push(member);
    at += member.bytes.length;
    if (bytes[at - 1] === CLOSE_BRACE) return members;
  }
}

function placeAfter(before: readonly Member[], name: string, otherwise: number): number {
  const place = before.findIndex((member) => member.name === name);
  return place < 0 ? otherwise : place + 1;
}

/** @param length how many of the expected bytes count */
function isAt(bytes: Buffer, at: number, expected: Buffer, length = expected.length): boolean {
  return at + length <= bytes.length && bytes.compare(expected, 0, length, at, at + length) === 0;
}

function readMember(bytes: Buffer, at: number, likely: Member | undefined): Member | undefined {
  const isLikely = likely !== undefined && isAt(bytes, at, likely.bytes, NAME_LENGTH + 1);
  const name = isLikely ? likely.name : tagAt(bytes, at);
  const end = name === undefined ? undefined : endOfValue(bytes, at + NAME_LENGTH + 1);
  if (name === undefined || end === undefined) return undefined;
  const value = parseText(bytes, at + NAME_LENGTH + 1, end);
  // A copy: the chunk that these bytes came in can go.
  return { bytes: Buffer.from(bytes.subarray(at, end + 1)), name, value };
}

function tagAt(bytes: Buffer, at: number): string | undefined {
  if (bytes[at] !== QUOTE || bytes[at + NAME_LENGTH - 1] !== QUOTE || bytes[at + NAME_LENGTH] !== COLON)
    return undefined;
  for (let index = at + 1; index < at + NAME_LENGTH - 1; index++)
    if (!isHexadecimal(bytes[index] ?? 0)) return undefined;
  return bytes.toString('latin1', at + 1, at + NAME_LENGTH - 1);
}

function isHexadecimal(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66);
}

/** @returns the index of the comma or brace after a value */
function endOfValue(bytes: Buffer, from: number): number | undefined {
  let depth = 0;
  for (let index = from; index < bytes.length; index++) {
    const byte = bytes[index];
    if (byte === QUOTE) {
      index = endOfString(bytes, index + 1);
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      depth++;
    } else if (depth === 0 && (byte === COMMA || byte === CLOSE_BRACE)) {
      return index;
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      depth--;
    }
  }
  return undefined;
}

/** @returns the index of the quote that ends a string */
function endOfString(bytes: Buffer, from: number): number {
  let index = from;
  while (index < bytes.length && bytes[index] !== QUOTE) index += bytes[index] === BACKSLASH ? 2 : 1;
  return index;
}
