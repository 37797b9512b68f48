import { retiredSnomedRows } from './retiredSnomedRows';

/** Identifiers that occur in dose reports but are missing from the generated rows. */
const ADDITIONS: readonly (readonly [retired: string, current: string])[] = [
  ['F-61FDB', '349358000'], // Radiopharmaceutical agent
  ['T-62002', '10200004'], // Liver
  // X-Ray filter materials: `copper or copper compound` and so on; CID 10006 now has the element in the same row
  ['C-127F9', '66925006'], // Copper
  ['C-1190F', '767775001'], // Europium
  ['C-132F9', '88488004'], // Lead
  ['C-150F9', '71128006'], // Molybdenum
  ['C-1190E', '767776000'], // Niobium
  ['C-167F9', '59801003'], // Rhodium
  ['C-137F9', '41967008'], // Silver
  ['C-156F9', '45215009'], // Tantalum
];

let current: ReadonlyMap<string, string> | undefined;

/**
 * @returns the SNOMED CT concept id that replaced an identifier of SNOMED-RT, SNOMED 3 or SDM (they share their
 *   identifiers, PS3.16 8.1.1), or undefined where no replacement is known
 */
export function currentSnomedCode(retired: string): string | undefined {
  current ??= readRows();
  return current.get(retired);
}

/** @returns how many retired identifiers have a known replacement */
export function retiredSnomedCount(): number {
  current ??= readRows();
  return current.size;
}

function readRows(): ReadonlyMap<string, string> {
  const codes = new Map(ADDITIONS);
  for (const row of retiredSnomedRows.trim().split('\n')) {
    const [retired = '', replacement = ''] = row.split(' ');
    codes.set(retired, replacement);
  }
  return codes;
}
