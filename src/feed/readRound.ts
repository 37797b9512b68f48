import { setTimeout as sleep } from 'node:timers/promises';
import { type ChangeFeedClient, type ChangeFeedEntry, UnreadableWindow } from './changeFeedClient';
import { isEntryTrouble } from './entryTrouble';

/** A stretch of the feed: what can be read of it, and the sequences that cannot. */
export interface Round {
  readonly entries: readonly ChangeFeedEntry[];
  readonly unreadable: readonly UnreadableFeedEntry[];
  /** Everything up to and including this sequence is in `entries` or `unreadable`. */
  readonly upTo: number;
}

export interface UnreadableFeedEntry {
  readonly sequence: number;
  /** What was wrong, without any content of the entry. */
  readonly problem: string;
}

export interface RoundLimits {
  readonly entries: number;
  readonly windowsInFlight: number;
}

/** Widest window of change feed v1: `limit` is a width in sequence numbers, not a count of rows. */
export const WINDOW_WIDTH = 100;

/** Gaps are normal; a round ends after this many windows so that the cursor moves on through a large gap. */
const MAX_WINDOWS = 200;

/**
 * Reads windows after the cursor, several at once and used in order, until there are enough entries or `latest` is reached.
 * An empty window is not the end of the feed.
 * @throws errors of the change feed client that are not about a single entry
 */
export async function readRound(
  client: ChangeFeedClient,
  after: number,
  latest: number,
  limits: RoundLimits,
  signal: AbortSignal,
): Promise<Round> {
  const entries: ChangeFeedEntry[] = [];
  const unreadable: UnreadableFeedEntry[] = [];
  let upTo = after;
  for (let windows = 0; upTo < latest && entries.length < limits.entries && windows < MAX_WINDOWS;) {
    const missing = Math.ceil((limits.entries - entries.length) / WINDOW_WIDTH);
    const count = Math.min(limits.windowsInFlight, missing, Math.ceil((latest - upTo) / WINDOW_WIDTH));
    const starts = Array.from({ length: count }, (_, index) => upTo + index * WINDOW_WIDTH);
    const parts = await Promise.all(
      starts.map((start) => readWindow(client, start, Math.min(WINDOW_WIDTH, latest - start), signal)),
    );
    for (const part of parts) {
      entries.push(...part.entries);
      unreadable.push(...part.unreadable);
    }
    upTo = Math.min(latest, upTo + count * WINDOW_WIDTH);
    windows += count;
  }
  return cutAfter(limits.entries, { entries, unreadable, upTo });
}

/** Whole windows are read; what is too much for this round is read again by the next one. */
function cutAfter(count: number, round: Round): Round {
  const last = round.entries[count - 1];
  if (last === undefined || round.entries.length === count) return round;
  const upTo = last.sequence;
  const unreadable = round.unreadable.filter(({ sequence }) => sequence < upTo);
  return { entries: round.entries.slice(0, count), unreadable, upTo };
}

/** One window; where it cannot be read it is narrowed down. */
async function readWindow(
  client: ChangeFeedClient,
  after: number,
  width: number,
  signal: AbortSignal,
): Promise<Stretch> {
  return narrow({ client, signal, seen: { readable: false, brokenEntries: 0 } }, after, width);
}

type Stretch = Pick<Round, 'entries' | 'unreadable'>;

interface Narrowing {
  readonly client: ChangeFeedClient;
  readonly signal: AbortSignal;
  /** What this window has shown so far: tells a broken entry from a service that fails. */
  readonly seen: { readable: boolean; brokenEntries: number };
}

/** So many entries in a row that fail, with nothing readable between them, are an outage and no broken entries. */
const MAX_BROKEN_WITHOUT_SUCCESS = 3;
/** A 500 can pass: an instance is replaced between the row and its metadata. */
const ATTEMPTS_AT_ONE_ENTRY = 3;
const PAUSE_MS = 200;

/** Halves a stretch until the entry that spoils it stands alone. */
async function narrow(narrowing: Narrowing, after: number, width: number): Promise<Stretch> {
  const { client, signal, seen } = narrowing;
  for (let attempt = 1; ; attempt++) {
    try {
      const entries = await client.window(after, width, signal);
      seen.readable = true;
      return { entries, unreadable: [] };
    } catch (error) {
      if (!isEntryTrouble(error)) throw error;
      if (width > 1) return halve(narrowing, after, width);
      if (error instanceof UnreadableWindow && error.part === 'entry') return onlyUnreadable(after + 1, error.problem);
      await checkThatFeedWorks(narrowing);
      if (attempt < ATTEMPTS_AT_ONE_ENTRY) {
        await sleep(PAUSE_MS * attempt, undefined, { signal });
        continue;
      }
      if (++seen.brokenEntries >= MAX_BROKEN_WITHOUT_SUCCESS && !seen.readable) throw error;
      const problem =
        error instanceof UnreadableWindow ? error.problem : 'the change feed answers 500 for this entry alone';
      return onlyUnreadable(after + 1, problem);
    }
  }
}

function onlyUnreadable(sequence: number, problem: string): Stretch {
  return { entries: [], unreadable: [{ sequence, problem }] };
}

/** So far behind the latest entry that nothing which is stored meanwhile gets there. */
const FAR_BEHIND = 1_000_000_000;

/**
 * Asks for a stretch without entries: where even that fails, it is an outage and no entry is to blame.
 * What could be read of the window before does not show it: the outage may have begun since.
 */
async function checkThatFeedWorks({ client, signal }: Narrowing): Promise<void> {
  const { sequence } = await client.latest(signal);
  await client.window(sequence + FAR_BEHIND, 1, signal);
}

async function halve(narrowing: Narrowing, after: number, width: number): Promise<Stretch> {
  const half = Math.floor(width / 2);
  const first = await narrow(narrowing, after, half);
  const second = await narrow(narrowing, after + half, width - half);
  return { entries: [...first.entries, ...second.entries], unreadable: [...first.unreadable, ...second.unreadable] };
}
