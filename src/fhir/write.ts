import type { Resource } from 'fhir/r4';
import { z } from 'zod';
import type { HttpResponse } from '../http/httpClient';
import { parseJson } from '../http/json';
import { resourceUrl } from '../http/resourceUrl';
import type { FhirChannel } from './channel';
import { InvalidFhirResponse, MultipleMatches } from './errors';
import { normalisedEtag } from './etag';
import type { Found } from './found';
import { readLocation } from './location';
import { encodeQuery, type FhirQuery } from './query';
import { searchAll } from './search';

/** What became of a conditional create: `existed` means that nothing of ours was written. */
export interface Created<T> {
  readonly outcome: 'created' | 'existed';
  readonly id: string;
  readonly etag?: string;
  /** Only where the server sent it. */
  readonly resource?: T;
}

/** POST with If-None-Exist (FHIR R4, http.html, "Conditional create"). @throws MultipleMatches */
export async function createResource<T extends Resource>(
  channel: FhirChannel,
  resource: T,
  ifNoneExist: FhirQuery,
  signal: AbortSignal,
): Promise<Created<T>> {
  const { resourceType } = resource;
  const response = await channel.send({
    kind: 'create',
    method: 'POST',
    url: resourceUrl(channel.baseUrl, [resourceType]),
    headers: { prefer: 'return=minimal', 'if-none-exist': encodeQuery(ifNoneExist) },
    body: resource,
    signal,
  });
  const outcome = response.status === 201 ? 'created' : 'existed';
  const named = whereItIs(response, resourceType);
  if (named !== undefined) return { outcome, ...named };
  // Not every server says which resource it was: then the condition itself does.
  const [match, ...more] = await searchAll<T>(channel, resourceType, ifNoneExist, signal);
  if (match === undefined)
    throw new InvalidFhirResponse(`a create of ${resourceType} does not say where the resource is`);
  if (more.length > 0)
    throw new MultipleMatches(
      resourceType,
      [match, ...more].map(({ id }) => id),
    );
  return { outcome, ...match };
}

/** PUT by id with If-Match. @throws VersionConflict */
export async function updateResource<T extends Resource>(
  channel: FhirChannel,
  { id, etag }: Found<T>,
  resource: T,
  signal: AbortSignal,
): Promise<void> {
  await channel.send({
    kind: 'update',
    method: 'PUT',
    url: resourceUrl(channel.baseUrl, [resource.resourceType, id]),
    headers: { prefer: 'return=minimal', 'if-match': etag },
    body: { ...resource, id },
    ifMatch: true,
    signal,
  });
}

/** DELETE by id. Success means that the resource is gone, not that it was there. */
export async function deleteResource(
  channel: FhirChannel,
  type: string,
  id: string,
  etag: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  await channel.send({
    kind: 'delete',
    method: 'DELETE',
    url: resourceUrl(channel.baseUrl, [type, id]),
    headers: etag === undefined ? {} : { 'if-match': etag },
    alsoFine: [404, 410],
    signal,
  });
}

const referenceSchema = z.object({
  resourceType: z.string(),
  id: z.string(),
  meta: z.object({ versionId: z.string() }).optional(),
});

function whereItIs(
  { headers, body }: HttpResponse,
  type: string,
): { readonly id: string; readonly etag?: string } | undefined {
  const location = readLocation(headers.location) ?? readLocation(headers['content-location']);
  const reference = location?.type === type ? location : fromBody(body, type);
  if (reference === undefined) return undefined;
  const etag = reference.etag ?? normalisedEtag(headers.etag);
  return { id: reference.id, ...(etag !== undefined && { etag }) };
}

function fromBody(body: string, type: string): { readonly id: string; readonly etag?: string } | undefined {
  const parsed = referenceSchema.safeParse(parseJson(body));
  if (!parsed.success || parsed.data.resourceType !== type) return undefined;
  const { id, meta } = parsed.data;
  const etag = normalisedEtag(meta?.versionId);
  return { id, ...(etag !== undefined && { etag }) };
}
