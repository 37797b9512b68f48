import { FhirError, FhirStatusError, InvalidFhirResponse } from './errors';

/**
 * Whether an answer to a combined request may be about one of its parts, so that each part has to be sent alone to learn whose it is.
 * Not where the server cannot be reached, wants no requests now, or may still be at work: that is the same for all parts.
 */
export function mayConcernOne(error: unknown): boolean {
  if (error instanceof FhirStatusError) return !SAME_FOR_ALL.has(error.status);
  if (error instanceof InvalidFhirResponse) return !error.bodyUnreadable;
  return error instanceof FhirError;
}

/** Not allowed, given up by somebody on the way, too many requests, not there. */
const SAME_FOR_ALL: ReadonlySet<number> = new Set([401, 403, 408, 429, 502, 503, 504]);

/** The same error without what the server said: that may be about patients of other parts, whom nobody would redact. */
export function forEachPart(error: unknown): unknown {
  if (!(error instanceof FhirStatusError)) return error;
  const { kind, status, retryAfterMs } = error;
  return new FhirStatusError({ kind, status, retryAfterMs });
}
