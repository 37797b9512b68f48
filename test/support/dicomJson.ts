import { attributeOfKeyword, attributeOfTag } from '../../src/dicom/attributes';
import { readDataset, type DicomDataset } from '../../src/dicom/dataset';

/**
 * Writes DICOM JSON (PS3.18 F.2) from keywords. An array is the element's `Value`, anything else its only value.
 */
export function dicomJson(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(values).map(([keyword, value]) => {
      const attribute = attributeOfKeyword(keyword);
      if (attribute === undefined) throw new Error(`${keyword} is no attribute that the project reads`);
      return [attribute.tag, { vr: attribute.vr, Value: Array.isArray(value) ? value : [value] }];
    }),
  );
}

/** The same, read. */
export function dataset(values: Readonly<Record<string, unknown>>): DicomDataset {
  return readDataset(dicomJson(values));
}

/** Of a data set what this project reads: its other elements may be there or not. */
export function whatIsRead({ elements, issues }: DicomDataset): DicomDataset {
  return { elements: new Map([...elements].filter(([tag]) => attributeOfTag(tag) !== undefined)), issues };
}

/** One item of a code sequence. */
export function code(value: string, scheme: string, meaning: string): Record<string, unknown> {
  return dicomJson({ CodeValue: value, CodingSchemeDesignator: scheme, CodeMeaning: meaning });
}
