import { inflateRawSync } from 'node:zlib';
import { type ByteSource, memoryBytes } from './byteSource';
import { textDecoding } from './characterSets';
import { dictionaryVr } from './dataDictionary';
import { type DicomJson, type DicomJsonElement, Tag } from './dicomJson';
import { elementOf, type ValueContext } from './elementValues';

/** Bytes that are no DICOM file, or a broken one. The message names tags, never values. */
export class UnreadableDicom extends Error {
  readonly code = 'UnreadableDicom';
  override readonly name = 'UnreadableDicom';
}

interface Encoding {
  readonly explicit: boolean;
  readonly littleEndian: boolean;
}

interface ElementHeader {
  readonly tag: string;
  /** undefined: the file states none. */
  readonly statedVr: string | undefined;
  /** undefined: the length is not stated, a delimiter ends the value. */
  readonly lengthBytes: number | undefined;
  readonly valueStart: number;
}

/** What an item inherits from the data set around it. */
interface DatasetContext extends ValueContext {
  readonly signedPixels: boolean;
}

interface ReadDataset {
  readonly dataset: DicomJson;
  readonly end: number;
}

const IMPLICIT_LITTLE: Encoding = { explicit: false, littleEndian: true };
const EXPLICIT_LITTLE: Encoding = { explicit: true, littleEndian: true };
const SYNTAX = {
  implicitLittle: '1.2.840.10008.1.2',
  explicitBig: '1.2.840.10008.1.2.2',
  deflated: '1.2.840.10008.1.2.1.99',
} as const;

/** VRs with a length of four bytes (PS3.5 7.1.2). */
const LONG_LENGTH_VRS: ReadonlySet<string> = new Set('OB OD OF OL OV OW SQ SV UC UN UR UT UV'.split(' '));
const BULK_VRS: ReadonlySet<string> = new Set('OB OD OF OL OV OW UN'.split(' '));
const UNDEFINED_LENGTH = 0xffffffff;
const PREAMBLE_BYTES = 128;
const TRANSFER_SYNTAX_UID = '00020010';
const SPECIFIC_CHARACTER_SET = '00080005';
const PIXEL_REPRESENTATION = '00280103';
const PIXEL_DATA = '7FE00010';
const ITEM = 'FFFEE000';
const ITEM_END = 'FFFEE00D';
const SEQUENCE_END = 'FFFEE0DD';

/**
 * Reads a DICOM file (PS3.10), with or without preamble and file meta information, up to its pixel data, into the DICOM
 * JSON model. Bulk data (OB OD OF OL OV OW UN) is skipped.
 *
 * @throws {UnreadableDicom} when it is no DICOM file or ends within an element
 */
export function readPart10(content: Uint8Array | ByteSource): DicomJson {
  const source = content instanceof Uint8Array ? memoryBytes(content) : content;
  try {
    const start = startOf(source);
    const { encoding, dataStart, deflated } = readFileMeta(source, start);
    const body = deflated ? memoryBytes(inflate(source, dataStart)) : source;
    const reader = new DatasetReader(body);
    const { dataset } = reader.read(deflated ? 0 : dataStart, body.sizeBytes, encoding, undefined);
    if (dataset[Tag.SOPInstanceUID] === undefined && start === 0) throw new UnreadableDicom('it is not a DICOM file');
    return dataset;
  } catch (error) {
    if (error instanceof RangeError) throw new UnreadableDicom('it ends within an element', { cause: error });
    throw error;
  }
}

/** @returns where the first element is. @throws {UnreadableDicom} when nothing looks like DICOM */
function startOf(source: ByteSource): number {
  const hasPreamble =
    source.sizeBytes >= PREAMBLE_BYTES + 4 && source.bytes(PREAMBLE_BYTES, 4).toString('latin1') === 'DICM';
  if (hasPreamble) return PREAMBLE_BYTES + 4;
  const group = source.sizeBytes < 8 ? 0 : source.bytes(0, 2).readUInt16LE(0);
  if (group === 0x0002 || group === 0x0008 || group === 0x0800) return 0;
  throw new UnreadableDicom('it is not a DICOM file');
}

