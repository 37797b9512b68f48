import type { Breakers } from '../failures/breaker';
import type { FailedEntries } from '../failures/failedEntries';
import { feedLag } from '../feed/lag';
import type { FeedCondition, SyncStateStore } from '../feed/syncState';
import type { StudyQueue } from '../study/studyQueue';

/** How Cast stands, from rows and counters only: asking for it costs no request to DICOM or FHIR. */
export interface StatusReport {
  readonly changeFeed: {
    readonly condition: FeedCondition;
    /** Everything up to this sequence has been handed to the queue. */
    readonly sequence: number;
    readonly latestSeen?: number | undefined;
    readonly lagEntries: number;
    /** Between the last entry handed over and the latest entry seen, by the clock of the DICOM service. */
    readonly lagSeconds?: number | undefined;
    readonly lastRunAt?: string | undefined;
    readonly lastSuccessAt?: string | undefined;
    readonly lastRoundEntries?: number | undefined;
  };
  readonly queues: Readonly<Record<string, number>>;
  readonly failedEntries: { readonly total: number; readonly byReason: Readonly<Record<string, number>> };
  readonly breakers: ReturnType<Breakers['states']>;
}

export interface StatusDependencies {
  readonly state: SyncStateStore;
  readonly queues: readonly StudyQueue[];
  readonly failedEntries: Pick<FailedEntries, 'countByReason'>;
  readonly breakers: Breakers;
}

export async function readStatus(deps: StatusDependencies, signal: AbortSignal): Promise<StatusReport> {
  const [state, depths, byReason] = await Promise.all([
    deps.state.read(signal),
    Promise.all(deps.queues.map(async (queue) => [queue.name, await queue.depth(signal)] as const)),
    deps.failedEntries.countByReason(signal),
  ]);
  const lag = feedLag(state);
  return {
    changeFeed: {
      condition: state.condition,
      sequence: state.sequence,
      latestSeen: state.latestSeen,
      lagEntries: lag.entries,
      lagSeconds: lag.seconds,
      lastRunAt: state.lastRunAt,
      lastSuccessAt: state.lastSuccessAt,
      lastRoundEntries: state.lastRoundEntries,
    },
    queues: Object.fromEntries(depths),
    failedEntries: { total: Object.values(byReason).reduce((sum, count) => sum + count, 0), byReason },
    breakers: deps.breakers.states(),
  };
}
