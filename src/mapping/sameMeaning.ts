import type { Meta, Resource } from 'fhir/r4';
import { atOnce, partEnds, type Parts } from '../concurrency/parts';
import { sameCoding } from './coding';
import { isObject } from '../dicom/dataset';
import { sameJson } from '../dicom/sameJson';
import { instantKey } from './instants';

/**
 * Whether what the server holds already means what we would write, so that nothing has to be written (design 1, rule 5).
 * Arrays are sets (but for the parts of a name, whose order is spoken); times with a zone are instants; absent and empty are the same;
 * of `meta` only the tags and profiles that we want (more may be there) and the source up to the `#` that some servers append.
 * Ids and versions of the resource do not count.
 */
export function sameMeaning(existing: Resource, desired: Resource): boolean {
  return atOnce(sameMeaningInParts(existing, desired));
}

/** The same in parts. */
export function* sameMeaningInParts(existing: Resource, desired: Resource): Parts<boolean> {
  if (!sameMeta(existing.meta, desired.meta)) return false;
  const [one, other] = [contentOf(existing), contentOf(desired)];
  // Counts and the like tell most differences; long lists come last.
  const names = namesOf(one, other).sort((a, b) => weightOf(one[a]) - weightOf(one[b]));
  return yield* sameMembers(one, other, names);
}

type Content = Readonly<Record<string, unknown>>;

function contentOf(resource: Resource): Content {
  return Object.fromEntries(Object.entries(resource).filter(([key]) => key !== 'meta' && key !== 'id'));
}

function namesOf(one: Content, other: Content): string[] {
  return [...new Set([...Object.keys(one), ...Object.keys(other)])];
}

function weightOf(value: unknown): number {
  return Array.isArray(value) ? 2 : Number(typeof value === 'object');
}

function* sameMembers(one: Content, other: Content, names = namesOf(one, other)): Parts<boolean> {
  for (const name of names) if (!(yield* sameValue(one[name], other[name], name))) return false;
  return true;
}

function* sameValue(one: unknown, other: unknown, key = ''): Parts<boolean> {
  if (isSameJson(one, other)) return true;
  if (Array.isArray(one) && Array.isArray(other) && !ORDERED.has(key)) return yield* sameItems(one, other);
  if (isObject(one) && isObject(other)) return yield* sameMembers(one, other);
  if (isEmpty(one) || isEmpty(other)) return isEmpty(one) && isEmpty(other);
  return canonical(one, key) === canonical(other, key);
}

/** Nearly always, and quick; what is too long for one part is compared piece by piece. */
function isSameJson(one: unknown, other: unknown): boolean {
  return !isLong(one) && sameJson(one, other);
}

/** Items that stand in the same place of both lists say nothing new: only the others have to be brought together. */
function* sameItems(some: readonly unknown[], others: readonly unknown[]): Parts<boolean> {
  const ends = partEnds();
  const differing: [unknown[], unknown[]] = [[], []];
  for (let index = 0; index < Math.max(some.length, others.length); index++) {
    const [one, other] = [some[index], others[index]];
    if (ends(1 + listedIn(one))) yield;
    if (isSameJson(one, other)) continue;
    const uid = uidOf(one);
    if (uid === uidOf(other)) {
      if (yield* sameValue(one, other)) continue;
      // Nothing else in either list can be the same.
      if (uid !== undefined) return false;
    }
    if (!isEmpty(one)) differing[0].push(one);
    if (!isEmpty(other)) differing[1].push(other);
  }
  return yield* sameSet(...differing);
}

/** Lists without empty items, in any order. */
function* sameSet(some: readonly unknown[], others: readonly unknown[]): Parts<boolean> {
  if (some.length !== others.length) return false;
  const ends = partEnds();
  const byUid = new Map<string, unknown>();
  const texts = new Map<string | undefined, number>();
  for (const item of others) {
    const uid = uidOf(item);
    if (uid === undefined) count(texts, canonical(item), 1);
    else byUid.set(uid, item);
    if (ends()) yield;
  }
  for (const item of some) {
    if (ends(1 + listedIn(item))) yield;
    const uid = uidOf(item);
    if (uid === undefined) count(texts, canonical(item), -1);
    else if (!byUid.has(uid) || !(yield* sameValue(item, byUid.get(uid)))) return false;
    else byUid.delete(uid);
  }
  return byUid.size === 0 && [...texts.values()].every((times) => times === 0);
}

function count(texts: Map<string | undefined, number>, text: string | undefined, times: 1 | -1): void {
  texts.set(text, (texts.get(text) ?? 0) + times);
}

/** What series and instances are named by: of one list no two have the same. */
function uidOf(item: unknown): string | undefined {
  return isObject(item) && typeof item.uid === 'string' ? item.uid : undefined;
}

/** Items of lists, those of lists in them included, that are compared in one part where they are the same. */
const SAME_ITEMS = 2000;

function isLong(value: unknown): boolean {
  if (!Array.isArray(value)) return listedIn(value) > SAME_ITEMS;
  let items = value.length;
  for (let index = 0; index < value.length && items <= SAME_ITEMS; index++) items += listedIn(value[index]);
  return items > SAME_ITEMS;
}

/** Items of the lists that are members of it. */
function listedIn(value: unknown): number {
  if (!isObject(value)) return 0;
  let items = 0;
  for (const name in value) {
    const member = value[name];
    if (Array.isArray(member)) items += member.length;
  }
  return items;
}

function sameMeta(existing: Meta = {}, desired: Meta = {}): boolean {
  const tags = (desired.tag ?? []).every((wanted) => (existing.tag ?? []).some((held) => sameCoding(held, wanted)));
  const profiles = (desired.profile ?? []).every((wanted) => existing.profile?.includes(wanted));
  return tags && profiles && (desired.source === undefined || sourceOf(existing) === sourceOf(desired));
}

function sourceOf({ source }: Meta): string | undefined {
  return source?.split('#')[0];
}

/** Order of these lists has a meaning (R4 HumanName, Address). */
const ORDERED = new Set(['given', 'prefix', 'suffix', 'line']);

function isEmpty(value: unknown): boolean {
  if (typeof value !== 'object') return value === undefined;
  return value === null || Object.values(value).every(isEmpty);
}

/** Text that is equal for equal meaning; undefined for what is empty. */
function canonical(value: unknown, key = ''): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string')
    return JSON.stringify(key === 'text' || key === 'description' ? value : instantKey(value));
  if (typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) {
    const items = value.flatMap((item: unknown) => canonical(item) ?? []);
    if (items.length === 0) return undefined;
    return `[${(ORDERED.has(key) ? items : items.sort()).join(',')}]`;
  }
  const members = Object.entries(value).flatMap(([name, member]: [string, unknown]) => {
    const text = canonical(member, name);
    return text === undefined ? [] : [`${JSON.stringify(name)}:${text}`];
  });
  return members.length === 0 ? undefined : `{${members.sort().join(',')}}`;
}