function readFileMeta(
  source: ByteSource,
  start: number,
): { readonly encoding: Encoding; readonly dataStart: number; readonly deflated: boolean } {
  let position = start;
  let syntax: string | undefined;
  while (position + 8 <= source.sizeBytes && source.bytes(position, 2).readUInt16LE(0) === 0x0002) {
    const { tag, lengthBytes, valueStart } = readHeader(source, position, EXPLICIT_LITTLE);
    if (lengthBytes === undefined) throw new UnreadableDicom('its file meta information is broken');
    if (tag === TRANSFER_SYNTAX_UID) {
      syntax = source
        .bytes(valueStart, lengthBytes)
        .toString('latin1')
        .replace(/[\0 ]+$/, '');
    }
    position = valueStart + lengthBytes;
  }
  return { encoding: encodingOf(syntax, source, position), dataStart: position, deflated: syntax === SYNTAX.deflated };
}

/** Without a transfer syntax the first element tells: its group is 0008, and a VR follows its tag or does not. */
function encodingOf(syntax: string | undefined, source: ByteSource, position: number): Encoding {
  switch (syntax) {
    case SYNTAX.implicitLittle:
      return IMPLICIT_LITTLE;
    case SYNTAX.explicitBig:
      return { explicit: true, littleEndian: false };
    case undefined: {
      if (position + 8 > source.sizeBytes) return EXPLICIT_LITTLE;
      const head = source.bytes(position, 8);
      return { explicit: isVr(head.toString('latin1', 4, 6)), littleEndian: head.readUInt16LE(0) <= 0x00ff };
    }
    default:
      return EXPLICIT_LITTLE;
  }
}

function inflate(source: ByteSource, start: number): Buffer {
  try {
    return inflateRawSync(source.bytes(start, source.sizeBytes - start));
  } catch (error) {
    throw new UnreadableDicom('its deflated data set is broken', { cause: error });
  }
}

function readHeader(source: ByteSource, position: number, { explicit, littleEndian }: Encoding): ElementHeader {
  const head = source.bytes(position, 8);
  const word = (at: number): number => (littleEndian ? head.readUInt16LE(at) : head.readUInt16BE(at));
  const tag = hexWord(word(0)) + hexWord(word(2));
  const vr = head.toString('latin1', 4, 6);
  // Item and delimiter tags have no VR; some writers leave single elements without one.
  if (!explicit || tag.startsWith('FFFE') || !isVr(vr)) {
    const lengthBytes = littleEndian ? head.readUInt32LE(4) : head.readUInt32BE(4);
    return { tag, statedVr: undefined, lengthBytes: stated(lengthBytes), valueStart: position + 8 };
  }
  if (!LONG_LENGTH_VRS.has(vr)) {
    return { tag, statedVr: vr, lengthBytes: word(6), valueStart: position + 8 };
  }
  const length = source.bytes(position + 8, 4);
  const lengthBytes = littleEndian ? length.readUInt32LE(0) : length.readUInt32BE(0);
  return { tag, statedVr: vr, lengthBytes: stated(lengthBytes), valueStart: position + 12 };
}

class DatasetReader {
  constructor(private readonly source: ByteSource) {}

  /** Reads elements up to `limit`, a delimiter or the pixel data; an icon in an item has pixel data of its own. */
  read(start: number, limit: number, encoding: Encoding, inherited: DatasetContext | undefined): ReadDataset {
    const elements: Record<string, DicomJsonElement> = {};
    let context = inherited ?? {
      littleEndian: encoding.littleEndian,
      decodeText: textDecoding([]),
      signedPixels: false,
    };
    let position = start;
    while (position + 8 <= limit) {
      const header = readHeader(this.source, position, encoding);
      if (header.tag === ITEM_END || header.tag === SEQUENCE_END) return { dataset: elements, end: header.valueStart };
      if (header.tag === PIXEL_DATA && inherited === undefined) return { dataset: elements, end: limit };
      const vr = vrOf(header, context.signedPixels);
      const { element, end } = this.readElement(header, vr, limit, encoding, context);
      if (element !== undefined) elements[header.tag] = element;
      if (header.tag === SPECIFIC_CHARACTER_SET) {
        context = {
          ...context,
          decodeText: textDecoding((element?.Value ?? []).map((term) => (typeof term === 'string' ? term : ''))),
        };
      }
      if (header.tag === PIXEL_REPRESENTATION) context = { ...context, signedPixels: element?.Value?.[0] === 1 };
      position = end;
    }
    this.checkPadding(position, limit);
    return { dataset: elements, end: limit };
  }

