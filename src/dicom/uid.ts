import type { AttributeDefinition } from './attributes';
import { clean, invalid, note, type Reading } from './dataIssue';
import type { DicomDataset } from './dataset';
import { textValue } from './text';

/** Characters (PS3.5 9.1). */
export const MAX_UID_LENGTH = 64;

/** @returns whether text is a UID as far as FHIR and URLs are concerned: numbers with dots between, at most 64 characters */
export function isUid(text: string): boolean {
  return text.length <= MAX_UID_LENGTH && /^\d+(\.\d+)*$/.test(text);
}

/** @returns the UID, or undefined when it is absent or breaks PS3.5 chapter 9; leading zeros are only noted */
export function uidValue(dataset: DicomDataset, attribute: AttributeDefinition): Reading<string | undefined> {
  const { value: uid, issues } = textValue(dataset, attribute);
  if (uid === undefined) return issues.length === 0 ? clean(undefined) : { value: undefined, issues };
  if (!isUid(uid)) return { value: undefined, issues: [...issues, invalid(attribute, 'expected a UID')] };
  const leadingZero = /(^|\.)0\d/.test(uid);
  return { value: uid, issues: leadingZero ? [...issues, note(attribute, 'UID with leading zeros')] : issues };
}
