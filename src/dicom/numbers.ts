import type { AttributeDefinition } from './attributes';
import { clean, invalid, note, type Reading } from './dataIssue';
import { rawValues, type DicomDataset } from './dataset';
import { cleanText } from './text';

/** Largest FHIR unsignedInt (FHIR R4 datatypes, 32 bit). */
const MAX_UNSIGNED_INT = 2_147_483_647;

const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const INTEGER = /^[+-]?\d+$/;

/** @returns the first value as a finite number (DS, FD, FL and the like), or undefined */
export function decimalValue(dataset: DicomDataset, attribute: AttributeDefinition): Reading<number | undefined> {
  return numberValue(dataset, attribute, DECIMAL, () => true, 'expected a number');
}

/** @returns the first value as a whole number (IS and the binary integers), or undefined */
export function integerValue(dataset: DicomDataset, attribute: AttributeDefinition): Reading<number | undefined> {
  return numberValue(dataset, attribute, INTEGER, Number.isSafeInteger, 'expected a whole number');
}

/** @returns the first value as a whole number from 0 to 2147483647 (FHIR unsignedInt), or undefined */
export function unsignedIntValue(dataset: DicomDataset, attribute: AttributeDefinition): Reading<number | undefined> {
  return numberValue(dataset, attribute, INTEGER, isUnsignedInt, 'expected a whole number from 0 to 2147483647');
}

const isUnsignedInt = (value: number): boolean => Number.isInteger(value) && value >= 0 && value <= MAX_UNSIGNED_INT;

function numberValue(
  dataset: DicomDataset,
  attribute: AttributeDefinition,
  pattern: RegExp,
  accepts: (value: number) => boolean,
  expectation: string,
): Reading<number | undefined> {
  const values = rawValues(dataset, attribute);
  const only = values[0];
  // As nearly all numbers that are read.
  if (values.length === 1 && typeof only === 'number' && Number.isFinite(only) && accepts(only))
    return clean(positiveZero(only));
  const given = values.filter((raw) => !isEmpty(raw));
  const [first] = given;
  if (first === undefined) return clean(undefined);
  const value = asNumber(first, pattern);
  if (value === undefined || !accepts(value)) return { value: undefined, issues: [invalid(attribute, expectation)] };
  const further = given.length > 1 ? [note(attribute, 'expected one value, only the first is used')] : [];
  return { value, issues: further };
}

function isEmpty(raw: unknown): boolean {
  return raw === null || raw === undefined || (typeof raw === 'string' && cleanText(raw) === '');
}

function asNumber(raw: unknown, pattern: RegExp): number | undefined {
  if (typeof raw === 'string') {
    const text = cleanText(raw);
    if (!pattern.test(text)) return undefined;
    return finite(Number(text));
  }
  return typeof raw === 'number' ? finite(raw) : undefined;
}

function finite(value: number): number | undefined {
  return Number.isFinite(value) ? positiveZero(value) : undefined;
}

/** -0 would survive as "-0" in comparisons but not in JSON. */
const positiveZero = (value: number): number => value + 0;
