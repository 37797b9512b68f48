import type { Parts } from '../concurrency/parts';

/** JSON values that are written in one part. */
const VALUES = 20_000;

/** Items of a list that are written in one part, where they hold no more values than that. */
const ITEMS = 256;

/** The text that JSON.stringify makes of plain data. */
export function* jsonInParts(value: object): Parts<string> {
  if (!isLong(value)) return JSON.stringify(value);
  const texts: string[] = [];
  yield* write(value, texts);
  return texts.join('');
}

function* write(value: unknown, texts: string[]): Parts<void> {
  if (typeof value !== 'object' || value === null || !isLong(value)) {
    texts.push(JSON.stringify(value ?? null));
    yield;
  } else if (Array.isArray(value)) yield* writeItems(value, texts);
  else yield* writeMembers(value, texts);
}

function* writeItems(items: readonly unknown[], texts: string[]): Parts<void> {
  for (let start = 0; start < items.length; start += ITEMS) {
    texts.push(start === 0 ? '[' : ',');
    const some = items.slice(start, start + ITEMS);
    if (isLong(some))
      for (const [index, item] of some.entries()) {
        if (index > 0) texts.push(',');
        yield* write(item, texts);
      }
    else {
      texts.push(JSON.stringify(some).slice(1, -1));
      yield;
    }
  }
  texts.push(']');
}

function* writeMembers(value: object, texts: string[]): Parts<void> {
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  texts.push('{');
  for (const [index, [name, member]] of members.entries()) {
    texts.push(`${index === 0 ? '' : ','}${JSON.stringify(name)}:`);
    yield* write(member, texts);
  }
  texts.push('}');
}

function isLong(value: unknown): boolean {
  return countDown(value, VALUES) < 0;
}

/** @returns what is left of so many values, below 0 where there are more; it does not count any further then */
function countDown(value: unknown, values: number): number {
  let left = values - 1;
  if (typeof value !== 'object' || value === null) return left;
  // Without lists of entries or values: for most data this is all that is done.
  if (Array.isArray(value))
    for (let index = 0; index < value.length && left >= 0; index++) left = countDown(value[index], left);
  else
    for (const name in value) {
      if (left < 0) return left;
      left = countDown((value as Readonly<Record<string, unknown>>)[name], left);
    }
  return left;
}
