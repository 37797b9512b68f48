import { type StudyKey, studyKeyText } from '../dicom/studyKey';
import type { FailedEntries, FailedEntryFilter } from '../failures/failedEntries';
import type { FailedEntry, FailedFeedEntry } from '../failures/failedEntry';
import type { ChangeFeedClient } from '../feed/changeFeedClient';
import { groupByStudy } from '../feed/round';
import type { StudyChange } from '../study/message';
import type { StudyQueue } from '../study/studyQueue';

export interface RetryDependencies {
  readonly failedEntries: Pick<FailedEntries, 'list' | 'dismiss'>;
  readonly queue: StudyQueue;
  readonly changeFeed: Pick<ChangeFeedClient, 'window'>;
}

/** What a retry set in motion. The rows stay until a pass has settled them. */
export interface RetrySummary {
  readonly entries: number;
  readonly studies: number;
  /** Entries that cannot be tried again, because nobody knows their study. */
  readonly notRetryable: number;
}

const PAGE_SIZE = 1000;

/** Has the studies of these entries looked at again. An unreadable entry of the feed is read once more. */
export async function retryFailedEntries(
  deps: RetryDependencies,
  filter: FailedEntryFilter,
  signal: AbortSignal,
): Promise<RetrySummary> {
  const messages = new Map<string, { readonly study: StudyKey; readonly changes: StudyChange[] }>();
  let entries = 0;
  let notRetryable = 0;
  for await (const entry of allEntries(deps, filter, signal)) {
    if (entry.study === undefined) {
      if (await rereadFeedEntry(deps, entry, signal)) entries++;
      else notRetryable++;
      continue;
    }
    entries++;
    const key = studyKeyText(entry.study);
    const message = messages.get(key) ?? { study: entry.study, changes: [] };
    messages.set(key, message);
    message.changes.push(...changeOf(entry));
  }
  for (const message of messages.values()) await deps.queue.send(message, { signal });
  return { entries, studies: messages.size, notRetryable };
}

async function* allEntries(
  deps: RetryDependencies,
  filter: FailedEntryFilter,
  signal: AbortSignal,
): AsyncGenerator<FailedEntry | FailedFeedEntry> {
  let continuationToken: string | undefined;
  do {
    const page = await deps.failedEntries.list(filter, { top: PAGE_SIZE, continuationToken }, signal);
    yield* page.items;
    continuationToken = page.continuationToken;
  } while (continuationToken !== undefined);
}

/** The change that the row stands for; a row of a whole study or of an unnamed instance stands for none. */
function changeOf({ sequence, action, seriesUid, instanceUid }: FailedEntry): readonly StudyChange[] {
  if (sequence === undefined || action === undefined || seriesUid === undefined || instanceUid === undefined) return [];
  return [{ sequence: Number(sequence), action, series: seriesUid, instance: instanceUid }];
}

/** An entry that can be read now, or is gone, is an ordinary change (or none) from here on, and its row goes. */
async function rereadFeedEntry(deps: RetryDependencies, entry: FailedFeedEntry, signal: AbortSignal): Promise<boolean> {
  if (entry.reason !== 'UnreadableEntry' || entry.sequence === undefined) return false;
  try {
    const found = await deps.changeFeed.window(Number(entry.sequence) - 1, 1, signal);
    for (const message of groupByStudy(found)) await deps.queue.send(message, { signal });
  } catch {
    // Still unreadable: the row stays and says so.
    signal.throwIfAborted();
    return false;
  }
  await deps.failedEntries.dismiss({ reason: 'UnreadableEntry', rowKey: entry.rowKey }, signal);
  return true;
}
