import { Attribute, type AttributeDefinition } from './attributes';
import { invalid, type DataIssue } from './dataIssue';
import { isObject, rawValues, readDataset, type DicomDataset } from './dataset';
import { textValue } from './text';
import { uidValue } from './uid';

/** One item of a code sequence (PS3.3 table 8.8-1). An item without any code still carries its meaning. */
export interface CodeItem {
  readonly code?: string;
  /** Which attribute the code came from: a URN is its own coding system. */
  readonly form?: 'short' | 'long' | 'urn';
  readonly scheme?: string;
  readonly schemeVersion?: string;
  readonly meaning?: string;
  /** UID of the scheme, from the Coding Scheme Identification Sequence of the whole object. */
  readonly schemeUid?: string;
}

/** @returns the items of a sequence; what is no item is left out (see `sequenceIssues`) */
export function sequenceItems(dataset: DicomDataset, attribute: AttributeDefinition): readonly DicomDataset[] {
  const values = rawValues(dataset, attribute);
  if (values.length === 0) return NO_ITEMS;
  const known = itemsRead.get(values);
  if (known !== undefined) return known;
  const items = values.filter(isObject).map(readDataset);
  itemsRead.set(values, items);
  return items;
}

const NO_ITEMS: readonly DicomDataset[] = [];

/** Several readers ask for the same sequence, and studies that follow each other can share its element (similarDatasets.ts). */
const itemsRead = new WeakMap<readonly unknown[], readonly DicomDataset[]>();

/** @returns an issue when a sequence holds something that is no item */
export function sequenceIssues(dataset: DicomDataset, attribute: AttributeDefinition): readonly DataIssue[] {
  const stray = rawValues(dataset, attribute).some((raw) => raw !== null && raw !== '' && !isObject(raw));
  return stray ? [invalid(attribute, 'expected sequence items')] : [];
}

/**
 * @param schemesOf the whole object, where `dataset` is an item within it: its Coding Scheme Identification Sequence
 *   (0008,0110) names the UIDs of private schemes
 * @returns the codes of a sequence; items with neither code nor meaning are left out
 */
export function codeItems(
  dataset: DicomDataset,
  attribute: AttributeDefinition,
  schemesOf: DicomDataset = dataset,
): readonly CodeItem[] {
  const items = sequenceItems(dataset, attribute);
  if (items.length === 0) return [];
  const schemeUids = codingSchemeUids(schemesOf);
  return items
    .map((item) => codeItem(item, schemeUids))
    .filter((item) => item.code !== undefined || item.meaning !== undefined);
}

/** @returns the first code of a sequence */
export function codeItemOf(
  dataset: DicomDataset,
  attribute: AttributeDefinition,
  schemesOf: DicomDataset = dataset,
): CodeItem | undefined {
  return codeItems(dataset, attribute, schemesOf)[0];
}

function codeItem(item: DicomDataset, schemeUids: ReadonlyMap<string, string>): CodeItem {
  const scheme = textValue(item, Attribute.CodingSchemeDesignator).value;
  const schemeVersion = textValue(item, Attribute.CodingSchemeVersion).value;
  const meaning = textValue(item, Attribute.CodeMeaning).value;
  const schemeUid = uidValue(item, Attribute.CodingSchemeUID).value ?? schemeUids.get(scheme ?? '');
  return {
    ...codeOf(item),
    ...(scheme === undefined ? {} : { scheme }),
    ...(schemeVersion === undefined ? {} : { schemeVersion }),
    ...(meaning === undefined ? {} : { meaning }),
    ...(schemeUid === undefined ? {} : { schemeUid }),
  };
}

function codeOf(item: DicomDataset): Pick<CodeItem, 'code' | 'form'> {
  const short = textValue(item, Attribute.CodeValue).value;
  if (short !== undefined) return { code: short, form: 'short' };
  const long = textValue(item, Attribute.LongCodeValue).value;
  if (long !== undefined) return { code: long, form: 'long' };
  const urn = textValue(item, Attribute.URNCodeValue).value;
  return urn === undefined ? {} : { code: urn, form: 'urn' };
}

function codingSchemeUids(dataset: DicomDataset): ReadonlyMap<string, string> {
  const uids = new Map<string, string>();
  for (const item of sequenceItems(dataset, Attribute.CodingSchemeIdentificationSequence)) {
    const scheme = textValue(item, Attribute.CodingSchemeDesignator).value;
    const uid = uidValue(item, Attribute.CodingSchemeUID).value;
    if (scheme !== undefined && uid !== undefined) uids.set(scheme, uid);
  }
  return uids;
}
