import type { TextDecoding } from './characterSets';
import type { DicomJsonElement } from './dicomJson';

export interface ValueContext {
  readonly littleEndian: boolean;
  readonly decodeText: TextDecoding;
}

/** VRs whose text the character set governs (PS3.5 6.1.2.3). */
const ENCODED_TEXT: ReadonlySet<string> = new Set(['LO', 'LT', 'PN', 'SH', 'ST', 'UC', 'UT']);
/** VRs that hold one value whatever is in it. */
const SINGLE_TEXT: ReadonlySet<string> = new Set(['LT', 'ST', 'UT', 'UR']);
const PERSON_NAME_GROUPS = ['Alphabetic', 'Ideographic', 'Phonetic'] as const;
const INTEGER_TEXT = /^[+-]?\d+$/;
const DECIMAL_TEXT = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

interface BinaryReader {
  readonly sizeBytes: number;
  readonly read: (bytes: Buffer, offset: number, littleEndian: boolean) => unknown;
}

const BINARY: Readonly<Record<string, BinaryReader>> = {
  US: { sizeBytes: 2, read: (bytes, at, little) => (little ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at)) },
  SS: { sizeBytes: 2, read: (bytes, at, little) => (little ? bytes.readInt16LE(at) : bytes.readInt16BE(at)) },
  UL: { sizeBytes: 4, read: (bytes, at, little) => (little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at)) },
  SL: { sizeBytes: 4, read: (bytes, at, little) => (little ? bytes.readInt32LE(at) : bytes.readInt32BE(at)) },
  FL: { sizeBytes: 4, read: (bytes, at, little) => finite(little ? bytes.readFloatLE(at) : bytes.readFloatBE(at)) },
  FD: { sizeBytes: 8, read: (bytes, at, little) => finite(little ? bytes.readDoubleLE(at) : bytes.readDoubleBE(at)) },
  UV: {
    sizeBytes: 8,
    read: (bytes, at, little) => safe(little ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at)),
  },
  SV: { sizeBytes: 8, read: (bytes, at, little) => safe(little ? bytes.readBigInt64LE(at) : bytes.readBigInt64BE(at)) },
  AT: {
    sizeBytes: 4,
    read: (bytes, at, little) =>
      [at, at + 2].map((word) => hexWord(little ? bytes.readUInt16LE(word) : bytes.readUInt16BE(word))).join(''),
  },
};

/** @returns the element in the DICOM JSON model (PS3.18 F.2.2 to F.2.5); without `Value` when there is nothing in it */
export function elementOf(vr: string, bytes: Buffer, context: ValueContext): DicomJsonElement {
  const values = BINARY[vr] === undefined ? textValues(vr, bytes, context) : binaryValues(BINARY[vr], bytes, context);
  return values.every((value) => value === null) ? { vr } : { vr, Value: values };
}

function binaryValues({ sizeBytes, read }: BinaryReader, bytes: Buffer, { littleEndian }: ValueContext): unknown[] {
  const count = Math.floor(bytes.length / sizeBytes);
  return Array.from({ length: count }, (_value, index) => read(bytes, index * sizeBytes, littleEndian));
}

function textValues(vr: string, bytes: Buffer, { decodeText }: ValueContext): readonly unknown[] {
  const text = ENCODED_TEXT.has(vr) ? decodeText(bytes) : bytes.toString('latin1');
  const unpadded = text.replace(/[\0 ]+$/, '');
  const values = SINGLE_TEXT.has(vr) ? [unpadded] : unpadded.split('\\');
  return values.map((value) => (value === '' ? null : valueOf(vr, value)));
}

function valueOf(vr: string, text: string): unknown {
  switch (vr) {
    case 'PN':
      return personName(text);
    case 'IS':
      return numberOr(text, INTEGER_TEXT);
    case 'DS':
      return numberOr(text, DECIMAL_TEXT);
    default:
      return text;
  }
}

function personName(text: string): Record<string, string> | null {
  const groups = text.split('=', PERSON_NAME_GROUPS.length);
  const named = PERSON_NAME_GROUPS.map((name, index) => [name, groups[index]?.trimEnd() ?? ''] as const);
  const present = named.filter(([, group]) => group !== '');
  return present.length === 0 ? null : Object.fromEntries(present);
}

/** A number where the text is one, else the text as it is. */
function numberOr(text: string, pattern: RegExp): number | string {
  const trimmed = text.replaceAll('\0', '').trim();
  const value = pattern.test(trimmed) ? Number(trimmed) : Number.NaN;
  return Number.isFinite(value) ? value : text;
}

/** JSON has no NaN and no infinity: they become text. */
function finite(value: number): number | string {
  return Number.isFinite(value) ? value : String(value);
}

function safe(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
}

function hexWord(value: number): string {
  return value.toString(16).toUpperCase().padStart(4, '0');
}
