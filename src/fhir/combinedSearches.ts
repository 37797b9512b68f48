import type { Identifier, Resource } from 'fhir/r4';
import type { FhirChannel } from './channel';
import { forEachPart, mayConcernOne } from './combinedErrors';
import { InvalidFhirResponse } from './errors';
import type { Found } from './found';
import { encodeValue, type FhirQuery, tokenValue } from './query';
import { searchAll, type Search } from './search';
import { type Part, type Sharing, together } from '../concurrency/together';

type Match = Found<Resource>;
type SearchPart = Part<string, readonly Match[]>;
type SearchOneToken = (token: string, signal: AbortSignal) => Promise<readonly Match[]>;

/** Some proxies refuse URLs of more than 8 KB, and the address of the server counts too. */
const MAX_QUERY_LENGTH = 4000;

/** Longest answer to a combined search: reading JSON holds the event loop, and many large studies are better read one by one. */
const MAX_ANSWER_BYTES = 2 * 1024 * 1024;

/** Servers that give ten in a page unless told otherwise would need several. */
const PAGE_SIZE = '100';

/**
 * Searches like `searchAll`, but searches for one identifier each that have to be sent at the same time share a request: FHIR joins the values
 * of a parameter by commas for "any of them" (R4, search.html, 3.1.1.4.4). Each gets the matches that carry its identifier.
 * A combined search that is refused, too long or gives strangers is repeated in halves, so that each part has the answer that is its own.
 * That there is nothing is believed only of an answer that holds nothing: from a server that does not look at the identifier, or not at its
 * case (FHIR lets it), matches of others would hide that it gives strangers.
 * @param sharing how many identifiers one request may hold
 */
export function combinedSearches(channel: FhirChannel, sharing: Sharing): Search {
  const byType = new Map<string, SearchOneToken>();

  function searchOf(type: string): SearchOneToken {
    const known = byType.get(type);
    if (known !== undefined) return known;
    const search = together<string, readonly Match[]>({
      ...sharing,
      group: () => {
        let length = 0;
        return (token) => {
          const longer = length + encodeValue(`${token},`).length;
          if (length > 0 && longer > MAX_QUERY_LENGTH) return false;
          length = longer;
          return true;
        };
      },
      send: (parts, signal) => searchTogether(channel, type, parts, signal),
    });
    byType.set(type, search);
    return search;
  }

  return async <T extends Resource>(
    type: T['resourceType'],
    query: FhirQuery,
    signal: AbortSignal,
  ): Promise<readonly Found<T>[]> => {
    const token = soleIdentifier(query);
    if (token === undefined) return searchAll<T>(channel, type, query, signal);
    // A match of another type is refused by the search itself.
    return (await searchOf(type)(token, signal)) as readonly Found<T>[];
  };
}

/** The token of a search that asks for nothing but one identifier. */
function soleIdentifier(query: FhirQuery): string | undefined {
  const [first, ...more] = query;
  if (first === undefined || more.length > 0) return undefined;
  const [name, value] = first;
  return name === 'identifier' && ONE_TOKEN.test(value) ? value : undefined;
}

/** `system|value` or `|value`, as `tokenValue` writes them: a value without bar, or a bar without value, means more than one identifier. */
const ONE_TOKEN = /^(?:[^\\|,$]|\\.)*\|(?:[^\\|,$]|\\.)+$/s;

const anyOf = (tokens: readonly string[]): FhirQuery => [['identifier', [...new Set(tokens)].join(',')]];

/** Settles each part. @returns whether they could go together */
async function searchTogether(
  channel: FhirChannel,
  type: string,
  parts: readonly SearchPart[],
  signal: AbortSignal,
): Promise<boolean> {
  const [only, ...others] = parts;
  if (only === undefined) return true;
  if (others.length === 0) return searchAlone(channel, type, only);
  try {
    const query = [...anyOf(parts.map(({ item }) => item)), ['_count', PAGE_SIZE] as const];
    const found = await searchAll(channel, type, query, signal, MAX_ANSWER_BYTES);
    const absent = distribute(found, type, parts);
    return await searchTogether(channel, type, absent, signal);
  } catch (error) {
    if (mayConcernOne(error)) {
      const middle = Math.ceil(parts.length / 2);
      const halves = [parts.slice(0, middle), parts.slice(middle)];
      await Promise.all(halves.map((half) => searchTogether(channel, type, half, signal)));
    } else for (const { reject } of parts) reject(forEachPart(error));
    return false;
  }
}

async function searchAlone(channel: FhirChannel, type: string, part: SearchPart): Promise<boolean> {
  try {
    part.resolve(await searchAll(channel, type, anyOf([part.item]), part.signal));
    return true;
  } catch (error) {
    part.reject(error);
    return false;
  }
}

/**
 * Resolves the parts that have matches; all parts where there is none at all.
 * @returns the parts that are to be searched again
 * @throws InvalidFhirResponse when a match carries none of the identifiers: a server that ignores the parameter offers strangers
 */
function distribute(found: readonly Match[], type: string, parts: readonly SearchPart[]): readonly SearchPart[] {
  const matches = new Map<string, Match[]>(parts.map(({ item }) => [item, []]));
  for (const match of found) {
    const carried = new Set(tokensOf(match.resource).filter((token) => matches.has(token)));
    if (carried.size === 0)
      throw new InvalidFhirResponse(`a search of ${type} by identifier gave one without that identifier`);
    for (const token of carried) matches.get(token)?.push(match);
  }
  if (found.length === 0) {
    for (const part of parts) part.resolve([]);
    return [];
  }
  const known = ({ item }: SearchPart): readonly Match[] => matches.get(item) ?? [];
  const absent: SearchPart[] = [];
  for (const part of parts) {
    const ofPart = known(part);
    if (ofPart.length === 0) absent.push(part);
    else part.resolve(ofPart);
  }
  return absent;
}

/** Whoever wrote the resource, and whatever stands where identifiers should be. */
function tokensOf(resource: Resource): readonly string[] {
  const { identifier } = resource as { readonly identifier?: unknown };
  if (!Array.isArray(identifier)) return [];
  return (identifier as readonly (Partial<Record<keyof Identifier, unknown>> | null)[]).flatMap((one) => {
    const { system, value } = one ?? {};
    const isToken = typeof value === 'string' && (system === undefined || typeof system === 'string');
    return isToken ? [tokenValue(system, value)] : [];
  });
}
