import type { Identifier, Resource } from 'fhir/r4';
import type { FhirChannel } from './channel';
import { forEachPart, mayConcernOne } from './combinedErrors';
import { InvalidFhirResponse } from './errors';
import type { Found } from './found';
import { encodeQuery, type FhirQuery, tokenValue } from './query';
import { searchAll, type Search } from './search';
import { together } from './together';

type Match = Found<Resource>;
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
 * @param most identifiers of one request
 */
export function combinedSearches(channel: FhirChannel, most: number): Search {
  const byType = new Map<string, SearchOneToken>();

  function searchOf(type: string): SearchOneToken {
    const known = byType.get(type);
    if (known !== undefined) return known;
    const search = together<string, readonly Match[]>({
      most,
      fits: (token, chosen) => encodeQuery(anyOf([...chosen, token])).length <= MAX_QUERY_LENGTH,
      send: (tokens, signal) => searchTogether(channel, type, tokens, signal),
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
  const isOne = name === 'identifier' && !/(?<!\\),/.test(value);
  return isOne ? value : undefined;
}

const anyOf = (tokens: readonly string[]): FhirQuery => [['identifier', [...new Set(tokens)].join(',')]];

type Results = readonly PromiseSettledResult<readonly Match[]>[];

async function searchTogether(
  channel: FhirChannel,
  type: string,
  tokens: readonly string[],
  signal: AbortSignal,
): Promise<Results> {
  if (tokens.length === 1) return Promise.allSettled([searchAll(channel, type, anyOf(tokens), signal)]);
  try {
    const query = [...anyOf(tokens), ['_count', PAGE_SIZE] as const];
    return distribute(await searchAll(channel, type, query, signal, MAX_ANSWER_BYTES), type, tokens);
  } catch (error) {
    if (!mayConcernOne(error)) throw forEachPart(error);
    const middle = Math.ceil(tokens.length / 2);
    const halves = [tokens.slice(0, middle), tokens.slice(middle)];
    return (await Promise.all(halves.map((half) => searchTogether(channel, type, half, signal)))).flat();
  }
}

/** @throws InvalidFhirResponse when a match carries none of the identifiers: a server that ignores the parameter offers strangers */
function distribute(found: readonly Match[], type: string, tokens: readonly string[]): Results {
  const matches = new Map<string, Match[]>(tokens.map((token) => [token, []]));
  for (const match of found) {
    const carried = new Set(tokensOf(match.resource).filter((token) => matches.has(token)));
    if (carried.size === 0)
      throw new InvalidFhirResponse(`a search of ${type} by identifier gave one without that identifier`);
    for (const token of carried) matches.get(token)?.push(match);
  }
  return tokens.map((token) => ({ status: 'fulfilled', value: matches.get(token) ?? [] }));
}

function tokensOf(resource: Resource): readonly string[] {
  const { identifier } = resource as { readonly identifier?: unknown };
  if (!Array.isArray(identifier)) return [];
  return (identifier as readonly (Identifier | null)[]).map((one) => tokenValue(one?.system, one?.value ?? ''));
}
