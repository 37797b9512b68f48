import type { DicomJson } from './dicomJson';

/** Reads a DICOM file. */
export function readPart10(_bytes: Uint8Array): DicomJson {
  throw new Error('Part 10 files are not read yet');
}
