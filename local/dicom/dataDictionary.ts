import { data } from 'dcmjs';

/** Codes of dcmjs and dcmtk for attributes whose VR depends on others; `xs` is US or SS as the pixels are unsigned or signed. */
const AMBIGUOUS: Readonly<Record<string, string>> = { up: 'UL', ox: 'OW', px: 'OW', lt: 'OW', na: 'UN' };

/**
 * The value representation of an attribute where the file does not state it (implicit VR, PS3.6).
 * Where it is US or SS, `signedPixels` decides: whether (0028,0103) Pixel Representation is 1. Private attributes are `UN`, except private creators (PS3.5 7.8.1).
 */
export function dictionaryVr(tag: string, signedPixels: boolean): string {
  const [group, elementNumber] = [tag.slice(0, 4), tag.slice(4)];
  if (elementNumber === '0000') return 'UL';
  if (Number.parseInt(group, 16) % 2 === 1) return /^00[1-9A-F]/.test(elementNumber) ? 'LO' : 'UN';
  // Curve and overlay data repeat over the groups 50xx and 60xx (PS3.5 7.6); the dictionary has the first of each.
  const repeating = /^(50|60)/.exec(group)?.[1];
  const vr =
    data.DicomMetaDictionary.dictionary[`(${repeating === undefined ? group : `${repeating}00`},${elementNumber})`]?.vr;
  if (vr === undefined) return 'UN';
  if (vr === 'xs') return signedPixels ? 'SS' : 'US';
  return AMBIGUOUS[vr] ?? vr;
}
