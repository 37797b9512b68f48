import { MalformedMetadata } from './errors';
import { BACKSLASH, CLOSE_BRACE, CLOSE_BRACKET, COMMA, OPEN_BRACE, OPEN_BRACKET, QUOTE } from './jsonBytes';

/** Parses the elements of an array, one after the other. */
export interface ElementParser<T> {
  /**
   * The element that begins at an index; its end need not be known.
   * @returns undefined where it is not there as a whole, or is not of the form that this parser finds the end of
   */
  parseAt?(bytes: Buffer, start: number): ParsedElement<T> | undefined;
  /** An element as a whole. @throws SyntaxError, whose text may quote what could not be read */
  parse(bytes: Buffer): T;
}

export interface ParsedElement<T> {
  readonly value: T;
  /** The index after it. */
  readonly end: number;
}

export const jsonElements: ElementParser<unknown> = {
  parse: (bytes) => JSON.parse(bytes.toString('utf8')) as unknown,
};

/**
 * The elements of a JSON array (DICOM JSON, PS3.18 F.2.1.1: one object for each instance) as they arrive, each parsed by
 * itself: neither the whole text nor a long parse ever exists, however many instances a study has. Given in parts, those
 * that a chunk completes.
 * @param options.required whether there has to be an array; without it a body without any text is an empty one
 * @throws MalformedMetadata when the body is not one complete JSON array; its text holds nothing of the body
 */
export async function* parseMetadata<T>(
  chunks: AsyncIterable<Uint8Array>,
  parser: ElementParser<T>,
  { required = false }: { readonly required?: boolean } = {},
): AsyncGenerator<readonly T[]> {
  const reader = new ArrayReader(parser);
  for await (const chunk of chunks) {
    const part = reader.push(asBuffer(chunk));
    if (part.length > 0) yield part;
  }
  reader.end(required);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * Reads the elements of a JSON array. Of most the parser finds the end by itself. The bytes of all others are cut out first, looking at
 * brackets, commas and strings only, all of which are single bytes in UTF-8; whether an element is JSON is for the parser.
 */
class ArrayReader<T> {
  readonly #parser: ElementParser<T>;
  #elementsSeen = 0;
  /** `behind` an element the comma or the bracket is still to come. */
  #place: 'before' | 'inside' | 'behind' | 'after' = 'before';
  #depth = 0;
  #inString = false;
  #escaped = false;
  /** Earlier parts of the element that is not complete yet. */
  #pending: Buffer[] = [];

  constructor(parser: ElementParser<T>) {
    this.#parser = parser;
  }

  /** @returns the elements that this chunk completes */
  push(chunk: Buffer): readonly T[] {
    const elements: T[] = [];
    let index = 0;
    while (index < chunk.length) {
      if (this.#place !== 'inside') this.#outside(chunk[index++] ?? 0);
      else index = this.#wholeElement(chunk, index, elements) ?? this.#inside(chunk, index, elements);
    }
    return elements;
  }

  /** @returns the index after the element that begins here; undefined where it has to be cut out first */
  #wholeElement(chunk: Buffer, index: number, elements: T[]): number | undefined {
    const parsed = this.#pending.length > 0 ? undefined : this.#parser.parseAt?.(chunk, index);
    if (parsed === undefined) return undefined;
    elements.push(parsed.value);
    this.#elementsSeen++;
    this.#place = 'behind';
    return parsed.end;
  }

  /**
   * To the end of one element, byte by byte: what changes with each byte is kept in local variables.
   * @returns the index after the comma or bracket behind the element, or the end of the chunk
   */
  #inside(chunk: Buffer, from: number, elements: T[]): number {
    const { length } = chunk;
    let [depth, inString, escaped] = [this.#depth, this.#inString, this.#escaped];
    let complete = false;
    let index = from;
    for (; index < length && !complete; index++) {
      const byte = chunk[index];
      if (inString) {
        if (escaped) escaped = false;
        else if (byte === BACKSLASH) escaped = true;
        else if (byte === QUOTE) inString = false;
      } else if (byte === QUOTE) inString = true;
      else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth++;
      else if (depth > 0) {
        if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth--;
      } else if (byte === COMMA || byte === CLOSE_BRACKET) {
        this.#complete(chunk.subarray(from, index), byte === CLOSE_BRACKET, elements);
        complete = true;
      }
    }
    if (!complete) this.#pending.push(chunk.subarray(from, index));
    [this.#depth, this.#inString, this.#escaped] = [depth, inString, escaped];
    return index;
  }

  /** @throws MalformedMetadata when the array is not complete, or required and missing */
  end(required: boolean): void {
    if (required && this.#place === 'before') throw new MalformedMetadata('the body is empty');
    if (this.#place === 'inside' || this.#place === 'behind')
      throw new MalformedMetadata('the array ends before it is complete');
  }

  /** Around the elements there is white space only, or a byte order mark at the start. */
  #outside(byte: number): void {
    if (isBlank(byte)) return;
    if (this.#place === 'behind') this.#behind(byte);
    else if (this.#place === 'after') throw new MalformedMetadata('something follows the array');
    else if (byte === OPEN_BRACKET) this.#place = 'inside';
    else if (byte !== 0xef && byte !== 0xbb && byte !== 0xbf) throw new MalformedMetadata('expected a JSON array');
  }

  #behind(byte: number): void {
    if (byte === COMMA) this.#place = 'inside';
    else if (byte === CLOSE_BRACKET) this.#place = 'after';
    else throw new MalformedMetadata(`element ${this.#elementsSeen} of the array is not JSON`);
  }

  #complete(lastPart: Buffer, last: boolean, elements: T[]): void {
    const bytes = this.#pending.length === 0 ? lastPart : Buffer.concat([...this.#pending, lastPart]);
    this.#pending = [];
    if (last) this.#place = 'after';
    if (last && this.#elementsSeen === 0 && bytes.every(isBlank)) return;
    elements.push(this.#parse(bytes, ++this.#elementsSeen));
  }

  #parse(bytes: Buffer, position: number): T {
    if (bytes.every(isBlank)) throw new MalformedMetadata(`element ${position} of the array is missing`);
    try {
      return this.#parser.parse(bytes);
    } catch {
      throw new MalformedMetadata(`element ${position} of the array is not JSON`);
    }
  }
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
