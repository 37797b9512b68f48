import type { SyncState } from './syncState';

/** How far the queue is behind the change feed. */
export interface FeedLag {
  readonly entries: number;
  /** Between the last entry handed over and the latest entry seen, by the clock of the DICOM service; undefined while either is unknown. */
  readonly seconds: number | undefined;
}

export function feedLag({ sequence, latestSeen, latestTimestamp, entryTimestamp }: SyncState): FeedLag {
  if (latestSeen === undefined) return { entries: 0, seconds: undefined };
  if (latestSeen <= sequence) return { entries: 0, seconds: 0 };
  const entries = latestSeen - sequence;
  if (latestTimestamp === undefined || entryTimestamp === undefined) return { entries, seconds: undefined };
  const seconds = Math.round((Date.parse(latestTimestamp) - Date.parse(entryTimestamp)) / 1000);
  return { entries, seconds: Math.max(0, seconds) };
}
