import { classify } from '../failures/classify';
import { type LevelDependencies, tellLevels } from './levels';
import type { PullSummary } from './pullChangeFeed';

/**
 * A run of the puller whose outcome is told, and with it how far the feed is behind and how much waits: also after a run that failed,
 * since that is when somebody looks.
 * @throws what the run throws
 */
export async function watchedPull(
  deps: LevelDependencies,
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
