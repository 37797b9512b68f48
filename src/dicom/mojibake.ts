import type { AttributeDefinition } from './attributes';
import { type DataIssue, invalid } from './dataIssue';
import { type DicomDataset, isObject, rawValues } from './dataset';

/**
 * Whether text is UTF-8 that somebody read as ISO 8859-1 (`testÃ¦Ã¸Ã¥`): each character fits a byte, and the bytes are UTF-8 with at
 * least one character beyond ASCII. Text that was written in ISO 8859-1 hardly ever is (PS3.3 C.12.1.1.2, Specific Character Set).
 */
export function isMojibake(text: string): boolean {
  if (!/[\u0080-\u00FF]/.test(text) || /[^\u0000-\u00FF]/.test(text)) return false;
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(text, 'latin1'));
    return true;
  } catch {
    return false;
  }
}

/** @returns an issue if a name of this attribute was decoded in the wrong character set; nobody can tell it for sure, so it is still read */
export function mojibakeIssues(dataset: DicomDataset, attribute: AttributeDefinition): readonly DataIssue[] {
  const texts = rawValues(dataset, attribute).flatMap((raw) => (isObject(raw) ? Object.values(raw) : [raw]));
  const found = texts.some((text) => typeof text === 'string' && isMojibake(text));
  return found ? [invalid(attribute, 'expected text in the character set that the object names, not UTF-8')] : [];
}
