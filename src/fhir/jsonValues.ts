/** What comes in tens of thousands, all much alike: the instances of a series. They are not looked at one by one. */
const MANY = 'instance';

/**
 * Whether data holds more than so many JSON values, lists and objects themselves included; each instance of a series counts as much as the
 * first. It counts no further than that.
 */
export function holdsMoreValues(data: unknown, most: number): boolean {
  return countDown(data, most) < 0;
}

/** @returns what is left of so many values, below 0 where there are more; it does not count any further then */
function countDown(value: unknown, values: number): number {
  let left = values - 1;
  if (!isComposed(value)) return left;
  // Without lists of entries or values: for most data this is all that is done.
  if (Array.isArray(value))
    for (let index = 0; index < value.length && left >= 0; index++) left = countDown(value[index], left);
  else
    for (const name in value) {
      if (left < 0) return left;
      const member = value[name];
      if (!isComposed(member)) left--;
      else left = name === MANY && Array.isArray(member) ? countDownMany(member, left) : countDown(member, left);
    }
  return left;
}

/** Whether there are values inside. */
const isComposed = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

function countDownMany(items: readonly unknown[], values: number): number {
  const ofOne = values - countDown(items[0], values);
  return values - 1 - items.length * ofOne;
}
