/**
 * Tests that try every place (a kill at each request, many seeds) play a sample of them, evenly spread and always the same, so
 * that all tests stay a matter of minutes. With `THOROUGH=true` (`npm run test:thorough`, which CI runs) they play all.
 */
export const isThorough = process.env.THOROUGH === 'true';

/**
 * All of the places when thorough; else some: the first of each kind, and others evenly spread, the last among them.
 * @param share how many of them, from 0 to 1
 * @param kindOf two places of which one can stand for the other have the same kind
 */
export function sampleOf<T>(
  places: readonly T[],
  share: number,
  kindOf: (place: T) => string = () => '',
): readonly T[] {
  return isThorough ? places : evenly(places, share, kindOf);
}

/** So many when thorough, else the smaller number. */
export const runsOf = (thorough: number, sample: number): number => (isThorough ? thorough : sample);

function evenly<T>(places: readonly T[], share: number, kindOf: (place: T) => string): readonly T[] {
  const kinds = places.map(kindOf);
  const count = Math.ceil(places.length * share);
  const step = (places.length - 1) / Math.max(count - 1, 1);
  const spread = new Set(Array.from({ length: count }, (_, index) => Math.round(index * step)));
  return places.filter((_, index) => spread.has(index) || kinds.indexOf(kinds[index] ?? '') === index);
}
