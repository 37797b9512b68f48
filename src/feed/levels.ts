import { classify } from '../failures/classify';
import type { StudyQueue } from '../study/studyQueue';
import type { Telemetry } from '../telemetry/telemetry';
import type { ChangeFeedClient } from './changeFeedClient';
import { feedLag } from './lag';
import type { SyncState, SyncStateStore } from './syncState';

export interface LevelDependencies {
  readonly state: Pick<SyncStateStore, 'read'>;
  readonly queues: readonly Pick<StudyQueue, 'name' | 'depth'>[];
  readonly telemetry: Telemetry;
  readonly now: () => Date;
}

/** Tells how far the feed is behind, how much waits, and whether a person has to set the cursor. What cannot be read is left out with a log line. */
export async function tellLevels(deps: LevelDependencies, signal: AbortSignal): Promise<void> {
  await tell(deps, (state) => Promise.resolve(state), signal);
}

/**
 * The same, with the latest entry asked of the change feed now: the lag grows also while nobody pulls.
 * A change feed that does not answer leaves what the puller saw last.
 */
export async function tellLevelsNow(
  deps: LevelDependencies & { readonly changeFeed: Pick<ChangeFeedClient, 'latest'> },
  signal: AbortSignal,
): Promise<void> {
  await tell(deps, (state) => seenNow(deps, state, signal), signal);
}

async function tell(
  { state, queues, telemetry, now }: LevelDependencies,
  asSeen: (state: SyncState) => Promise<SyncState>,
  signal: AbortSignal,
): Promise<void> {
  try {
    const current = await asSeen(await state.read(signal));
    const { entries, seconds } = feedLag(current);
    telemetry.metric('feed-lag-entries', entries);
    if (seconds !== undefined) telemetry.metric('feed-lag-seconds', seconds);
    if (current.lastSuccessAt !== undefined) {
      const ageMs = now().getTime() - Date.parse(current.lastSuccessAt);
      telemetry.metric('last-success-age-seconds', Math.max(0, Math.round(ageMs / 1000)));
    }
    const { sequence, latestSeen = sequence } = current;
    telemetry.metric('feed-reset-pending', latestSeen < sequence ? 1 : 0);
    for (const queue of queues) telemetry.metric('queue-depth', await queue.depth(signal), { queue: queue.name });
  } catch (error) {
    telemetry.log('warning', 'The levels of the feed could not be read', {
      problem: classify(error, 'storage').message,
    });
  }
}

async function seenNow(
  { changeFeed, telemetry }: { readonly changeFeed: Pick<ChangeFeedClient, 'latest'>; readonly telemetry: Telemetry },
  state: SyncState,
  signal: AbortSignal,
): Promise<SyncState> {
  try {
    const { sequence, timestamp } = await changeFeed.latest(signal);
    return { ...state, latestSeen: sequence, ...(timestamp !== undefined && { latestTimestamp: timestamp }) };
  } catch (error) {
    telemetry.log('warning', 'The end of the change feed is not known', { problem: classify(error, 'dicom').message });
    return state;
  }
}
