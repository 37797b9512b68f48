import { setImmediate as nextTurn } from 'node:timers/promises';
import { inParallel } from '../concurrency/inParallel';
import type { FailedEntries } from '../failures/failedEntries';
import type { FailedFeedEntry } from '../failures/failedEntry';
import type { FailureNotifier } from '../failures/notifier';
import type { StudyMessage } from '../study/message';
import type { StudyQueue } from '../study/studyQueue';
import type { SyncReporter } from '../study/syncReporter';
import type { Telemetry } from '../telemetry/telemetry';
import type { ChangeFeedClient, LatestEntry } from './changeFeedClient';
import { readRound, type RoundLimits, type Round } from './readRound';
import { groupByStudy, shareMessages } from './round';
import { type StoredSyncState, SyncStateChanged, type SyncState, type SyncStateStore } from './syncState';

export interface PullDependencies {
  readonly client: ChangeFeedClient;
  readonly state: SyncStateStore;
  readonly queue: StudyQueue;
  readonly failedEntries: Pick<FailedEntries, 'fileUnreadable'>;
  /** Tells of entries that cannot be read. */
  readonly reporter: Pick<SyncReporter, 'filedAside'>;
  readonly notifier: Pick<FailureNotifier, 'feedReset'>;
  readonly telemetry: Telemetry;
  readonly limits: RoundLimits;
  /** Small studies that one message may be about. */
  readonly studiesPerMessage: number;
  /** Messages in the queue beyond which nothing is pulled. */
  readonly queueLimit: number;
  /** After this time a run stops at the end of its round. */
  readonly softDeadlineMs: number;
  readonly now?: () => Date;
}

/** What one run of the puller did, and why it stopped. */
export interface PullSummary {
  readonly stopped: 'caught-up' | 'held-back' | 'feed-reset' | 'deadline' | 'another-puller';
  readonly rounds: number;
  readonly entries: number;
  readonly messages: number;
  readonly unreadable: number;
  readonly sequence: number;
  readonly latest: number;
}

/**
 * Hands the change feed to the queue, round by round: read, send, then move the cursor with If-Match (at least once).
 * Two pullers at once do no harm: the ETag of the cursor decides, and a message twice is a repeat of a level-triggered sync.
 * @throws what the DICOM service, the queue or the table threw; the cursor then stands where it stood
 */
export async function pullChangeFeed(deps: PullDependencies, signal: AbortSignal): Promise<PullSummary> {
  const { client, state, queue, now = () => new Date() } = deps;
  const started = performance.now();
  const done = { rounds: 0, entries: 0, messages: 0, unreadable: 0 };
  let current = await state.read(signal);
  const summary = (stopped: PullSummary['stopped'], latest: number): PullSummary => ({
    stopped,
    ...done,
    sequence: current.sequence,
    latest,
  });

  try {
    for (;;) {
      const [latest, waiting] = await Promise.all([client.latest(signal), queue.depth(signal)]);
      const seen = { latestSeen: latest.sequence, latestTimestamp: latest.timestamp };
      if (latest.sequence < current.sequence) {
        await remember(deps, current, { ...seen, condition: 'feed-reset' }, signal);
        if (current.condition !== 'feed-reset') await tellReset(deps, current.sequence, latest.sequence);
        return summary('feed-reset', latest.sequence);
      }
      if (latest.sequence === current.sequence) {
        await remember(deps, current, { ...seen, condition: 'ok', lastSuccessAt: now().toISOString() }, signal);
        return summary('caught-up', latest.sequence);
      }
      if (waiting >= deps.queueLimit) {
        await remember(deps, current, { ...seen, condition: 'held-back', lastSuccessAt: now().toISOString() }, signal);
        return summary('held-back', latest.sequence);
      }
      const handed = await handOverRound(deps, current, latest, signal);
      current = handed.state;
      done.rounds++;
      done.entries += handed.round.entries.length;
      done.messages += handed.messages;
      done.unreadable += handed.round.unreadable.length;
      if (performance.now() - started > deps.softDeadlineMs) return summary('deadline', latest.sequence);
    }
  } catch (error) {
    if (error instanceof SyncStateChanged) return summary('another-puller', current.latestSeen ?? current.sequence);
    throw error;
  }
}

