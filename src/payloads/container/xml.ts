/** The text is not well-formed XML, or uses what no storage service sends (a document type). */
export class MalformedXml extends Error {
  override readonly name: string = 'MalformedXml';
  /**
   * @property isCutOff the text ends before its root element does: the rest was lost on the way, and asking again may help
   */
  constructor(
    message: string,
    readonly isCutOff = false,
  ) {
    super(message);
  }
}

type XmlToken = 'open' | 'close' | 'text' | 'end';

/** Walks through a document: each token once, in order. It checks that tags match, and makes no object for what is skipped. */
export interface XmlReader {
  /** Steps to the next token. `end` comes only after the root element was closed. */
  next(): XmlToken;
  /** of the element that `open` or `close` is about */
  name(): string;
  /** of the element that `open` is about */
  attribute(name: string): string | undefined;
  /** the decoded characters of `text` */
  text(): string;
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
const NAME = /^[^\s/<>&'"=]+/;
const ATTRIBUTES = /\s+([^\s/<>&'"=]+)\s*=\s*("[^"]*"|'[^']*')/y;

/**
 * A reader of the subset of XML 1.0 that storage services answer with: elements, attributes, character data, entities, CDATA, comments.
 * Line ends are left as they are, because a name of a blob may hold a carriage return.
 * @throws MalformedXml from every function, at the place where the text stops making sense
 */
export function xmlReader(document: string): XmlReader {
  const open: string[] = [];
  let at = document.startsWith('\uFEFF') ? 1 : 0;
  let tag = '';
  let name = '';
  let characters = '';
  let hasRoot = false;
  let closesItself = false;

  const fail = (problem: string): never => {
    throw new MalformedXml(`${problem} at character ${at}`);
  };
  /** The place of the token that must come at or after `from`. */
  const find = (token: string, from: number): number => {
    const found = document.indexOf(token, from);
    if (found < 0) throw new MalformedXml(`The text ends within <${open.at(-1) ?? 'the document'}>`, true);
    return found;
  };

  /** A `>` within a quoted value does not end the tag. */
  const endOfTag = (): number => {
    const end = find('>', at);
    if (!tagHasQuote(at, end)) return end;
    let quote = '';
    for (let place = at; place < document.length; place += 1) {
      const character = document.charAt(place);
      if (quote !== '') quote = character === quote ? '' : quote;
      else if (character === '"' || character === "'") quote = character;
      else if (character === '>') return place;
    }
    return find('>', document.length);
  };
  const tagHasQuote = (from: number, to: number): boolean => {
    for (let place = from; place < to; place += 1) {
      const code = document.charCodeAt(place);
      if (code === 34 || code === 39) return true;
    }
    return false;
  };

  const readText = (): XmlToken => {
    const end = open.length === 0 ? document.indexOf('<', at) : find('<', at);
    const raw = document.slice(at, end < 0 ? document.length : end);
    if (open.length === 0 && raw.trim() !== '') fail('Text outside of the root element');
    at += raw.length;
    characters = raw.includes('&') ? decodeEntities(raw) : raw;
    return 'text';
  };
  const readCdata = (): XmlToken => {
    if (open.length === 0) fail('Text outside of the root element');
    const end = find(']]>', at);
    characters = document.slice(at + '<![CDATA['.length, end);
    at = end + 3;
    return 'text';
  };
  const readOpening = (): XmlToken => {
    const end = endOfTag();
    closesItself = document.charCodeAt(end - 1) === 47;
    tag = document.slice(at + 1, closesItself ? end - 1 : end);
    name = NAME.exec(tag)?.[0] ?? fail('A tag without a name');
    if (name.length < tag.length) checkAttributes();
    if (open.length === 0 && hasRoot) fail('A second root element');
    hasRoot = true;
    open.push(name);
    at = end + 1;
    return 'open';
  };
  const checkAttributes = (): void => {
    ATTRIBUTES.lastIndex = name.length;
    let end = name.length;
    while (ATTRIBUTES.test(tag)) end = ATTRIBUTES.lastIndex;
    if (tag.slice(end).trim() !== '') fail(`An unreadable attribute of <${name}>`);
  };
  const readClosing = (): XmlToken => {
    const end = find('>', at);
    const closed = document.slice(at + 2, end).trimEnd();
    if (open.length === 0 || closed !== open.at(-1)) fail(`</${closed}> does not close <${open.at(-1) ?? ''}>`);
    at = end + 1;
    return close();
  };
  const close = (): XmlToken => {
    name = open.pop() ?? '';
    return 'close';
  };

  return {
    next() {
      if (closesItself) {
        closesItself = false;
        return close();
      }
      for (;;) {
        if (at >= document.length) {
          if (open.length > 0 || !hasRoot) throw new MalformedXml('The text ends before its root element does', true);
          return 'end';
        }
        if (document.charCodeAt(at) !== 60) return readText();
        const second = document.charCodeAt(at + 1);
        if (second === 47) return readClosing();
        if (second === 63) at = find('?>', at) + 2;
        else if (second !== 33) return readOpening();
        else if (document.startsWith('<![CDATA[', at)) return readCdata();
        else if (document.startsWith('<!--', at)) at = find('-->', at + 4) + 3;
        else fail('A declaration');
      }
    },
    name: () => name,
    attribute(wanted) {
      for (const [, key, quoted = ''] of tag.matchAll(new RegExp(ATTRIBUTES, 'g')))
        if (key === wanted) return decodeEntities(quoted.slice(1, -1));
      return undefined;
    },
    text: () => characters,
  };
}

/** Reads the rest of the element that was just opened, which holds only text. */
export function readElementText(reader: XmlReader): string {
  let text = '';
  for (;;) {
    const token = reader.next();
    if (token === 'close') return text;
    if (token !== 'text') throw new MalformedXml(`<${reader.name()}> where text was expected`);
    text += reader.text();
  }
}

/** Calls back with the name of each child of the element that was just opened; the callback must read the child to its end. */
export function readChildren(reader: XmlReader, readChild: (name: string) => void): void {
  for (;;) {
    const token = reader.next();
    if (token === 'close') return;
    if (token === 'open') readChild(reader.name());
    else if (reader.text().trim() !== '') throw new MalformedXml('Text where an element was expected');
  }
}

/** Reads over the rest of the element that was just opened. */
export function skipElement(reader: XmlReader): void {
  for (let depth = 1; depth > 0;) {
    const token = reader.next();
    if (token === 'open') depth += 1;
    else if (token === 'close') depth -= 1;
  }
}

function decodeEntities(raw: string): string {
  return raw.replace(/&([^;&]{0,10};)?/g, (whole, reference: string | undefined) => {
    const entity = reference?.slice(0, -1) ?? '';
    const [, hexadecimal, decimal] = /^#(?:x([0-9a-fA-F]+)|([0-9]+))$/.exec(entity) ?? [];
    const code = hexadecimal === undefined ? Number(decimal) : parseInt(hexadecimal, 16);
    if (code >= 0 && code <= 0x10ffff) return String.fromCodePoint(code);
    return ENTITIES[entity] ?? unknownEntity(whole);
  });
}

function unknownEntity(entity: string): never {
  throw new MalformedXml(`The unknown entity ${entity}`);
}
