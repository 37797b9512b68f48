import { classify } from '../failures/classify';
import type { StudyQueue } from '../study/studyQueue';
import type { Telemetry } from '../telemetry/telemetry';
import { feedLag } from './lag';
import type { PullSummary } from './pullChangeFeed';
import type { SyncStateStore } from './syncState';

export interface WatchDependencies {
  readonly state: Pick<SyncStateStore, 'read'>;
  readonly queues: readonly Pick<StudyQueue, 'name' | 'depth'>[];
  readonly telemetry: Telemetry;
  readonly now: () => Date;
}

/**
 * A run of the puller whose outcome is told, and with it how far the feed is behind and how much waits: also after a run that failed,
 * since that is when somebody looks.
 * @throws what the run throws
 */
export async function watchedPull(
  deps: WatchDependencies,
  pull: () => Promise<PullSummary>,
  signal: AbortSignal,
): Promise<PullSummary> {
  const { telemetry } = deps;
  try {
    const summary = await pull();
    telemetry.metric('feed-pulls', 1, { outcome: summary.stopped, reason: undefined });
    telemetry.metric('feed-entries', summary.entries);
    return summary;
  } catch (error) {
    telemetry.metric('feed-pulls', 1, { outcome: 'failed', reason: classify(error, 'dicom').reason });
    throw error;
  } finally {
    await tellLevels(deps, signal);
  }
}

async function tellLevels({ state, queues, telemetry, now }: WatchDependencies, signal: AbortSignal): Promise<void> {
  try {
    const current = await state.read(signal);
    const { entries, seconds } = feedLag(current);
    telemetry.metric('feed-lag-entries', entries);
    if (seconds !== undefined) telemetry.metric('feed-lag-seconds', seconds);
    if (current.lastSuccessAt !== undefined) {
      const ageMs = now().getTime() - Date.parse(current.lastSuccessAt);
      telemetry.metric('last-success-age-seconds', Math.max(0, Math.round(ageMs / 1000)));
    }
    for (const queue of queues) telemetry.metric('queue-depth', await queue.depth(signal), { queue: queue.name });
  } catch (error) {
    telemetry.log('warning', 'The levels of the feed could not be read', {
      problem: classify(error, 'storage').message,
    });
  }
}
