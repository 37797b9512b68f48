import type { Parts } from '../concurrency/parts';
import { holdsMoreValues } from './jsonValues';

/** JSON values that are written in one part. */
const VALUES = 20_000;

/** Items of a list that are written in one part, where they hold no more values than that. */
const ITEMS = 256;

/** The text that JSON.stringify makes of plain data. */
export function* writeJsonInParts(value: object): Parts<string> {
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
  return holdsMoreValues(value, VALUES);
}
