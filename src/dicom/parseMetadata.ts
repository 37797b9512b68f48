import { MalformedMetadata } from './errors';
import { similarObjects } from './similarObjects';

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/**
 * The elements of a JSON array (DICOM JSON, PS3.18 F.2.1.1: one object for each instance) as they arrive, each parsed by
 * itself: neither the whole text nor a long parse ever exists, however many instances a study has. Given in parts, those
 * that a chunk completes.
 * @param options.required whether there has to be an array; without it a body without any text is an empty one
 * @throws MalformedMetadata when the body is not one complete JSON array; its text holds nothing of the body
 */
export async function* parseMetadata(
  chunks: AsyncIterable<Uint8Array>,
  { required = false }: { readonly required?: boolean } = {},
): AsyncGenerator<readonly unknown[]> {
  const reader = new ArrayReader();
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
 * Reads the elements of a JSON array. Most are objects much like the one before that stand in one chunk: the parser of such finds their end
 * by itself. The bytes of all others are cut out first, looking at brackets, commas and strings only, all of which are single bytes in
 * UTF-8; whether an element is JSON is for the parser.
 */
class ArrayReader {
  readonly #objects = similarObjects();
  #elementsSeen = 0;
  #place: 'before' | 'inside' | 'after' = 'before';
  #depth = 0;
  #inString = false;
  #escaped = false;
  /** Earlier parts of the element that is not complete yet. */
  #pending: Buffer[] = [];

  /** @returns the elements that this chunk completes */
  push(chunk: Buffer): readonly unknown[] {
    const elements: unknown[] = [];
    let index = 0;
    while (index < chunk.length) {
      if (this.#place !== 'inside') this.#outside(chunk[index++] ?? 0);
      else index = this.#wholeElement(chunk, index, elements) ?? this.#inside(chunk, index, elements);
    }
    return elements;
  }

  /** @returns the index after the element that begins here and the comma or bracket behind it; undefined where it has to be cut out first */
  #wholeElement(chunk: Buffer, index: number, elements: unknown[]): number | undefined {
    if (this.#pending.length > 0) return undefined;
    const read = this.#objects.readAt(chunk, index);
    const behind = read === undefined ? undefined : chunk[read.end];
    if (read === undefined || (behind !== COMMA && behind !== CLOSE_BRACKET)) return undefined;
    elements.push(read.value);
    this.#elementsSeen++;
    if (behind === CLOSE_BRACKET) this.#place = 'after';
    return read.end + 1;
  }

  /**
   * To the end of one element, byte by byte: what changes with each byte is kept in local variables.
   * @returns the index after the comma or bracket behind the element, or the end of the chunk
   */
  #inside(chunk: Buffer, from: number, elements: unknown[]): number {
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
    if (this.#place === 'inside') throw new MalformedMetadata('the array ends before it is complete');
  }

  /** Before and after the array there is white space only, or a byte order mark at the start. */
  #outside(byte: number): void {
    if (isBlank(byte)) return;
    if (this.#place === 'after') throw new MalformedMetadata('something follows the array');
    if (byte === OPEN_BRACKET) this.#place = 'inside';
    else if (byte !== 0xef && byte !== 0xbb && byte !== 0xbf) throw new MalformedMetadata('expected a JSON array');
  }

  #complete(lastPart: Buffer, last: boolean, elements: unknown[]): void {
    const bytes = this.#pending.length === 0 ? lastPart : Buffer.concat([...this.#pending, lastPart]);
    this.#pending = [];
    if (last) this.#place = 'after';
    if (last && this.#elementsSeen === 0 && bytes.every(isBlank)) return;
    elements.push(this.#parse(bytes, ++this.#elementsSeen));
  }

  #parse(bytes: Buffer, position: number): unknown {
    if (bytes.every(isBlank)) throw new MalformedMetadata(`element ${position} of the array is missing`);
    try {
      return this.#objects.parse(bytes);
    } catch {
      throw new MalformedMetadata(`element ${position} of the array is not JSON`);
    }
  }
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
