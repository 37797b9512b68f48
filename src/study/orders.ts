import type { Identifier, Reference, ServiceRequest } from 'fhir/r4';
import type { FhirClient, Found } from '../fhir/client';
import { identifierKey } from '../mapping/identifiers';
import type { FoundOrder, FoundOrders } from '../mapping/orders';
import { anyIdentifierQuery } from './queries';

/** More than a study has; what a URL may hold is limited by servers and gateways. */
const NUMBERS_PER_SEARCH = 40;

/**
 * Looks for the orders of a study among the ServiceRequests of the server, all at once. A number without a system is not looked for: that of
 * another hospital may be the same.
 * @param orders logical references
 */
export async function findOrders(
  fhir: FhirClient,
  orders: readonly Reference[],
  signal: AbortSignal,
): Promise<FoundOrders> {
  const identifiers = orders.flatMap(({ identifier }) => identifier ?? []).filter(hasSystem);
  const found: Found<ServiceRequest>[] = [];
  for (let start = 0; start < identifiers.length; start += NUMBERS_PER_SEARCH) {
    const query = [anyIdentifierQuery(identifiers.slice(start, start + NUMBERS_PER_SEARCH))];
    found.push(...(await fhir.search<ServiceRequest>('ServiceRequest', query, signal)));
  }
  const byKey = new Map<string, Map<string, FoundOrder>>();
  for (const { id, resource } of found) {
    const order: FoundOrder = { reference: `ServiceRequest/${id}`, subject: resource.subject };
    for (const identifier of (resource.identifier ?? []).filter(hasSystem)) {
      const key = identifierKey(identifier);
      byKey.set(key, (byKey.get(key) ?? new Map<string, FoundOrder>()).set(id, order));
    }
  }
  return new Map([...byKey].map(([key, byId]) => [key, [...byId.values()]]));
}

function hasSystem({ system }: Identifier): boolean {
  return system !== undefined;
}
