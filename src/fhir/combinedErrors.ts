import { FhirError, FhirStatusError, InvalidFhirResponse } from './errors';

/**
 * Whether an answer to a combined request may be about one of its parts, so that each part has to be sent alone to learn whose it is.
 * Not where the server cannot be reached, wants no requests now, or may have done what it was asked: that is the same for all parts.
 */
export function mayConcernOne(error: unknown): boolean {
  if (error instanceof FhirStatusError) return !SAME_FOR_ALL.has(error.status);
  if (error instanceof InvalidFhirResponse) return !error.outcomeUnknown;
  return error instanceof FhirError;
}

/** Not known who we are, given up by somebody on the way, too many requests, not there. A 403 may be about one patient's record. */
const SAME_FOR_ALL: ReadonlySet<number> = new Set([401, 408, 429, 502, 503, 504]);

/** The same error without what the server said: that may be about patients of other parts, whom nobody would redact. */
export function forEachPart(error: unknown): unknown {
  if (!(error instanceof FhirStatusError)) return error;
  const { kind, status, retryAfterMs } = error;
  return new FhirStatusError({ kind, status, retryAfterMs });
}
