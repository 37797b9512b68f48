import { CLOSE_BRACE, COLON, COMMA, isBlank, QUOTE } from '../http/jsonCharacters';
import { attributeOfTag } from './attributes';
import { type DataIssue, NO_ISSUES } from './dataIssue';
import { readTagged, type TaggedElement } from './dataset';
import { BEFORE_VALUES, endOfPlainElement, readElement, readValue, usualRepresentation } from './jsonElement';

/** One member of a data set as it was read. */
export interface Member extends TaggedElement {
  /** In bytes, with the comma after it and what is blank then, or with the brace after it. */
  readonly length: number;
  /** The tag as it is written. */
  readonly name: string;
  readonly issues: readonly DataIssue[];
  /** What JSON.parse gives; undefined for an element of the usual form, which says it all. */
  readonly json: unknown;
}

/** Of a text or numbers that nobody asks for and that name nobody: whatever they are, they are not read. */
const UNREAD: readonly unknown[] = [];

export const isRead = ({ element }: Member): boolean => element.values !== UNREAD;

/** Neighbouring members of which none has changed without the others so far: their bytes are compared in one go. */
interface Neighbours {
  readonly length: number;
  readonly members: readonly Member[];
}

export type Stretch = Member | Neighbours;

/** Bytes, and the same ones in words. */
export interface Text {
  readonly bytes: Buffer;
  readonly view: DataView;
}

/** Of a chunk, for all data sets in it. */
export const textOf = (bytes: Buffer): Text => ({
  bytes,
  view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
});

/** The members of an object, and where their bytes are. */
export interface Members {
  readonly text: Text;
  /** The index of the first one. */
  readonly start: number;
  /** The index after the object. */
  readonly end: number;
  readonly stretches: readonly Stretch[];
}

/** A tag in quotes: `"00080005"`. */
const NAME_LENGTH = 10;

/** After the name and a colon. */
const VALUE_AT = NAME_LENGTH + 1;

/**
 * Reads an object that is expected to have the members of the one before, by name and in their order.
 * @param start index of the first member
 * @returns undefined where other members come, or more or fewer
 * @throws SyntaxError, whose text may quote what could not be read
 */
export function readAlike(
  text: Text,
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
    if (!isNextAt(text, end, start)) return undefined;
    // Most of what changes is a stretch of its own already.
    if (!('members' in stretch)) {
      const member = readLikely(text, end, stretch, before.text, endBefore);
      if (member?.name !== stretch.name) return undefined;
      if (member !== stretch) {
        if (isRead(member)) changed.push(member);
        stretches[place] = member;
      }
      place++;
      end += member.length;
    } else if (isSame(text, end, before.text, endBefore, stretch.length) && isWhole(text, end + stretch.length)) {
      place++;
      end += stretch.length;
    } else {
      const read = readStretch(text, end, stretch, before.text, endBefore);
      if (read === undefined) return undefined;
      stretches.splice(place, 1, ...read.stretches);
      place += read.stretches.length;
      changed.push(...read.changed);
      end = read.end;
    }
    endBefore += stretch.length;
  }
  return text.bytes[end - 1] === CLOSE_BRACE ? { members: { text, start, end, stretches }, changed } : undefined;
}

/** Whether another member may begin here: at the start, or after a comma. */
function isNextAt({ bytes }: Text, at: number, start: number): boolean {
  if (at === start) return true;
  let index = at - 1;
  while (isBlank(bytes[index])) index--;
  return bytes[index] === COMMA;
}

/** Whether a member, or the last of several, ends there: what is blank after a comma belongs to it. */
function isWhole({ bytes }: Text, end: number): boolean {
  return !isBlank(bytes[end]) || bytes[end - 1] === CLOSE_BRACE;
}

/** @returns the index after what is blank */
export function afterBlanks(bytes: Buffer, from: number): number {
  let index = from;
  while (isBlank(bytes[index])) index++;
  return index;
}

/** The members of a stretch one by one: from now on each that has changed is a stretch of its own. */
function readStretch(
  text: Text,
  start: number,
  { members }: Neighbours,
  before: Text,
  startBefore: number,
): { readonly stretches: readonly Stretch[]; readonly changed: readonly Member[]; readonly end: number } | undefined {
  const stretches: Stretch[] = [];
  const changed: Member[] = [];
  let unchanged: Member[] = [];
  let [end, endBefore] = [start, startBefore];
  for (const likely of members) {
    if (!isNextAt(text, end, start)) return undefined;
    const member = readLikely(text, end, likely, before, endBefore);
    if (member?.name !== likely.name) return undefined;
    if (member === likely) unchanged.push(member);
    else {
      stretches.push(...stretchesOf(unchanged), member);
      if (isRead(member)) changed.push(member);
      unchanged = [];
    }
    end += member.length;
    endBefore += likely.length;
  }
  return { stretches: [...stretches, ...stretchesOf(unchanged)], changed, end };
}

/** One for all of these members; none for no members. */
export function stretchesOf(members: readonly Member[]): readonly Stretch[] {
  if (members.length <= 1) return members;
  return [{ length: members.reduce((sum, { length }) => sum + length, 0), members }];
}

/**
 * Reads the members of an object, whatever its names are.
 * @param start index of the first member
 * @param before of members that have the same bytes there, those are given again
 * @returns undefined where the object does not end, or is anything but tags with colons right after them
 * @throws SyntaxError, whose text may quote what could not be read
 */
