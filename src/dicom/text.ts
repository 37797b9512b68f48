import type { AttributeDefinition } from './attributes';
import { clean, invalid, note, type DataIssue, type Reading } from './dataIssue';
import { rawValues, type DicomDataset } from './dataset';

/** Value representations whose text may hold line breaks and tabs (PS3.5 table 6.2-1). */
const MULTI_LINE = new Set(['ST', 'LT', 'UT']);

/** Characters that a FHIR string may have (FHIR R4 datatypes: 1 MB). */
const MAX_STRING_LENGTH = 1_048_576;

const BLANK = 0x20;
const LAST_PRINTABLE = 0x7e;

/** Printable ASCII without blanks at its ends, as most text is: there is nothing to take out of it. */
function isClean(text: string): boolean {
  const { length } = text;
  if (length === 0) return true;
  if (text.charCodeAt(0) === BLANK || text.charCodeAt(length - 1) === BLANK) return false;
  for (let index = 0; index < length; index++) {
    const code = text.charCodeAt(index);
    if (code < BLANK || code > LAST_PRINTABLE) return false;
  }
  return true;
}

/** @returns the text without control characters and without blanks at its ends, well-formed; inner blanks are kept */
export function cleanText(text: string, keepLineBreaks = false): string {
  if (isClean(text)) return text;
  const control = keepLineBreaks
    ? /[\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F-\u009F]/g
    : /[\u0000-\u001F\u007F-\u009F]/g;
  return text.replace(control, '').toWellFormed().trim();
}

/**
 * @returns all non-empty values of a text attribute, cleaned; a number is taken as its text and noted, anything else
 *   is an invalid value and left out
 */
export function textValues(dataset: DicomDataset, attribute: AttributeDefinition): Reading<readonly string[]> {
  const values = rawValues(dataset, attribute);
  if (values.length === 0) return NO_TEXTS;
  const issues: DataIssue[] = [];
  const texts = values.map((raw) => textOf(raw, attribute, issues));
  return { value: texts.includes('') ? texts.filter((text) => text !== '') : texts, issues };
}

const NO_TEXTS: Reading<readonly string[]> = clean([]);

/** @returns an empty text for what is empty or no text; what is wrong with it is added to the issues */
function textOf(raw: unknown, attribute: AttributeDefinition, issues: DataIssue[]): string {
  if (raw === null || raw === undefined) return '';
  if (typeof raw === 'string') {
    const text = cleanText(raw, MULTI_LINE.has(attribute.vr));
    if (text.length <= MAX_STRING_LENGTH) return text;
    issues.push(note(attribute, 'text beyond 1 MB is cut off'));
    return text.slice(0, MAX_STRING_LENGTH).trimEnd();
  }
  if (typeof raw === 'number') {
    issues.push(note(attribute, 'expected text, not a number'));
    return String(raw);
  }
  issues.push(invalid(attribute, 'expected text'));
  return '';
}

const ABSENT: Reading<undefined> = clean(undefined);

/** @returns the first non-empty value of a text attribute, or undefined; further values are noted */
export function textValue(dataset: DicomDataset, attribute: AttributeDefinition): Reading<string | undefined> {
  const values = rawValues(dataset, attribute);
  const only = values[0];
  // Nearly all texts that are read, and there are many.
  if (values.length === 0) return ABSENT;
  if (values.length === 1 && typeof only === 'string' && only.length <= MAX_STRING_LENGTH) {
    const text = cleanText(only, MULTI_LINE.has(attribute.vr));
    return text === '' ? ABSENT : clean(text);
  }
  const { value: texts, issues } = textValues(dataset, attribute);
  if (texts.length <= 1) return { value: texts[0], issues };
  return { value: texts[0], issues: [...issues, note(attribute, 'expected one value, only the first is used')] };
}
