import { pieceByPiece } from '../concurrency/turns';
import { byteLimit } from '../http/boundedBody';
import { MalformedMetadata } from './errors';
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

/** Takes elements that have come. */
export type TakePart<T> = (part: readonly T[]) => void;

export interface MetadataOptions {
  /** Whether there has to be an array; without it a body without any text is an empty one. */
  readonly required?: boolean;
  /** Longest body. */
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

/**
 * The elements of a JSON array (DICOM JSON, PS3.18 F.2.1.1: one object for each instance) as they arrive, each parsed by
 * itself: neither the whole text nor a long parse ever exists, however many instances a study has.
 * @param take is given those that a chunk completes, in parts
 * @throws MalformedMetadata when the body is not one complete JSON array; its text holds nothing of the body
 * @throws ResponseTooLarge as soon as the body is longer than it may be
 * @throws the signal's reason; what `take` throws
 */
export async function parseMetadata<T>(
  chunks: AsyncIterable<Uint8Array>,
  parser: ElementParser<T>,
  take: TakePart<T>,
  { required = false, maxBytes, signal }: MetadataOptions,
): Promise<void> {
  const reader = new ArrayReader(parser);
  const count = byteLimit(maxBytes);
  const inTurn = pieceByPiece(signal);
  const takeAny = (part: readonly T[]): void => {
    if (part.length > 0) take(part);
  };
  for await (const chunk of chunks) {
    count(chunk);
    const others = inTurn(() => {
      takeAny(reader.push(asBuffer(chunk)));
    });
    if (others !== undefined) await others;
  }
  takeAny(reader.end(required));
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
  /** The end of the last chunk, where the next element seems to be cut in two: nobody has looked at it. */
  #untouched: Buffer = NOTHING;
  /** Of the element that the parser found the end of last. */
  #lastLength = 0;

  constructor(parser: ElementParser<T>) {
    this.#parser = parser;
  }

  /** @returns the elements that this chunk completes */
  push(chunk: Buffer): readonly T[] {
    const elements: T[] = [];
    const start = this.#acrossChunks(chunk, elements);
    const end = this.#read(chunk, start, elements, (index) => chunk.length - index < this.#lastLength);
    this.#untouched = chunk.subarray(end);
    return elements;
  }

  /**
   * Of one that is cut, neither is the beginning read in vain nor every byte looked at twice.
   * @returns the index in this chunk after what it shares with the one before, as far as that was read
   */
  #acrossChunks(chunk: Buffer, elements: T[]): number {
    const begun = this.#untouched;
    if (begun.length === 0) return 0;
    const joined = Buffer.concat([begun, chunk.subarray(0, this.#lastLength)]);
    const end = this.#wholeElement(joined, 0, elements) ?? 0;
    if (end >= begun.length) return end - begun.length;
    this.#read(begun, end, elements, () => false);
    return 0;
  }

  /**
   * @param seemsCut tells of an element that begins at an index whether the chunk ends within it, as far as its length can be guessed
   * @returns the index of such an element, which nobody has looked at; otherwise that after the chunk
   */
  #read(chunk: Buffer, from: number, elements: T[], seemsCut: (index: number) => boolean): number {
    let index = from;
    while (index < chunk.length) {
      if (this.#place !== 'inside') this.#outside(chunk[index++] ?? 0);
      else if (this.#pending.length > 0) index = this.#inside(chunk, index, elements);
      else if (isBlank(chunk[index])) index++;
      else if (seemsCut(index)) return index;
      else index = this.#wholeElement(chunk, index, elements) ?? this.#inside(chunk, index, elements);
    }
    return index;
  }

  /** @returns the index after the element that begins here; undefined where it has to be cut out first */
  #wholeElement(chunk: Buffer, index: number, elements: T[]): number | undefined {
    const parsed = this.#parser.parseAt?.(chunk, index);
    if (parsed === undefined) return undefined;
    elements.push(parsed.value);
    this.#elementsSeen++;
    this.#place = 'behind';
    this.#lastLength = parsed.end - index;
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

  /** @returns the elements that were still waiting for more. @throws MalformedMetadata when the array is not complete, or required and missing */
  end(required: boolean): readonly T[] {
    const elements: T[] = [];
    this.#acrossChunks(NOTHING, elements);
    if (required && this.#place === 'before') throw new MalformedMetadata('the body is empty');
    if (this.#place === 'inside' || this.#place === 'behind')
      throw new MalformedMetadata('the array ends before it is complete');
    return elements;
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

const NOTHING = Buffer.alloc(0);
