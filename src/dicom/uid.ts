import type { AttributeDefinition } from './attributes';
import { clean, invalid, note, type Reading } from './dataIssue';
import { type DicomDataset, rawValues } from './dataset';
import { NINE, POINT, ZERO } from '../http/jsonCharacters';
import { textValue } from './text';

/** Characters (PS3.5 9.1). */
const MAX_UID_LENGTH = 64;

/** A UID as far as FHIR and URLs are concerned is numbers with dots between. Character by character: every instance has several. */
function formOf(text: string): 'uid' | 'with leading zeros' | 'none' {
  const { length } = text;
  if (length === 0 || length > MAX_UID_LENGTH) return 'none';
  let leadingZeros = false;
  let start = 0;
  for (let index = 0; index <= length; index++) {
    const code = index < length ? text.charCodeAt(index) : POINT;
    if (code >= ZERO && code <= NINE) {
      if (index === start + 1 && text.charCodeAt(start) === ZERO) leadingZeros = true;
    } else if (code !== POINT || index === start) return 'none';
    else start = index + 1;
  }
  return leadingZeros ? 'with leading zeros' : 'uid';
}

/** @returns the UID, or undefined when it is absent or breaks PS3.5 chapter 9; leading zeros are only noted */
export function uidValue(dataset: DicomDataset, attribute: AttributeDefinition): Reading<string | undefined> {
  const values = rawValues(dataset, attribute);
  const only = values[0];
  // Nearly all UIDs, and every instance has several: there is nothing to clean.
  if (values.length === 1 && typeof only === 'string' && formOf(only) === 'uid') return clean(only);
  const text = textValue(dataset, attribute);
  const { value: uid, issues } = text;
  if (uid === undefined) return text;
  switch (formOf(uid)) {
    case 'uid':
      return text;
    case 'with leading zeros':
      return { value: uid, issues: [...issues, note(attribute, 'UID with leading zeros')] };
    case 'none':
      return { value: undefined, issues: [...issues, invalid(attribute, 'expected a UID')] };
  }
}
