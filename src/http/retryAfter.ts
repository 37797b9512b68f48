/** Longest delay that a service can ask for; a longer one is cut to a day. */
export const MAX_RETRY_AFTER_MS = 24 * 60 * 60 * 1000;

/**
 * How long a service asks to wait, in milliseconds from now; undefined when it does not say, or not readably.
 * `Retry-After` holds seconds or an HTTP date (RFC 9110, 10.2.3); a date is compared with the answer's own `Date`, so
 * that clocks may differ. Azure API for FHIR sends milliseconds in `x-ms-retry-after-ms`.
 * @param headers with lower-case names
 */
export function retryAfterMs(headers: Readonly<Record<string, string>>, nowMs: number): number | undefined {
  const milliseconds = wholeNumber(headers['x-ms-retry-after-ms']);
  const delayMs = milliseconds ?? delayOf(headers['retry-after'], headers.date, nowMs);
  return delayMs === undefined ? undefined : Math.min(Math.max(0, delayMs), MAX_RETRY_AFTER_MS);
}

function delayOf(retryAfter: string | undefined, date: string | undefined, nowMs: number): number | undefined {
  const seconds = wholeNumber(retryAfter);
  if (seconds !== undefined) return seconds * 1000;
  const until = httpDate(retryAfter);
  return until === undefined ? undefined : until - (httpDate(date) ?? nowMs);
}

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\s*\d{1,15}\s*$/.test(text) ? Number(text) : undefined;
}

/** The three forms of RFC 9110, 5.6.7; all mean UTC, also the one that does not say so. */
function httpDate(text: string | undefined): number | undefined {
  if (text === undefined || !/^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)/.test(text)) return undefined;
  const milliseconds = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`);
  return Number.isNaN(milliseconds) ? undefined : milliseconds;
}
