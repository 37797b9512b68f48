import type { Resource } from 'fhir/r4';
import type { HttpClient } from '../http/httpClient';
import { type CapabilitySummary, readCapabilities } from './capability';
import { type AroundFhirRequest, fhirChannel } from './channel';
import type { Found } from './found';
import type { FhirQuery } from './query';
import { combinedSearches } from './combinedSearches';
import { combinedTransactions } from './combinedTransactions';
import { searchAll } from './search';
import { sendTransaction, type TransactionEntry, type TransactionResult } from './transaction';
import { type Created, createResource, deleteResource, updateResource } from './write';

export type { CapabilitySummary } from './capability';
export type { AroundFhirRequest, FhirRequestKind } from './channel';
export type { Found } from './found';
export type { TransactionEntry, TransactionResult } from './transaction';
export type { Created } from './write';

/**
 * A FHIR R4 server. Beside the errors that each method names, all of them throw ConnectionError (no complete answer),
 * FhirStatusError (refused), InvalidFhirResponse (an answer that makes no sense) and the reason of an aborted signal.
 */
export interface FhirClient {
  /** All matches over all pages, fresh from the server. @throws FhirResourceInvalid a match without id or version */
  search<T extends Resource>(
    type: T['resourceType'],
    query: FhirQuery,
    signal: AbortSignal,
  ): Promise<readonly Found<T>[]>;
  /** @throws MultipleMatches, VersionConflict (somebody else was faster) */
  create<T extends Resource>(resource: T, ifNoneExist: FhirQuery, signal: AbortSignal): Promise<Created<T>>;
  /** Replaces exactly the version that was found. @throws VersionConflict */
  update<T extends Resource>(found: Found<T>, resource: T, signal: AbortSignal): Promise<void>;
  /** Absent already is fine. @throws VersionConflict, which also means that something refers to the resource */
  delete(type: string, id: string, etag: string | undefined, signal: AbortSignal): Promise<void>;
  /** All or nothing; the results stand in the order of the entries. @throws VersionConflict, MultipleMatches */
  transaction(entries: readonly TransactionEntry[], signal: AbortSignal): Promise<readonly TransactionResult[]>;
  capabilities(signal: AbortSignal): Promise<CapabilitySummary>;
}

export interface FhirClientOptions {
  /** Built for the origin of the base URL. */
  readonly http: HttpClient;
  /** With its path, such as https://host/fhir. */
  readonly baseUrl: string;
  readonly around?: AroundFhirRequest;
  /** Most searches by identifier, or most small transactions, that may share a request. Default: 1, each has its own. */
  readonly together?: number;
  /** Requests of a kind that may be under way before others wait for company; see `Sharing`. */
  readonly groupsUnderWay?: number;
}

export function createFhirClient(options: FhirClientOptions): FhirClient {
  const { http, baseUrl, around, together = 1, groupsUnderWay } = options;
  const channel = fhirChannel(http, baseUrl, around);
  const sharing = { most: together, groupsUnderWay };
  return {
    search:
      together > 1
        ? combinedSearches(channel, sharing)
        : (type, query, signal) => searchAll(channel, type, query, signal),
    create: (resource, ifNoneExist, signal) => createResource(channel, resource, ifNoneExist, signal),
    update: (found, resource, signal) => updateResource(channel, found, resource, signal),
    delete: (type, id, etag, signal) => deleteResource(channel, type, id, etag, signal),
    transaction:
      together > 1
        ? combinedTransactions(channel, sharing)
        : (entries, signal) => sendTransaction(channel, entries, signal),
    capabilities: (signal) => readCapabilities(channel, signal),
  };
}
