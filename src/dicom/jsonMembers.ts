import { CLOSE_BRACE, COLON, QUOTE } from './jsonBytes';
import { readElement, readValue } from './jsonElement';

/** One member of an object as it was read. */
export interface Member {
  /** In bytes, with the comma or brace after it. */
  readonly length: number;
  readonly name: string;
  readonly value: unknown;
}

/** Neighbouring members of which none has changed without the others so far: their bytes are compared in one go. */
interface Stretch {
  readonly length: number;
  readonly members: readonly Member[];
}

/** The members of an object, and where their bytes are. */
export interface Members {
  readonly bytes: Buffer;
  /** The index after the opening brace. */
  readonly start: number;
  /** The index after the object. */
  readonly end: number;
  readonly stretches: readonly Stretch[];
}

/** A tag in quotes: `"00080005"`. */
const NAME_LENGTH = 10;

/**
 * Reads an object that is expected to have the members of the one before, by name and in their order.
 * @param start index after the opening brace
 * @returns undefined where other members come, or more or fewer
 * @throws SyntaxError, whose text may quote what could not be read
 */
export function readAlike(
  bytes: Buffer,
  start: number,
  before: Members,
): { readonly members: Members; readonly changed: readonly Member[] } | undefined {
  // Mostly the same stretches again, with other members in them.
  const stretches = before.stretches.slice();
  let place = 0;
  const changed: Member[] = [];
  let end = start;
  let endBefore = before.start;
  for (const stretch of before.stretches) {
    // Most of what changes is a stretch of its own already, and needs no lists of one.
    const only = stretch.members.length === 1 ? stretch.members[0] : undefined;
    if (only !== undefined) {
      const member = readLikely(bytes, end, only, before.bytes, endBefore);
      if (member?.name !== only.name) return undefined;
      if (member !== only) {
        changed.push(member);
        stretches[place] = { length: member.length, members: [member] };
      }
      place++;
      end += member.length;
    } else if (isSame(bytes, end, before.bytes, endBefore, stretch.length)) {
      place++;
      end += stretch.length;
    } else {
      const read = readStretch(bytes, end, stretch, before.bytes, endBefore);
      if (read === undefined) return undefined;
      stretches.splice(place, 1, ...read.stretches);
      place += read.stretches.length;
      changed.push(...read.changed);
      end = read.end;
    }
    endBefore += stretch.length;
  }
  return bytes[end - 1] === CLOSE_BRACE ? { members: { bytes, start, end, stretches }, changed } : undefined;
}

/** The members of a stretch one by one: from now on each that has changed is a stretch of its own. */
function readStretch(
  bytes: Buffer,
  start: number,
  { members }: Stretch,
  bytesBefore: Buffer,
  startBefore: number,
): { readonly stretches: readonly Stretch[]; readonly changed: readonly Member[]; readonly end: number } | undefined {
  const stretches: Stretch[] = [];
  const changed: Member[] = [];
  let unchanged: Member[] = [];
  let [end, endBefore] = [start, startBefore];
  for (const likely of members) {
    const member = readLikely(bytes, end, likely, bytesBefore, endBefore);
    if (member?.name !== likely.name) return undefined;
    if (member === likely) unchanged.push(member);
    else {
      stretches.push(...stretchesOf(unchanged), ...stretchesOf([member]));
      changed.push(member);
      unchanged = [];
    }
    end += member.length;
    endBefore += likely.length;
  }
  return { stretches: [...stretches, ...stretchesOf(unchanged)], changed, end };
}

/** One for all of these members; none for no members. */
export function stretchesOf(members: readonly Member[]): readonly Stretch[] {
  return members.length === 0 ? [] : [{ length: members.reduce((sum, { length }) => sum + length, 0), members }];
}

/**
 * Reads the members of an object, whatever its names are.
 * @param start index after the opening brace
 * @param before of members that have the same bytes there, those are given again
 * @returns undefined where the object does not end, or is anything but compact JSON with tags as names
 * @throws SyntaxError, whose text may quote what could not be read
 */
export function readMembers(bytes: Buffer, start: number, before: Members): readonly Member[] | undefined {
  const known = membersOf(before);
  const members: Member[] = [];
  let expected = 0;
  for (let at = start; ;) {
    const likely = known[expected];
    const member =
      likely === undefined ? readMember(bytes, at) : readLikely(bytes, at, likely.member, before.bytes, likely.start);
    if (member === undefined) return undefined;
    // Where members were added or left out, the next ones are looked for after the one of the same name.
    expected = likely?.member.name === member.name ? expected + 1 : placeAfter(known, member.name, expected);
    members.push(member);
    at += member.length;
    if (bytes[at - 1] === CLOSE_BRACE) return members;
  }
}

interface PlacedMember {
  readonly member: Member;
  readonly start: number;
}

function membersOf({ stretches, start }: Members): readonly PlacedMember[] {
  let at = start;
  return stretches.flatMap(({ members }) =>
    members.map((member) => {
      at += member.length;
      return { member, start: at - member.length };
    }),
  );
}

function placeAfter(known: readonly PlacedMember[], name: string, otherwise: number): number {
  const place = known.findIndex(({ member }) => member.name === name);
  return place < 0 ? otherwise : place + 1;
}

/** What is longer is compared by a call, which costs as much as so many bytes one by one. */
const MAX_BYTE_BY_BYTE = 48;

function isSame(bytes: Buffer, at: number, others: Buffer, othersAt: number, length: number): boolean {
  if (at + length > bytes.length) return false;
  if (length > MAX_BYTE_BY_BYTE) return bytes.compare(others, othersAt, othersAt + length, at, at + length) === 0;
  let same = 0;
  while (same < length && bytes[at + same] === others[othersAt + same]) same++;
  return same === length;
}

/** @returns the likely member itself where the bytes are the same */
function readLikely(
  bytes: Buffer,
  at: number,
  likely: Member,
  bytesBefore: Buffer,
  startBefore: number,
): Member | undefined {
  if (isSame(bytes, at, bytesBefore, startBefore, likely.length)) return likely;
  const hasName = isSame(bytes, at, bytesBefore, startBefore, NAME_LENGTH + 1);
  return readMember(bytes, at, hasName ? likely.name : undefined);
}

function readMember(bytes: Buffer, at: number, name = tagAt(bytes, at)): Member | undefined {
  if (name === undefined) return undefined;
  const valueAt = at + NAME_LENGTH + 1;
  const parsed = readElement(bytes, valueAt) ?? readValue(bytes, valueAt);
  return parsed === undefined ? undefined : { length: parsed.end + 1 - at, name, value: parsed.value };
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
