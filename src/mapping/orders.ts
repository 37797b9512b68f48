import type { Reference } from 'fhir/r4';
import { identifierKey } from './identifiers';

/** `ServiceRequest/<id>` of each order that exactly one ServiceRequest matches, by the key of its identifier. */
export type OrderReferences = ReadonlyMap<string, string>;

/**
 * @param found undefined: orders are not looked up
 * @returns the logical references, literal as well where the order was found; one that several numbers name stands there once, by the first
 */
export function literalOrders(orders: readonly Reference[], found: OrderReferences | undefined): readonly Reference[] {
  const literal = orders.map((order) => literalOrder(order, found));
  return literal.filter(
    ({ reference }, index) =>
      reference === undefined || literal.findIndex((other) => other.reference === reference) === index,
  );
}

function literalOrder(order: Reference, found: OrderReferences | undefined): Reference {
  const reference = order.identifier === undefined ? undefined : found?.get(identifierKey(order.identifier));
  return reference === undefined ? order : { reference, ...order };
}
