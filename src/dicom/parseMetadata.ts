import { MalformedMetadata } from './errors';

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/**
 * The elements of a JSON array (DICOM JSON, PS3.18 F.2.1.1: one object for each instance) as they arrive, each parsed by
 * itself: neither the whole text nor a long parse ever exists, however many instances a study has.
 * A body without any text is an empty array.
 * @throws MalformedMetadata when the body is not one complete JSON array; its text holds nothing of the body
 */
export async function* parseMetadata(chunks: AsyncIterable<Uint8Array>): AsyncGenerator {
  const splitter = new ArraySplitter();
  for await (const chunk of chunks) {
    for (const element of splitter.push(asBuffer(chunk))) yield parseElement(element, splitter.elementsSeen);
  }
  splitter.end();
}

function parseElement(text: string, position: number): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new MalformedMetadata(`element ${position} of the array is not JSON`);
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * Cuts the bytes of a JSON array into the texts of its elements. It looks at brackets, commas and strings only, all of
 * which are single bytes in UTF-8; whether an element is JSON is for the parser.
 */
class ArraySplitter {
  elementsSeen = 0;
  #place: 'before' | 'inside' | 'after' = 'before';
  #depth = 0;
  #inString = false;
  #escaped = false;
  #commaSeen = false;
  /** Earlier parts of the element that is not complete yet. */
  #pending: Buffer[] = [];

  /** @returns the elements that this chunk completes, lazily: take them all before the next chunk */
  *push(chunk: Buffer): Generator<string> {
    let start = 0;
    for (let index = 0; index < chunk.length; index++) {
      if (this.#inString) {
        index = this.#skipString(chunk, index);
        continue;
      }
      const byte = chunk[index] ?? 0;
      if (this.#place !== 'inside') {
        this.#outside(byte);
        start = index + 1;
      } else if (byte === QUOTE) {
        this.#inString = true;
      } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        this.#depth++;
      } else if (this.#depth > 0) {
        if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) this.#depth--;
      } else if (byte === COMMA || byte === CLOSE_BRACKET) {
        const element = this.#element(chunk.subarray(start, index), byte === CLOSE_BRACKET);
        start = index + 1;
        if (byte === CLOSE_BRACKET) this.#place = 'after';
        if (element !== undefined) yield element;
      }
    }
    if (this.#place === 'inside' && start < chunk.length) this.#pending.push(chunk.subarray(start));
  }

  /** @throws MalformedMetadata when the array is not complete */
  end(): void {
    if (this.#place === 'inside') throw new MalformedMetadata('the array ends before it is complete');
  }

  /** @returns the last index that belongs to the string, as far as the chunk goes */
  #skipString(chunk: Buffer, from: number): number {
    for (let index = from; index < chunk.length; index++) {
      const byte = chunk[index];
      if (this.#escaped) this.#escaped = false;
      else if (byte === BACKSLASH) this.#escaped = true;
      else if (byte === QUOTE) {
        this.#inString = false;
        return index;
      }
    }
    return chunk.length;
  }

  /** Before and after the array there is white space only, or a byte order mark at the start. */
  #outside(byte: number): void {
    if (isBlank(byte)) return;
    if (this.#place === 'after') throw new MalformedMetadata('something follows the array');
    if (byte === OPEN_BRACKET) this.#place = 'inside';
    else if (byte !== 0xef && byte !== 0xbb && byte !== 0xbf) throw new MalformedMetadata('expected a JSON array');
  }

  #element(lastPart: Buffer, last: boolean): string | undefined {
    const bytes = this.#pending.length === 0 ? lastPart : Buffer.concat([...this.#pending, lastPart]);
    this.#pending = [];
    const text = bytes.toString('utf8');
    if (text.trim() === '') {
      if (last && !this.#commaSeen) return undefined;
      throw new MalformedMetadata(`element ${this.elementsSeen + 1} of the array is missing`);
    }
    this.#commaSeen = true;
    this.elementsSeen++;
    return text;
  }
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