  /** Fewer bytes than a header has: padding, or an element that is cut off. */
  private checkPadding(position: number, limit: number): void {
    if (this.source.bytes(position, limit - position).some((byte) => byte !== 0)) {
      throw new UnreadableDicom('it ends within an element');
    }
  }

  private readElement(
    { tag, statedVr, lengthBytes, valueStart }: ElementHeader,
    vr: string,
    limit: number,
    encoding: Encoding,
    context: DatasetContext,
  ): { readonly element: DicomJsonElement | undefined; readonly end: number } {
    if (vr === 'SQ' || (vr === 'UN' && lengthBytes === undefined)) {
      // PS3.5 6.2.2 note 2: what is written as unknown is in implicit little endian; of undefined length it is a sequence.
      const itemEncoding = statedVr === 'UN' ? IMPLICIT_LITTLE : encoding;
      const { items, end } = this.readItems(valueStart, lengthBytes, limit, itemEncoding, context);
      return { element: vr === 'SQ' ? sequenceOf(items) : undefined, end };
    }
    if (lengthBytes === undefined) {
      if (!BULK_VRS.has(vr)) throw new UnreadableDicom(`${punctuated(tag)} has no length`);
      return { element: undefined, end: this.skipFragments(valueStart, encoding) };
    }
    const end = valueStart + lengthBytes;
    if (end > limit) throw new UnreadableDicom(`it ends within ${punctuated(tag)}`);
    if (BULK_VRS.has(vr)) return { element: undefined, end };
    return { element: elementOf(vr, this.source.bytes(valueStart, lengthBytes), context), end };
  }

  private readItems(
    start: number,
    lengthBytes: number | undefined,
    limit: number,
    encoding: Encoding,
    context: DatasetContext,
  ): { readonly items: readonly DicomJson[]; readonly end: number } {
    const sequenceLimit = lengthBytes === undefined ? limit : start + lengthBytes;
    if (sequenceLimit > limit) throw new UnreadableDicom('it ends within a sequence');
    const items: DicomJson[] = [];
    let position = start;
    while (position + 8 <= sequenceLimit) {
      const header = readHeader(this.source, position, encoding);
      if (header.tag === SEQUENCE_END) return { items, end: header.valueStart };
      if (header.tag !== ITEM)
        throw new UnreadableDicom(`a sequence holds ${punctuated(header.tag)} instead of an item`);
      const itemLimit = header.lengthBytes === undefined ? sequenceLimit : header.valueStart + header.lengthBytes;
      if (itemLimit > sequenceLimit) throw new UnreadableDicom('an item is longer than its sequence');
      const { dataset, end } = this.read(header.valueStart, itemLimit, encoding, context);
      items.push(dataset);
      position = header.lengthBytes === undefined ? end : itemLimit;
    }
    return { items, end: sequenceLimit };
  }

  private skipFragments(start: number, encoding: Encoding): number {
    let position = start;
    for (;;) {
      const { tag, lengthBytes, valueStart } = readHeader(this.source, position, encoding);
      if (tag === SEQUENCE_END) return valueStart;
      if (tag !== ITEM || lengthBytes === undefined) throw new UnreadableDicom('its encapsulated data is broken');
      position = valueStart + lengthBytes;
    }
  }
}

/** Where the file states no VR, or UN, the dictionary tells. */
function vrOf({ tag, statedVr }: ElementHeader, signedPixels: boolean): string {
  return statedVr === undefined || statedVr === 'UN' ? dictionaryVr(tag, signedPixels) : statedVr;
}

function sequenceOf(items: readonly DicomJson[]): DicomJsonElement {
  return items.length === 0 ? { vr: 'SQ' } : { vr: 'SQ', Value: items };
}

function isVr(text: string): boolean {
  return /^[A-Z]{2}$/.test(text);
}

function stated(lengthBytes: number): number | undefined {
  return lengthBytes === UNDEFINED_LENGTH ? undefined : lengthBytes;
}

function hexWord(value: number): string {
  return value.toString(16).toUpperCase().padStart(4, '0');
}

function punctuated(tag: string): string {
  return `(${tag.slice(0, 4)},${tag.slice(4)})`;
}
