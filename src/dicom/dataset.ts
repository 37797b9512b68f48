import { attributeOfKeyword, attributeOfTag, type AttributeDefinition } from './attributes';
import { note, type DataIssue } from './dataIssue';

/** One data element as DICOM JSON states it: `values` is what `Value` holds, still raw. */
export interface DicomElement {
  readonly vr: string;
  readonly values: readonly unknown[];
}

/** An element with its tag, in upper case. */
export interface TaggedElement {
  readonly tag: string;
  readonly element: DicomElement;
}

/** A data set in canonical form: keys are tags of eight upper-case hexadecimal digits. */
export interface DicomDataset {
  readonly elements: ReadonlyMap<string, DicomElement>;
  readonly issues: readonly DataIssue[];
}

/** What was given as a data set is no JSON object. */
export class MalformedDataset extends Error {
  readonly code = 'MalformedDataset';
  override readonly name = 'MalformedDataset';

  constructor() {
    super('A DICOM JSON data set must be an object');
  }
}

/**
 * Reads a data set in the DICOM JSON model (PS3.18 F.2) and forgives what services get wrong: tags in lower case,
 * keywords instead of tags, a missing VR, a value that is not wrapped in an array. Forgiven forms are noted for
 * attributes that this project reads; elements that cannot be read at all count as empty.
 *
 * @throws MalformedDataset only if `json` is no object
 */
export function readDataset(json: unknown): DicomDataset {
  if (!isObject(json)) throw new MalformedDataset();
  const elements = new Map<string, DicomElement>();
  const issues: DataIssue[] = [];
  for (const key of Object.keys(json)) {
    const attribute = attributeOf(key);
    if (attribute === undefined || (elements.get(attribute.tag)?.values.length ?? 0) > 0) continue;
    elements.set(attribute.tag, readElement(attribute, json[key], issues));
  }
  return { elements, issues: issues.length === 0 ? NONE : issues };
}

/**
 * One element of a data set by itself.
 * @param tag eight hexadecimal digits
 * @param issues are added to
 */
export function readTagged(tag: string, content: unknown, issues: DataIssue[]): TaggedElement {
  const attribute = attributeWithTag(tag);
  return { tag: attribute.tag, element: readElement(attribute, content, issues) };
}

const NONE: readonly never[] = [];

/** All elements of a data set, in their order. */
export function taggedElements(elements: DicomDataset['elements']): readonly TaggedElement[] {
  const tagged: TaggedElement[] = [];
  elements.forEach((element, tag) => tagged.push({ tag, element }));
  return tagged;
}

/** @returns the raw values of an attribute; none when it is absent */
export function rawValues(dataset: DicomDataset, attribute: AttributeDefinition): readonly unknown[] {
  return dataset.elements.get(attribute.tag)?.values ?? NONE;
}

/** @returns whether a value is a JSON object (and not an array or null) */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function attributeOf(key: string): AttributeDefinition | undefined {
  const known = attributeOfTag(key) ?? attributeOfKeyword(key);
  if (known !== undefined) return known;
  return isTag(key) ? attributeWithTag(key) : undefined;
}

function attributeWithTag(text: string): AttributeDefinition {
  const tag = text.toUpperCase();
  return attributeOfTag(tag) ?? { keyword: '', tag, vr: 'UN' };
}

/** Eight hexadecimal digits. Character by character: every element of every instance is asked. */
function isTag(key: string): boolean {
  if (key.length !== 8) return false;
  for (let index = 0; index < 8; index++) {
    const code = key.charCodeAt(index);
    const isDigit = code >= 0x30 && code <= 0x39;
    const letter = code & ~0x20;
    if (!isDigit && (letter < 0x41 || letter > 0x46)) return false;
  }
  return true;
}

/** Two capital letters (PS3.5 6.2). */
function isValueRepresentation(vr: unknown): vr is string {
  if (typeof vr !== 'string' || vr.length !== 2) return false;
  const [first, second] = [vr.charCodeAt(0), vr.charCodeAt(1)];
  return first >= 0x41 && first <= 0x5a && second >= 0x41 && second <= 0x5a;
}

function readElement(attribute: AttributeDefinition, content: unknown, issues: DataIssue[]): DicomElement {
  const remark = (problem: string): void => {
    if (attribute.keyword !== '') issues.push(note(attribute, problem));
  };
  if (!isObject(content)) {
    if (content === null || content === undefined) return { vr: attribute.vr, values: NONE };
    remark('expected an element with vr and Value');
    return { vr: attribute.vr, values: asArray(content) };
  }
  const { vr, Value: values } = content;
  if (values !== undefined && values !== null && !Array.isArray(values)) remark('expected an array of values');
  if (isValueRepresentation(vr)) return { vr, values: asArray(values) };
  remark('expected a value representation');
  return { vr: attribute.vr, values: asArray(values) };
}

function asArray(values: unknown): readonly unknown[] {
  if (Array.isArray(values)) return values;
  return values === undefined || values === null ? [] : [values];
}
