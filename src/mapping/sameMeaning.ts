import type { Meta, Resource } from 'fhir/r4';
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
  if (!sameMeta(existing.meta, desired.meta)) return false;
  const [one, other] = [contentOf(existing), contentOf(desired)];
  // Counts and the like tell most differences; long lists come last.
  const names = [...new Set([...Object.keys(one), ...Object.keys(other)])];
  return names
    .sort((a, b) => weightOf(one[a]) - weightOf(one[b]))
    .every((name) => sameMember(one[name], other[name], name));
}

type Content = Readonly<Record<string, unknown>>;

function contentOf(resource: Resource): Content {
  return Object.fromEntries(Object.entries(resource).filter(([key]) => key !== 'meta' && key !== 'id'));
}

function weightOf(value: unknown): number {
  return Array.isArray(value) ? 2 : Number(typeof value === 'object');
}

/** Items that stand in the same place of both lists say nothing new: only the others have to be brought into an order. */
function sameMember(one: unknown, other: unknown, key: string): boolean {
  if (sameJson(one, other)) return true;
  if (!Array.isArray(one) || !Array.isArray(other) || one.length !== other.length || ORDERED.has(key))
    return canonical(one, key) === canonical(other, key);
  const differing = one.flatMap((_, index) => (sameMeaningOf(one[index], other[index]) ? [] : [index]));
  const at = (list: readonly unknown[]): unknown => differing.map((index) => list[index]);
  return canonical(at(one)) === canonical(at(other));
}

/** Series hold most of a study in lists of their own. */
function sameMeaningOf(one: unknown, other: unknown): boolean {
  if (sameJson(one, other)) return true;
  if (!isObject(one) || !isObject(other)) return false;
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...names].every((name) => sameMember(one[name], other[name], name));
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
