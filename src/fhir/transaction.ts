import type { Bundle, BundleEntry, Resource } from 'fhir/r4';
import { z } from 'zod';
import { resourceUrl } from '../http/resourceUrl';
import { isSuccess } from '../http/success';
import { type FhirChannel, readJson } from './channel';
import { InvalidFhirResponse } from './errors';
import { normalisedEtag } from './etag';
import { readLocation } from './location';
import { encodeQuery, type FhirQuery } from './query';

export type TransactionEntry =
  /** fullUrl: `urn:uuid:...`, which other entries may refer to. */
  | { readonly kind: 'create'; readonly fullUrl: string; readonly resource: Resource; readonly ifNoneExist: FhirQuery }
  | { readonly kind: 'update'; readonly resource: Resource; readonly id: string; readonly etag: string }
  | { readonly kind: 'delete'; readonly type: string; readonly id: string; readonly etag?: string | undefined };

export interface TransactionResult {
  /** Of a create: 201 created; 200 existed already, and nothing of ours was written. */
  readonly status: number;
  readonly location?: string;
  readonly id?: string;
  /** `W/"version"` */
  readonly etag?: string;
}

/**
 * Sends the entries as one transaction: all of them happen, or none. Without entries nothing is sent.
 * @returns the result of each entry, in the order of the entries
 * @throws VersionConflict, MultipleMatches, FhirStatusError: nothing happened
 * @throws InvalidFhirResponse when the answer does not confirm each entry (FHIR R4, http.html, "Transaction Response")
 */
export async function sendTransaction(
  channel: FhirChannel,
  entries: readonly TransactionEntry[],
  signal: AbortSignal,
): Promise<readonly TransactionResult[]> {
  if (entries.length === 0) return [];
  const bundle: Bundle = {
    resourceType: 'Bundle',
    type: 'transaction',
    entry: entries.map((entry) => bundleEntry(channel.baseUrl, entry)),
  };
  const response = await channel.send({
    kind: 'transaction',
    method: 'POST',
    url: channel.baseUrl,
    headers: { prefer: 'return=minimal' },
    body: bundle,
    ifMatch: entries.some(({ kind }) => kind !== 'create'),
    signal,
  });
  return readResults(readJson('transaction', response), entries);
}

function bundleEntry(baseUrl: string, entry: TransactionEntry): BundleEntry {
  switch (entry.kind) {
    case 'create': {
      const { fullUrl, resource, ifNoneExist } = entry;
      const request = { method: 'POST', url: resource.resourceType, ifNoneExist: encodeQuery(ifNoneExist) } as const;
      return { fullUrl, resource, request };
    }
    case 'update': {
      const { resource, id, etag } = entry;
      const request = { method: 'PUT', url: `${resource.resourceType}/${id}`, ifMatch: etag } as const;
      return {
        fullUrl: resourceUrl(baseUrl, [resource.resourceType, id]),
        resource: { ...resource, id },
        request,
      };
    }
    case 'delete': {
      const { type, id, etag } = entry;
      return { request: { method: 'DELETE', url: `${type}/${id}`, ...(etag !== undefined && { ifMatch: etag }) } };
    }
  }
}

const bundleSchema = z.object({ resourceType: z.literal('Bundle'), entry: z.array(z.unknown()).nullish() });
const text = z.string().optional().catch(undefined);
const responseSchema = z.object({ status: text, location: text, etag: text });

function readResults(json: unknown, entries: readonly TransactionEntry[]): readonly TransactionResult[] {
  const bundle = bundleSchema.safeParse(json);
  if (!bundle.success)
    throw new InvalidFhirResponse('the answer to a transaction is no Bundle', { outcomeUnknown: true });
  const answers = bundle.data.entry ?? [];
  if (answers.length !== entries.length) {
    throw new InvalidFhirResponse(`the answer to a transaction of ${entries.length} entries has ${answers.length}`);
  }
  return entries.map((entry, index) => readResult(answers[index], entry, index));
}

function readResult(answer: unknown, entry: TransactionEntry, index: number): TransactionResult {
  const problem = (what: string): InvalidFhirResponse =>
    new InvalidFhirResponse(`entry ${index} of a transaction ${what}`);
  if (!isObject(answer)) throw problem('has no answer');
  if (!isObject(answer.response)) throw problem('has an answer without response');
  const { status: statusText, location, etag: etagText } = responseSchema.parse(answer.response);
  if (statusText === undefined || statusText.trim() === '') throw problem('has a response without status');
  const status = statusOf(statusText);
  if (status === undefined) throw problem('has a response whose status is malformed');
  if (!isConfirmed(status, entry)) throw problem(`has the status ${status}`);
  const place = readLocation(location);
  const id = entry.kind === 'create' ? (place?.id ?? idOf(answer.resource)) : entry.id;
  const etag = place?.etag ?? normalisedEtag(etagText);
  return {
    status,
    ...(location !== undefined && { location }),
    ...(id !== undefined && { id }),
    ...(etag !== undefined && { etag }),
  };
}

/** `201` or `201 Created` */
function statusOf(text: string): number | undefined {
  const digits = /^(\d{3})(?: .*)?$/s.exec(text)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** A resource to delete that is not there is as it should be. */
function isConfirmed(status: number, entry: TransactionEntry): boolean {
  return isSuccess(status) || (entry.kind === 'delete' && (status === 404 || status === 410));
}

function idOf(resource: unknown): string | undefined {
  return isObject(resource) && typeof resource.id === 'string' && resource.id !== '' ? resource.id : undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
