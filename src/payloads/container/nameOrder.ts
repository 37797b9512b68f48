/** The order of a listing: bytewise over the UTF-8 of the whole name, which differs from the order of JavaScript's strings beyond U+D7FF. */
export function compareNames(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}
