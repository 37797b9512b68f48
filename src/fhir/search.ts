import type { Resource } from 'fhir/r4';
import { z } from 'zod';
import { inTurns } from '../concurrency/turns';
import { resourceUrl } from '../http/resourceUrl';
import { type FhirChannel, readJsonInParts } from './channel';
import { InvalidFhirResponse } from './errors';
import { asFound, type Found } from './found';
import { encodeQuery, type FhirQuery } from './query';

/** A search whose results do not end by then was not narrow enough, or its links run in a circle. */
export const MAX_SEARCH_PAGES = 100;

/** A search on one server; see `searchAll`. */
export type Search = <T extends Resource>(
  type: T['resourceType'],
  query: FhirQuery,
  signal: AbortSignal,
) => Promise<readonly Found<T>[]>;

/**
 * All matches of a search, over all pages, each once. Included resources and outcomes are left out.
 * Results must not come from a cache: HAPI reuses them for a minute unless told otherwise.
 * @param maxBodyBytes longest page that is read. Default: the HTTP client's limit
 * @throws FhirResourceInvalid a match has no id or version
 * @throws InvalidFhirResponse the answer is no searchset, or holds matches that are not complete
 */
export async function searchAll<T extends Resource>(
  channel: FhirChannel,
  type: T['resourceType'],
  query: FhirQuery,
  signal: AbortSignal,
  maxBodyBytes?: number,
): Promise<readonly Found<T>[]> {
  const found = new Map<string, Found<T>>();
  let url: string | undefined = resourceUrl(channel.baseUrl, [type], encodeQuery(query));
  for (let pages = 0; url !== undefined; pages++) {
    if (pages >= MAX_SEARCH_PAGES) throw new InvalidFhirResponse(`a search has more than ${MAX_SEARCH_PAGES} pages`);
    const headers = { 'cache-control': 'no-cache' };
    const response = await channel.send({ kind: 'search', method: 'GET', url, headers, maxBodyBytes, signal });
    const page = readPage(await inTurns(readJsonInParts('search', response), signal));
    for (const match of matchesOf<T>(page, type)) found.set(match.id, match);
    url = nextUrl(page, url);
  }
  return [...found.values()];
}

const pageSchema = z.object({
  resourceType: z.literal('Bundle'),
  entry: z
    .array(
      z.object({
        search: z.object({ mode: z.string().optional() }).nullish(),
        resource: z.looseObject({ resourceType: z.string() }),
      }),
    )
    .nullish(),
  link: z.array(z.object({ relation: z.string(), url: z.string() })).nullish(),
});
type Page = z.output<typeof pageSchema>;

function readPage(json: unknown): Page {
  const parsed = pageSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const at = parsed.error.issues[0]?.path.join('.') ?? '';
  throw new InvalidFhirResponse(`the answer to a search is no searchset${at === '' ? '' : ` (at ${at})`}`);
}

function matchesOf<T extends Resource>(page: Page, type: T['resourceType']): readonly Found<T>[] {
  const matches = (page.entry ?? []).filter(
    ({ search, resource }) => (search?.mode ?? 'match') === 'match' && resource.resourceType !== 'OperationOutcome',
  );
  return matches.map(({ resource }) => {
    if (resource.resourceType !== type)
      throw new InvalidFhirResponse(`a search for ${type} has a match of another type`);
    // What the elements hold is for whoever reads them.
    const match = resource as Resource as T;
    if (isSubsetted(match))
      throw new InvalidFhirResponse(`a search for ${type} has a match that is not complete (SUBSETTED)`);
    return asFound(match);
  });
}

/** A resource with parts left out must never be written back (FHIR R4, search.html, "Summary"). */
function isSubsetted({ meta }: Resource): boolean {
  return Array.isArray(meta?.tag) && meta.tag.some((tag: unknown) => subsettedSchema.safeParse(tag).success);
}

const subsettedSchema = z.object({ code: z.literal('SUBSETTED') });

/** The link goes where the server says, but never to another origin: a token and patient data would go with it. */
function nextUrl(page: Page, current: string): string | undefined {
  const link = page.link?.find(({ relation }) => relation === 'next')?.url;
  if (link === undefined) return undefined;
  if (!URL.canParse(link, current)) throw new InvalidFhirResponse('the next link of a search is no URL');
  const next = new URL(link, current);
  if (next.origin !== new URL(current).origin)
    throw new InvalidFhirResponse('the next link of a search leads to another origin');
  return next.href;
}
