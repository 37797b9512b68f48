/** Parameters of a FHIR search, in order: names as FHIR defines them, values already escaped where a value is text. */
export type FhirQuery = readonly (readonly [name: string, value: string])[];

/**
 * Escapes text that stands inside a search parameter's value, so that `|`, `$` and `,` in it do not separate parts.
 * Source: FHIR R4, Search, 3.1.1.4.0.1 "Escaping Search Parameters".
 */
export function escapeSearchText(text: string): string {
  return SEPARATOR.test(text) ? text.replace(/[\\|$,]/g, '\\$&') : text;
}

const SEPARATOR = /[\\|$,]/;

/**
 * The value of a token parameter: `system|value`. Without a system the result is `|value`, which matches only tokens
 * that have no system. Source: FHIR R4, Search, 3.1.1.4.10 "token".
 */
export function tokenValue(system: string | undefined, value: string): string {
  return `${escapeSearchText(system ?? '')}|${escapeSearchText(value)}`;
}

/**
 * The query as it stands in a URL after the `?`, percent-encoded with UTF-8; a space is `%20`, never `+`. The same text
 * serves as `ifNoneExist`.
 */
export function encodeQuery(query: FhirQuery): string {
  return query.map(([name, value]) => `${encodeURIComponent(name)}=${encodeValue(value)}`).join('&');
}

/** encodeURIComponent throws on half of a surrogate pair; such text matches nothing, so it is sent as U+FFFD. */
export function encodeValue(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}
