/**
 * Picks the value that most instances have. It depends on neither their order nor what was picked before, so a study
 * converges whatever the order of its changes, and one odd object does not decide.
 *
 * @param keyOf text by which values are equal, by default their whole content; ties go to the smallest key in code-unit
 *   order
 * @returns undefined when there is no value at all
 */
export function plurality<T>(
  values: readonly (T | undefined)[],
  keyOf: (value: T) => string = contentOf,
): T | undefined {
  return pluralityOf(
    values.map((value) => ({ value, count: 1 })),
    (value) => value,
    keyOf,
  );
}

/** One object and how often it is there. */
export interface Counted<T> {
  readonly value: T;
  readonly count: number;
}

/** Counts objects that are the same one: the instances of a study share what they say in the same words. */
export function counted<T extends object>(objects: readonly T[]): readonly Counted<T>[] {
  const counts = new Map<T, number>();
  for (const object of objects) counts.set(object, (counts.get(object) ?? 0) + 1);
  return [...counts].map(([value, count]) => ({ value, count }));
}

/** The plurality of what these objects give, each counted as often as it is there. */
export function pluralityOf<F, T>(
  objects: readonly Counted<F>[],
  valueOf: (object: F) => T | undefined,
  keyOf: (value: T) => string = contentOf,
): T | undefined {
  const [only, ...others] = objects;
  if (only === undefined || others.length === 0) return only && valueOf(only.value);
  const groups = new Map<string, { value: T; count: number }>();
  const chosen = chooserFor(keyOf);
  for (const { value: object, count } of objects) {
    const value = valueOf(object);
    if (value === undefined) continue;
    const key = keyOf(value);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { value, count });
    else {
      group.value = chosen(group.value, value);
      group.count += count;
    }
  }
  const [best] = [...groups].sort(([keyA, a], [keyB, b]) => b.count - a.count || compareCodeUnits(keyA, keyB));
  return best?.[1].value;
}

/** @returns the distinct values in the code-unit order of their keys */
export function sortedUnion<T>(values: readonly T[], keyOf: (value: T) => string = contentOf): readonly T[] {
  if (values.length <= 1) return values;
  const byKey = new Map<string, T>();
  const chosen = chooserFor(keyOf);
  for (const value of values) {
    const key = keyOf(value);
    const present = byKey.get(key);
    byKey.set(key, present === undefined ? value : chosen(present, value));
  }
  return [...byKey].sort(([a], [b]) => compareCodeUnits(a, b)).map(([, value]) => value);
}

/** Order of text that does not depend on a locale. */
export function compareCodeUnits(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** Text that is equal for values of equal content, as long as one reader made them. */
function contentOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Values of one content are interchangeable; this saves comparing them again for every instance of a large study. */
function chooserFor<T>(keyOf: (value: T) => string): (a: T, b: T) => T {
  return keyOf === contentOf ? (first) => first : smaller;
}

/** Values with the same key can still differ; which one stays must not depend on their order. */
function smaller<T>(a: T, b: T): T {
  if (a === b) return a;
  return JSON.stringify(b) < JSON.stringify(a) ? b : a;
}
