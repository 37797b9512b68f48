import { MAX_RETRY_AFTER_MS, retryAfterMs } from '../../../src/http/retryAfter';

const now = Date.parse('2026-01-02T03:04:05Z');

describe('the time that a service asks to wait', () => {
  it.each([
    ['seconds', { 'retry-after': '120' }, 120_000],
    ['no wait', { 'retry-after': '0' }, 0],
    ['a date, by our clock', { 'retry-after': 'Fri, 02 Jan 2026 03:04:35 GMT' }, 30_000],
    [
      "a date, by the service's clock",
      { 'retry-after': 'Fri, 02 Jan 2026 05:00:10 GMT', date: 'Fri, 02 Jan 2026 05:00:00 GMT' },
      10_000,
    ],
    ['a date that has passed', { 'retry-after': 'Fri, 02 Jan 2026 03:00:00 GMT' }, 0],
    ['the old date of RFC 850', { 'retry-after': 'Friday, 02-Jan-26 03:04:15 GMT' }, 10_000],
    ['the date of asctime', { 'retry-after': 'Fri Jan  2 03:04:15 2026' }, 10_000],
    ['milliseconds, as Azure sends them', { 'x-ms-retry-after-ms': '250', 'retry-after': '1' }, 250],
    ['a delay of years', { 'retry-after': '999999999' }, MAX_RETRY_AFTER_MS],
  ])('is read from %s', (_, headers, expected) => {
    expect(retryAfterMs(headers as Record<string, string>, now)).toBe(expected);
  });

  it.each([
    [{}],
    [{ 'retry-after': '' }],
    [{ 'retry-after': 'soon' }],
    [{ 'retry-after': '-5' }],
    [{ 'retry-after': '1.5' }],
  ])('is unknown for %j', (headers) => {
    expect(retryAfterMs(headers as Record<string, string>, now)).toBeUndefined();
  });
});
