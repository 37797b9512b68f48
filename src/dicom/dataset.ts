import { attributeOfKeyword, attributeOfTag, type AttributeDefinition } from './attributes';
import { note, type DataIssue } from './dataIssue';

/** One data element as DICOM JSON states it: `values` is what `Value` holds, still raw. */
export interface DicomElement {
  readonly vr: string;
  readonly values: readonly unknown[];
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
  for (const [key, content] of Object.entries(json)) {
    const attribute = attributeOf(key);
    if (attribute === undefined || (elements.get(attribute.tag)?.values.length ?? 0) > 0) continue;
    const known = attribute.keyword === '' ? undefined : attribute;
    elements.set(
      attribute.tag,
      readElement(attribute, content, (problem) => {
        if (known !== undefined) issues.push(note(known, problem));
      }),
    );
  }
  return { elements, issues };
}

/** @returns the raw values of an attribute; none when it is absent */
export function rawValues(dataset: DicomDataset, attribute: AttributeDefinition): readonly unknown[] {
  return dataset.elements.get(attribute.tag)?.values ?? [];
}

/** @returns whether a value is a JSON object (and not an array or null) */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function attributeOf(key: string): AttributeDefinition | undefined {
  const byKeyword = attributeOfKeyword(key);
  if (byKeyword !== undefined) return byKeyword;
  if (!/^[0-9A-Fa-f]{8}$/.test(key)) return undefined;
  const tag = key.toUpperCase();
  return attributeOfTag(tag) ?? { keyword: '', tag, vr: 'UN' };
}

function readElement(
  attribute: AttributeDefinition,
  content: unknown,
  remark: (problem: string) => void,
): DicomElement {
  if (!isObject(content)) {
    if (content === null || content === undefined) return { vr: attribute.vr, values: [] };
    remark('expected an element with vr and Value');
    return { vr: attribute.vr, values: asArray(content) };
  }
  const { vr, Value: values } = content;
  if (values !== undefined && values !== null && !Array.isArray(values)) remark('expected an array of values');
  if (typeof vr === 'string' && /^[A-Z]{2}$/.test(vr)) return { vr, values: asArray(values) };
  remark('expected a value representation');
  return { vr: attribute.vr, values: asArray(values) };
}

function asArray(values: unknown): readonly unknown[] {
  if (Array.isArray(values)) return values;
  return values === undefined || values === null ? [] : [values];
}