export function readMembers(text: Text, start: number, before: Members): readonly Member[] | undefined {
  const known = membersOf(before);
  const members: Member[] = [];
  let expected = 0;
  for (let at = start; ;) {
    const likely = known[expected];
    const member =
      likely === undefined
        ? readMember(text.bytes, at)
        : readLikely(text, at, likely.member, before.text, likely.start);
    if (member === undefined) return undefined;
    // Where members were added or left out, the next ones are looked for after the one of the same name.
    expected = likely?.member.name === member.name ? expected + 1 : placeAfter(known, member.name, expected);
    members.push(member);
    at += member.length;
    if (text.bytes[at - 1] === CLOSE_BRACE) return members;
  }
}

interface PlacedMember {
  readonly member: Member;
  readonly start: number;
}

function membersOf({ stretches, start }: Members): readonly PlacedMember[] {
  let at = start;
  return stretches.flatMap((stretch) =>
    membersIn(stretch).map((member) => {
      at += member.length;
      return { member, start: at - member.length };
    }),
  );
}

/** A member that is a stretch by itself, or neighbours. */
export const membersIn = (stretch: Stretch): readonly Member[] => ('members' in stretch ? stretch.members : [stretch]);

function placeAfter(known: readonly PlacedMember[], name: string, otherwise: number): number {
  const place = known.findIndex(({ member }) => member.name === name);
  return place < 0 ? otherwise : place + 1;
}

/** What is longer is compared by a call, which costs as much as so many bytes word by word. */
const MAX_WORD_BY_WORD = 256;
const WORD_BYTES = 8;

function isSame(text: Text, at: number, others: Text, othersAt: number, length: number): boolean {
  if (at + length > text.bytes.length) return false;
  if (length > MAX_WORD_BY_WORD)
    return text.bytes.compare(others.bytes, othersAt, othersAt + length, at, at + length) === 0;
  return sameBytes(text, at, others, othersAt, length) === length;
}

/**
 * Words are compared as floating-point numbers, which costs least. Equal ones are equal bytes: other bytes make equal numbers only of zeros
 * (IEEE 754), whose bytes the JSON that was read before cannot hold (RFC 8259, 7). Those that are not equal are looked at byte by byte.
 * @returns how many bytes are the same, up to the first that is not
 */
function sameBytes(text: Text, at: number, others: Text, othersAt: number, length: number): number {
  const wordsEnd = Math.min(length, text.bytes.length - at) - WORD_BYTES;
  let same = 0;
  while (same <= wordsEnd && text.view.getFloat64(at + same, true) === others.view.getFloat64(othersAt + same, true))
    same += WORD_BYTES;
  while (same < length && text.bytes[at + same] === others.bytes[othersAt + same]) same++;
  return same;
}

/** @returns the likely member itself where the bytes are the same */
function readLikely(text: Text, at: number, likely: Member, before: Text, startBefore: number): Member | undefined {
  const { length } = likely;
  const isLong = length > MAX_WORD_BY_WORD;
  if (isLong && isSame(text, at, before, startBefore, length) && isWhole(text, at + length)) return likely;
  const same = sameBytes(text, at, before, startBefore, Math.min(length, MAX_WORD_BY_WORD));
  if (same === length && isWhole(text, at + length)) return likely;
  return readMember(text.bytes, at, likely, same);
}

/** @param same so many of its first bytes are those of the likely member */
function readMember(bytes: Buffer, at: number, likely?: Member, same = 0): Member | undefined {
  const known = same >= VALUE_AT ? likely : undefined;
  const name = known?.name ?? tagAt(bytes, at);
  if (name === undefined) return undefined;
  const tag = known?.tag ?? name.toUpperCase();
  // All before the values is that of the likely member.
  const alike = same >= VALUE_AT + BEFORE_VALUES && known?.json === undefined ? known : undefined;
  const vr = alike?.element.vr ?? usualRepresentation(bytes, at + VALUE_AT);
  if (vr !== undefined) {
    // One that was not plain was read all the same, which says nothing of this one.
    const isWanted = (alike === undefined || isRead(alike)) && mayBeRead(tag, vr);
    const usual =
      (isWanted ? undefined : unreadElement(bytes, at + VALUE_AT, vr)) ?? readElement(bytes, at + VALUE_AT, vr);
    if (usual !== undefined) {
      const length = endOfMember(bytes, usual.end) - at;
      return { tag, element: usual.element, length, name, issues: NO_ISSUES, json: undefined };
    }
  }
  const other = readValue(bytes, at + VALUE_AT);
  if (other === undefined) return undefined;
  const issues: DataIssue[] = [];
  const { element } = readTagged(name, other.value, issues);
  return { tag, element, length: endOfMember(bytes, other.end) - at, name, issues, json: other.value };
}

/** @returns undefined where what it holds is not plain: then it has to be read to know what it is */
function unreadElement(bytes: Buffer, at: number, vr: string): ReturnType<typeof readElement> {
  const end = endOfPlainElement(bytes, at);
  return end === undefined ? undefined : { element: { vr, values: UNREAD }, end };
}

/** Attributes of this project, and names of persons, which no error text may repeat. */
const mayBeRead = (tag: string, vr: string): boolean => vr === 'PN' || attributeOfTag(tag) !== undefined;

/** @param valueEnd the index of the comma or brace after a value */
function endOfMember(bytes: Buffer, valueEnd: number): number {
  return bytes[valueEnd] === COMMA ? afterBlanks(bytes, valueEnd + 1) : valueEnd + 1;
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
