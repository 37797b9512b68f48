import type { Meta, Resource } from 'fhir/r4';
import { sameCoding } from './coding';
import { instantKey } from './instants';

/**
 * Whether what the server holds already means what we would write, so that nothing has to be written (design 1, rule 5).
 * Arrays are sets (but for the parts of a name, whose order is spoken); times with a zone are instants; absent and empty are the same;
 * of `meta` only the tags and profiles that we want (more may be there) and the source up to the `#` that some servers append.
 * Ids and versions of the resource do not count.
 */
export function sameMeaning(existing: Resource, desired: Resource): boolean {
  return sameMeta(existing.meta, desired.meta) && contentOf(existing) === contentOf(desired);
}

function contentOf(resource: Resource): string {
  return (
    canonical(Object.fromEntries(Object.entries(resource).filter(([key]) => key !== 'meta' && key !== 'id'))) ?? ''
  );
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