interface HandedOver {
  readonly round: Round;
  readonly messages: number;
  readonly state: StoredSyncState;
}

function handOverRound(
  deps: PullDependencies,
  current: StoredSyncState,
  latest: LatestEntry,
  signal: AbortSignal,
): Promise<HandedOver> {
  const { telemetry, now = () => new Date() } = deps;
  return telemetry.span('feed-round', { properties: { from: current.sequence } }, async () => {
    const round = await readRound(deps.client, current.sequence, latest.sequence, deps.limits, signal);
    const messages = await fanOut(deps, round, signal);
    telemetry.annotate({ to: round.upTo, entries: round.entries.length, messages });
    const at = now().toISOString();
    const moved: SyncState = {
      ...withoutEtag(current),
      latestSeen: latest.sequence,
      latestTimestamp: latest.timestamp,
      sequence: round.upTo,
      entryTimestamp: round.entries.at(-1)?.timestamp ?? current.entryTimestamp,
      condition: 'ok',
      lastRunAt: at,
      lastSuccessAt: at,
      lastRoundEntries: round.entries.length,
    };
    return { round, messages, state: await deps.state.write(moved, current.etag, signal) };
  });
}

/** Sent and filed before the cursor moves: a crash in between repeats, it never loses. */
async function fanOut(deps: PullDependencies, round: Round, signal: AbortSignal): Promise<number> {
  const filed: FailedFeedEntry[] = [];
  for (const { sequence, problem } of round.unreadable) {
    filed.push(await deps.failedEntries.fileUnreadable({ sequence: String(sequence), message: problem }, signal));
    deps.telemetry.event('feed-entry-unreadable', { sequence });
  }
  await deps.reporter.filedAside(filed);
  const groups = shareMessages(groupByStudy(round.entries), deps.studiesPerMessage);
  const counts = await sendAll(deps.queue, groups, signal);
  return counts.reduce((sum, count) => sum + count, 0);
}

/** Messages sent at once; the queue service is the limit, not this process. */
const SENDS_IN_FLIGHT = 32;

function sendAll(
  queue: StudyQueue,
  groups: ReturnType<typeof shareMessages>,
  signal: AbortSignal,
): Promise<readonly number[]> {
  return inParallel(groups, SENDS_IN_FLIGHT, async (messages) => {
    // Long messages are deflated: one in a turn of the event loop.
    await nextTurn(undefined, { signal });
    return sendOne(queue, messages, signal);
  });
}

/** @returns how many messages it took */
function sendOne(queue: StudyQueue, messages: readonly StudyMessage[], signal: AbortSignal): Promise<number> {
  const [message, ...others] = messages;
  if (message === undefined) return Promise.resolve(0);
  return others.length === 0 ? queue.send(message, { signal }) : queue.sendShared(messages, signal);
}

/** Notes what was seen, where that is news enough; the cursor stays. */
async function remember(
  deps: PullDependencies,
  current: StoredSyncState,
  change: Partial<SyncState>,
  signal: AbortSignal,
): Promise<void> {
  const { now = () => new Date() } = deps;
  await deps.state.write({ ...withoutEtag(current), ...change, lastRunAt: now().toISOString() }, current.etag, signal);
}

async function tellReset(deps: PullDependencies, cursor: number, latest: number): Promise<void> {
  deps.telemetry.log(
    'error',
    'The change feed ends before the cursor: the DICOM service was replaced or restored. Set the cursor with PUT /api/cursor.',
    {
      cursor,
      latest,
    },
  );
  await deps.notifier.feedReset({ cursor, latest });
}

function withoutEtag({ etag: _etag, ...state }: StoredSyncState): SyncState {
  return state;
}
