import { bodyPartRows } from './bodyPartRows';

let terms: ReadonlyMap<string, string | undefined> | undefined;

/**
 * @param bodyPart value of Body Part Examined (0018,0015); case, blanks and underscores do not count
 * @returns the SNOMED CT code of the body part (PS3.16 Annex L), or undefined for unknown terms and terms without code
 */
export function bodyPartCode(bodyPart: string): string | undefined {
  return table().get(bodyPart.toUpperCase().replace(/[\s_]/g, ''));
}

/** @returns how many terms are known, and how many of them have no code */
export function bodyPartCounts(): { readonly terms: number; readonly withoutCode: number } {
  const codes = [...table().values()];
  return { terms: codes.length, withoutCode: codes.filter((code) => code === undefined).length };
}

function table(): ReadonlyMap<string, string | undefined> {
  terms ??= new Map(
    bodyPartRows
      .trim()
      .split('\n')
      .map((row): [string, string | undefined] => {
        const [term = '', code] = row.split(' ');
        return [term, code];
      }),
  );
  return terms;
}
