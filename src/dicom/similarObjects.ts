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
  readonly bytes: Uint8Array;
  readonly name: string;
  readonly value: unknown;
}

/** A tag in quotes: `"00080005"`. */
const NAME_LENGTH = 10;

/**
 * A JSON parser for objects that come one after the other and are much alike, such as the instances of a study (DICOM JSON, PS3.18 F.2):
 * a member with the same bytes as in the object before is not parsed again, its value is the same one. Those who get the objects must not
 * change them. Anything but compact JSON with tags as names goes to JSON.parse as a whole.
 * @throws SyntaxError, whose text may quote what could not be read
 */
export function similarObjects(): (bytes: Buffer) => unknown {
  let before: Parsed = { members: [], object: {} };
  return (bytes) => {
    const members = readMembers(bytes, before.members);
    if (members === undefined) return parse(bytes);
    const alike = hasSameNames(members, before.members);
    if (!alike && hasRepeatedName(members)) return parse(bytes);
    // A copy of an object with these names, and not one built name by name, which would be slow to make and to read.
    const object = alike ? { ...before.object } : (parse(bytes) as JsonObject);
    for (const [index, member] of members.entries())
      if (!alike || member !== before.members[index]) object[member.name] = member.value;
    before = { members, object };
    return object;
  };
}

type JsonObject = Record<string, unknown>;

interface Parsed {
  readonly members: readonly Member[];
  readonly object: JsonObject;
}

function parse(bytes: Buffer): unknown {
  return JSON.parse(bytes.toString('utf8')) as unknown;
}

function hasSameNames(members: readonly Member[], others: readonly Member[]): boolean {
  return members.length === others.length && members.every(({ name }, index) => name === others[index]?.name);
}

function hasRepeatedName(members: readonly Member[]): boolean {
  return new Set(members.map(({ name }) => name)).size < members.length;
}

/** @returns undefined where the bytes are anything but an object of the expected form */
function readMembers(bytes: Buffer, before: readonly Member[]): readonly Member[] | undefined {
  if (bytes[0] !== OPEN_BRACE) return undefined;
  const members: Member[] = [];
  let expected = 0;
  for (let at = 1; ;) {
    const likely = before[expected];
    const member = likely !== undefined && startsWith(bytes, at, likely.bytes) ? likely : readMember(bytes, at, likely);
    if (member === undefined) return undefined;
    // Where members were added or left out, the next ones are looked for after the one of the same name.
    expected = likely?.name === member.name ? expected + 1 : placeAfter(before, member.name, expected);
    members.push(member);
    at += member.bytes.length;
    if (bytes[at - 1] === CLOSE_BRACE) return at === bytes.length ? members : undefined;
  }
}

function placeAfter(before: readonly Member[], name: string, otherwise: number): number {
  const place = before.findIndex((member) => member.name === name);
  return place < 0 ? otherwise : place + 1;
}

function startsWith(bytes: Buffer, at: number, start: Uint8Array, length = start.length): boolean {
  if (at + length > bytes.length) return false;
  for (let index = 0; index < length; index++) if (bytes[at + index] !== start[index]) return false;
  return true;
}

function readMember(bytes: Buffer, at: number, likely: Member | undefined): Member | undefined {
  const isLikely = likely !== undefined && startsWith(bytes, at, likely.bytes, NAME_LENGTH + 1);
  const name = isLikely ? likely.name : tagAt(bytes, at);
  const end = name === undefined ? undefined : endOfValue(bytes, at + NAME_LENGTH + 1);
  if (name === undefined || end === undefined) return undefined;
  const value = JSON.parse(bytes.toString('utf8', at + NAME_LENGTH + 1, end)) as unknown;
  // A copy: the chunk that these bytes came in can go.
  return { bytes: Uint8Array.from(bytes.subarray(at, end + 1)), name, value };
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
