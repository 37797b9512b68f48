/** `last_updated` is UTC in a column without a zone: the parameter, an ISO text, is brought to that form. */
export function asUtc(parameter: string): string {
  return `(${parameter}::timestamptz at time zone 'UTC')`;
}
