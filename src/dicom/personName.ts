import type { AttributeDefinition } from './attributes';
import { invalid, note, type DataIssue, type Reading } from './dataIssue';
import { isObject, rawValues, type DicomDataset } from './dataset';

/** One component group of a person name, in words (PS3.5 6.2.1.2). */
export interface PersonNameGroup {
  readonly representation: 'alphabetic' | 'ideographic' | 'phonetic';
  readonly family?: string;
  readonly given: readonly string[];
  readonly middle: readonly string[];
  readonly prefix: readonly string[];
  readonly suffix: readonly string[];
}

/** A person name; it has at least one group, and each group at least one word. */
export interface PersonName {
  readonly groups: readonly PersonNameGroup[];
}

const REPRESENTATIONS = ['alphabetic', 'ideographic', 'phonetic'] as const;
const JSON_KEYS = ['Alphabetic', 'Ideographic', 'Phonetic'] as const;

/** @returns the first person name that is not empty, or undefined; further names are noted */
export function personNameValue(
  dataset: DicomDataset,
  attribute: AttributeDefinition,
): Reading<PersonName | undefined> {
  const { value: names, issues } = personNameValues(dataset, attribute);
  const further = names.length > 1 ? [note(attribute, 'expected one name, only the first is used')] : [];
  return { value: names[0], issues: [...issues, ...further] };
}

/** @returns all person names that are not empty, whether the service delivers groups (PS3.18 F.2.2) or one string */
export function personNameValues(
  dataset: DicomDataset,
  attribute: AttributeDefinition,
): Reading<readonly PersonName[]> {
  const issues: DataIssue[] = [];
  const names: PersonName[] = [];
  for (const raw of rawValues(dataset, attribute)) {
    if (raw === null || raw === undefined) continue;
    const texts = groupTexts(raw);
    if (texts === undefined) {
      issues.push(invalid(attribute, 'expected a person name'));
      continue;
    }
    const components = texts.map((text) => text.split('^'));
    const groups = components.flatMap((ofGroup, index) => readGroup(ofGroup, REPRESENTATIONS[index]));
    if (components.some(({ length }) => length > 5)) issues.push(note(attribute, 'more than five name components'));
    if (groups.length > 0) names.push({ groups });
  }
  return { value: names, issues };
}

function groupTexts(raw: unknown): readonly string[] | undefined {
  if (typeof raw === 'string') return raw.split('=');
  if (!isObject(raw)) return undefined;
  const texts = JSON_KEYS.map((key) => raw[key] ?? '');
  if (!texts.every((text) => typeof text === 'string')) return undefined;
  const [alphabetic = '', ideographic, phonetic] = texts;
  // a service that does not know groups puts the whole name into the first one
  if (ideographic === '' && phonetic === '') return alphabetic.split('=');
  return texts;
}

function readGroup(
  components: readonly string[],
  representation: PersonNameGroup['representation'] | undefined,
): readonly PersonNameGroup[] {
  if (representation === undefined) return [];
  const [family = '', given = '', middle = '', prefix = '', suffix = '', ...more] = components.map(cleanComponent);
  const group = {
    given: words(given),
    middle: words(middle),
    prefix: words(prefix),
    suffix: [...suffixes(suffix), ...more.filter((component) => component !== '')],
  };
  const further = [group.given, group.middle, group.prefix, group.suffix].flat();
  if (family === '' && further.length === 0) return [];
  return [{ representation, ...(family === '' ? {} : { family }), ...group }];
}

function cleanComponent(component: string): string {
  if (PLAIN.test(component)) return component;
  return component
    .replace(/[\u0000-\u001F\u007F-\u009F]/g, '')
    .replace(/\s+/gu, ' ')
    .trim();
}

function words(component: string): readonly string[] {
  if (component === '') return NO_WORDS;
  return component.split(' ').filter((word) => word !== '');
}

const NO_WORDS: readonly string[] = [];

/** Words of printable ASCII with one blank between them, as most are: nothing has to be taken out. */
const PLAIN = /^(?:[!-~]+(?: [!-~]+)*)?$/;

function suffixes(component: string): readonly string[] {
  if (!component.includes(',')) return words(component);
  return component
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}
