import type { Parts } from '../concurrency/parts';
import {
  BACKSLASH,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COMMA,
  isBlank,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
} from '../http/jsonCharacters';

/** Characters that are parsed in one part: it takes a millisecond or two. */
const PART_LENGTH = 256 * 1024;

/** Items that are longer are read item by item. */
const ITEM_LENGTH = 16 * 1024;

/** Lists and objects that are deeper inside others are parsed as a whole. */
const MAX_DEPTH = 32;

/**
 * What JSON.parse makes of a text. Of lists and objects in a longer one, so many items as make a part are parsed at once.
 * @throws SyntaxError for what JSON.parse refuses; its text may quote what could not be read
 */
export function* parseJsonInParts(text: string, partLength = PART_LENGTH, itemLength = ITEM_LENGTH): Parts<unknown> {
  if (text.length <= partLength) return JSON.parse(text) as unknown;
  const { value, end } = yield* readLong({ text, depth: 0, partLength, itemLength }, afterBlanks(text, 0));
  if (afterBlanks(text, end) < text.length) throw new SyntaxError('Something follows the value');
  return value;
}

interface Source {
  readonly text: string;
  readonly depth: number;
  readonly partLength: number;
  readonly itemLength: number;
}

interface Read {
  readonly value: unknown;
  /** The index after it. */
  readonly end: number;
}

function* readLong(source: Source, start: number): Parts<Read> {
  const { text, depth } = source;
  const inside = { ...source, depth: depth + 1 };
  if (text[start] === '[' && depth < MAX_DEPTH) return yield* readList(inside, start);
  if (text[start] === '{' && depth < MAX_DEPTH) return yield* readObject(inside, start);
  const end = endOfItem(text, start, text.length) ?? text.length;
  yield;
  return { value: JSON.parse(text.slice(start, end)), end };
}

function* readList(source: Source, start: number): Parts<Read> {
  const value: unknown[] = [];
  const end = yield* readItems(source, start, ']', {
    several(items) {
      for (const item of JSON.parse(`[${items}]`) as readonly unknown[]) value.push(item);
    },
    *long(at) {
      const item = yield* readLong(source, at);
      value.push(item.value);
      return item.end;
    },
  });
  return { value, end };
}

function* readObject(source: Source, start: number): Parts<Read> {
  const { text } = source;
  const members: (readonly [name: string, value: unknown])[] = [];
  const end = yield* readItems(source, start, '}', {
    several(items) {
      for (const member of Object.entries(JSON.parse(`{${items}}`) as object)) members.push(member);
    },
    *long(at) {
      const nameEnd = text[at] === '"' ? endOfString(text, at + 1) + 1 : at;
      const name = JSON.parse(text.slice(at, nameEnd)) as string;
      const colon = afterBlanks(text, nameEnd);
      if (text[colon] !== ':') throw new SyntaxError('Expected a colon');
      const member = yield* readLong(source, afterBlanks(text, colon + 1));
      members.push([name, member.value]);
      return member.end;
    },
  });
  return { value: Object.fromEntries(members), end };
}

/** What is done with the items of a list, or the members of an object. */
interface ItemReader {
  /** Neighbours, with the commas between them. */
  readonly several: (items: string) => void;
  /** One that begins at an index and is longer than a part. @returns the index after it */
  readonly long: (start: number) => Parts<number>;
}

/** @returns the index after the bracket that closes them */
function* readItems(
  { text, partLength, itemLength }: Source,
  start: number,
  close: ']' | '}',
  reader: ItemReader,
): Parts<number> {
  let from = afterBlanks(text, start + 1);
  if (text[from] === close) return from + 1;
  const takeUpTo = (end: number): void => {
    const items = text.slice(from, end);
    if (items.trim() === '') throw new SyntaxError('Expected an item');
    reader.several(items);
  };
  for (let at = from; ;) {
    let end = endOfItem(text, at, itemLength);
    if (end === undefined) {
      if (at > from) takeUpTo(at - 1);
      end = afterBlanks(text, yield* reader.long(afterBlanks(text, at)));
      from = end + 1;
    } else if (text[end] !== ',' || end - from >= partLength) {
      takeUpTo(end);
      yield;
      from = end + 1;
    }
    at = end + 1;
    if (text[end] === close) return at;
    if (text[end] !== ',') throw new SyntaxError('Expected a comma or a bracket');
  }
}

/** @returns the index of the comma or bracket after an item, or the length of the text; undefined for an item that is longer than `most` */
function endOfItem(text: string, start: number, most: number): number | undefined {
  const limit = Math.min(text.length, start + most);
  let depth = 0;
  for (let index = start; index < limit; index++) {
    const code = text.charCodeAt(index);
    if (code === QUOTE) index = endOfString(text, index + 1);
    else if (code === OPEN_BRACKET || code === OPEN_BRACE) depth++;
    else if (depth === 0 && (code === COMMA || code === CLOSE_BRACKET || code === CLOSE_BRACE)) return index;
    else if (code === CLOSE_BRACKET || code === CLOSE_BRACE) depth--;
  }
  return limit === text.length ? limit : undefined;
}

/** @returns the index of the quote that ends a string */
function endOfString(text: string, start: number): number {
  const quote = text.indexOf('"', start);
  if (quote < 0) return text.length;
  // Most strings hold no quote.
  if (text.charCodeAt(quote - 1) !== BACKSLASH) return quote;
  let index = start;
  for (let code = text.charCodeAt(index); code !== QUOTE && index < text.length; code = text.charCodeAt(index))
    index += code === BACKSLASH ? 2 : 1;
  return index;
}

/** @returns the index of the first character that is no white space (RFC 8259, 2) */
function afterBlanks(text: string, start: number): number {
  let index = start;
  while (isBlank(text.charCodeAt(index))) index++;
  return index;
}
