import type { Drained } from './fhirDatabase';

/**
 * The one rule of time. A row for a payload is inserted only by the request that made its key; a transaction that may still insert it
 * began after the storage's date, so its payload is younger than the cutoff, as long as no request takes longer than the grace from its
 * last upload to the start of its transaction. A transaction that outlasted the drain moves the cutoff to before its own start.
 * @param storageDate the `Date` header of an answer of the storage, read before the drain began
 * @returns the cutoff of the run: only a blob that was last modified strictly before it can be an orphan
 */
export function cutoffAfterDrain(storageDate: Date, graceMs: number, { oldestAgeMs }: Drained): Date {
  const cutoffMs = storageDate.getTime() - oldestAgeMs - graceMs;
  if (!Number.isFinite(cutoffMs) || graceMs < 0 || oldestAgeMs < 0)
    throw new RangeError('The cutoff needs a date, and a grace and an age of 0 or more');
  return new Date(cutoffMs);
}
