import type { Reference, ServiceRequest } from 'fhir/r4';
import type { FhirClient, Found } from '../fhir/client';
import { identifierKey } from '../mapping/identifiers';
import type { OrderReferences } from '../mapping/orders';
import { anyIdentifierQuery } from './queries';

/** More than a study has; what a URL may hold is limited by servers and gateways. */
const NUMBERS_PER_SEARCH = 40;

/**
 * Looks for the orders of a study among the ServiceRequests of the server, all at once. One that several match is found by none: which of
 * them is meant only their system can say.
 * @param orders logical references
 */
export async function findOrders(
  fhir: FhirClient,
  orders: readonly Reference[],
  signal: AbortSignal,
): Promise<OrderReferences> {
  const identifiers = orders.flatMap(({ identifier }) => identifier ?? []);
  const found: Found<ServiceRequest>[] = [];
  for (let start = 0; start < identifiers.length; start += NUMBERS_PER_SEARCH) {
    const query = [anyIdentifierQuery(identifiers.slice(start, start + NUMBERS_PER_SEARCH))];
    found.push(...(await fhir.search<ServiceRequest>('ServiceRequest', query, signal)));
  }
  const idsByKey = new Map<string, Set<string>>();
  for (const { id, resource } of found) {
    for (const identifier of resource.identifier ?? []) {
      const key = identifierKey(identifier);
      idsByKey.set(key, (idsByKey.get(key) ?? new Set()).add(id));
    }
  }
  return new Map(
    [...idsByKey].flatMap(([key, ids]) => {
      const [id, ...more] = ids;
      return id === undefined || more.length > 0 ? [] : [[key, `ServiceRequest/${id}`] as const];
    }),
  );
}
