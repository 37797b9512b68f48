/**
 * Work that is done in parts: after each of them, whoever does it may let others come first. What it comes to depends on nothing but what it
 * was given.
 */
export type Parts<T> = Generator<undefined, T, undefined>;

/** Does all parts, one right after the other. */
export function atOnce<T>(work: Parts<T>): T {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}

/** Items of lists that make a part: most studies have fewer instances, and are done at once. */
const ITEMS = 2000;

/** @returns what counts items that have been worked on (default: one), and says whether a part ends with them */
export function partEnds(): (items?: number) => boolean {
  let left = ITEMS;
  return (items = 1) => {
    left -= items;
    if (left > 0) return false;
    left = ITEMS;
    return true;
  };
}

/** What `toSorted` gives: a new list, in which items that compare as equal keep their order. */
export function* sortInParts<T extends object>(items: readonly T[], compare: (a: T, b: T) => number): Parts<T[]> {
  if (items.length < ITEMS) return items.toSorted(compare);
  const middle = Math.ceil(items.length / 2);
  const some = yield* sortInParts(items.slice(0, middle), compare);
  yield;
  const others = yield* sortInParts(items.slice(middle), compare);
  yield;
  return yield* merge(some, others, compare);
}

function* merge<T extends object>(
  some: readonly T[],
  others: readonly T[],
  compare: (a: T, b: T) => number,
): Parts<T[]> {
  const ends = partEnds();
  const merged: T[] = [];
  let taken = 0;
  for (const other of others) {
    for (let next = some[taken]; next !== undefined && compare(next, other) <= 0; next = some[++taken])
      merged.push(next);
    merged.push(other);
    if (ends()) yield;
  }
  return merged.concat(some.slice(taken));
}
