import { deflateRawSync } from 'node:zlib';
import { data } from 'dcmjs';
import type { DicomJson } from '../../local/dicom/dicomJson';

export const TransferSyntax = {
  implicitLittle: '1.2.840.10008.1.2',
  explicitLittle: '1.2.840.10008.1.2.1',
  deflated: '1.2.840.10008.1.2.1.99',
  explicitBig: '1.2.840.10008.1.2.2',
  jpegBaseline: '1.2.840.10008.1.2.4.50',
} as const;

const META_END_TAG_BYTES = 128 + 4;

/** A DICOM file that dcmjs makes of DICOM JSON: an independent writer. Text is written as UTF-8. */
export function part10Of(dataset: DicomJson, transferSyntax: string = TransferSyntax.explicitLittle): Buffer {
  const file = new data.DicomDict({ '00020010': { vr: 'UI', Value: [transferSyntax] } });
  file.dict = forDcmjs(dataset);
  const bytes = Buffer.from(file.write({ allowInvalidVRLength: true }));
  if (transferSyntax !== TransferSyntax.deflated) return bytes;
  const dataStart = metaEnd(bytes);
  return Buffer.concat([bytes.subarray(0, dataStart), deflateRawSync(bytes.subarray(dataStart))]);
}

/** dcmjs writes attribute tags (AT) from numbers, and no value only from an empty list. */
function forDcmjs(dataset: DicomJson): DicomJson {
  const converted = Object.entries(dataset).map(([tag, { vr, Value = [] }]) => {
    if (vr === 'AT') return [tag, { vr, Value: Value.map((value) => Number.parseInt(String(value), 16)) }];
    if (vr === 'SQ') return [tag, { vr, Value: Value.map((item) => forDcmjs(item as DicomJson)) }];
    return [tag, { vr, Value }];
  });
  return Object.fromEntries(converted) as DicomJson;
}

/** Where the file meta information ends: its first element (0002,0000) says how long it is. */
export function metaEnd(bytes: Buffer): number {
  return META_END_TAG_BYTES + 12 + bytes.readUInt32LE(META_END_TAG_BYTES + 8);
}

/** One element in explicit VR, byte by byte; `lengthBytes` other than the value's makes a broken or undefined length. */
export function rawElement(
  tag: string,
  vr: string,
  value: Buffer | string,
  { littleEndian = true, lengthBytes }: { readonly littleEndian?: boolean; readonly lengthBytes?: number } = {},
): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'latin1') : value;
  const long = /^(OB|OD|OF|OL|OV|OW|SQ|SV|UC|UN|UR|UT|UV)$/.test(vr);
  const head = Buffer.alloc(long ? 12 : 8);
  const [group, element] = [Number.parseInt(tag.slice(0, 4), 16), Number.parseInt(tag.slice(4), 16)];
  const length = lengthBytes ?? bytes.length;
  head.write(vr, 4, 'latin1');
  if (littleEndian) {
    head.writeUInt16LE(group, 0);
    head.writeUInt16LE(element, 2);
    if (long) head.writeUInt32LE(length, 8);
    else head.writeUInt16LE(length, 6);
  } else {
    head.writeUInt16BE(group, 0);
    head.writeUInt16BE(element, 2);
    if (long) head.writeUInt32BE(length, 8);
    else head.writeUInt16BE(length, 6);
  }
  return Buffer.concat([head, bytes]);
}

/** An item or a delimiter, in little endian: tag and length without a VR. */
export function rawItem(tag: 'FFFEE000' | 'FFFEE00D' | 'FFFEE0DD', value: Buffer, lengthBytes = value.length): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt16LE(0xfffe, 0);
  head.writeUInt16LE(Number.parseInt(tag.slice(4), 16), 2);
  head.writeUInt32LE(lengthBytes, 4);
  return Buffer.concat([head, value]);
}

/** Preamble, transfer syntax and the elements. */
export function rawFile(elements: readonly Buffer[], transferSyntax: string = TransferSyntax.explicitLittle): Buffer {
  const syntax = transferSyntax.length % 2 === 0 ? transferSyntax : `${transferSyntax}\0`;
  return Buffer.concat([Buffer.alloc(128), Buffer.from('DICM'), rawElement('00020010', 'UI', syntax), ...elements]);
}
