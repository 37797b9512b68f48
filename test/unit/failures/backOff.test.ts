import { backOffDelayMs } from '../../../src/failures/backOff';

const delay = (dequeueCount: number, random = 0.999_999, retryAfterMs?: number): number =>
  backOffDelayMs({ dequeueCount, baseMs: 2000, capMs: 60_000, random: () => random, retryAfterMs });

test('the delay doubles with each delivery up to the cap', () => {
  expect([1, 2, 3, 4, 5, 6, 7, 500].map((count) => delay(count))).toEqual([
    2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000,
  ]);
});

test('the jitter takes away at most half', () => {
  expect(delay(3, 0)).toBe(4000);
  expect(delay(3, 0.5)).toBe(6000);
});

test('Retry-After is the floor, also above the cap', () => {
  expect(delay(1, 0, 90_000)).toBe(90_000);
  expect(delay(5, 0, 1000)).toBe(16_000);
});

test('the delay never exceeds what a queue message can stay invisible', () => {
  expect(delay(1, 0, 1e12)).toBe(7 * 86_400_000);
});

test('a count that makes no sense is a first delivery', () => {
  expect(delay(0)).toBe(2000);
  expect(delay(-5)).toBe(2000);
});
