/**
 * A URL below a base URL, whose own path is kept. Each segment is percent-encoded, so that no value adds a segment or a query.
 * @param query already encoded, without `?`
 * @throws RangeError for a segment that a URL would take as a step in the path (`.`, `..`) or leave out
 */
export function resourceUrl(baseUrl: string, segments: readonly string[], query = ''): string {
  const path = segments.map((segment) => `/${encodeSegment(segment)}`).join('');
  return `${withoutTrailingSlash(baseUrl)}${path}${query === '' ? '' : `?${query}`}`;
}

/** The base URL in the one form that everything is appended to. */
export function withoutTrailingSlash(baseUrl: string): string {
  return baseUrl.replace(/\/+$/, '');
}

function encodeSegment(segment: string): string {
  if (/^\.{0,2}$/.test(segment)) throw new RangeError('A path segment must not be empty, "." or ".."');
  return encodeURIComponent(segment.toWellFormed());
}
