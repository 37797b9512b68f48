import type { Reference } from 'fhir/r4';
import { identifierKey } from './identifiers';

/** A ServiceRequest that carries the number of an order. */
export interface FoundOrder {
  /** `ServiceRequest/<id>` */
  readonly reference: string;
  /** A server may hold one without. */
  readonly subject: Reference | undefined;
}

/** All that the server has, by the key of the identifier. */
export type FoundOrders = ReadonlyMap<string, readonly FoundOrder[]>;

/** `ServiceRequest/<id>` of each order that exactly one ServiceRequest matches, by the key of its identifier. */
export type OrderReferences = ReadonlyMap<string, string>;

/**
 * @param subject of the study; an order of somebody else is none of its orders, whatever its number
 * @returns what to refer to literally. One that several match is found by none: which of them is meant only their system can say
 */
export function ordersFor(found: FoundOrders, subject: Reference): OrderReferences {
  return new Map(
    [...found].flatMap(([key, orders]) => {
      const [order, ...more] = orders.filter((each) => !isOfAnother(each.subject, subject));
      return order === undefined || more.length > 0 ? [] : [[key, order.reference] as const];
    }),
  );
}

/** Only literal references tell; the server may write them absolute or with a version. A new Patient has no order yet. */
function isOfAnother(ofOrder: Reference | undefined, ofStudy: Reference): boolean {
  const [named] = ofOrder?.reference?.split('/_history/') ?? [];
  if (named === undefined || named.startsWith('#') || ofStudy.reference === undefined) return false;
  return named !== ofStudy.reference && !named.endsWith(`/${ofStudy.reference}`);
}

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
