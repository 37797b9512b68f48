import type { HttpClient } from '../http/httpClient';
import { resourceUrl } from '../http/resourceUrl';
import { requireSuccess } from '../http/success';
import { type ChangeFeedEntry, readEntries, readPosition } from './changeFeedEntry';
import { parseTolerantJson } from './tolerantJson';

export type { ChangeFeedEntry } from './changeFeedEntry';

/** Widest window of change feed v1. */
const MAX_WINDOW_WIDTH = 100;

/** Where the feed ends at present. */
export interface LatestEntry {
  readonly sequence: number;
  readonly timestamp?: string;
}

/**
 * The change feed of a DICOM service, in version 1: the one whose entries are addressed by sequence.
 * Both methods throw ConnectionError, HttpStatusError, UnreadableFeed and the reason of an aborted signal.
 */
export interface ChangeFeedClient {
  /** The highest sequence; 0 for an empty feed. */
  latest(signal: AbortSignal): Promise<LatestEntry>;
  /**
   * The entries with `afterSequence < sequence <= afterSequence + width`, ascending. There may be none: an empty window is
   * not the end of the feed.
   * @param width 1 to 100
   * @throws UnreadableWindow when an entry, or the answer as a whole, cannot be read
   */
  window(afterSequence: number, width: number, signal: AbortSignal): Promise<readonly ChangeFeedEntry[]>;
}

/** Some of a window cannot be read. A narrower window finds out which entry it is. */
export class UnreadableWindow extends Error {
  readonly code = 'UnreadableWindow';

  constructor(
    readonly afterSequence: number,
    readonly width: number,
    /** What was expected where; never content of an entry. */
    readonly problem: string,
    /** Sequences of the entries that can be read. */
    readonly readableSequences: readonly number[],
    /** An entry of a list of entries, or the answer as a whole: that may come from something else than the feed. */
    readonly part: 'entry' | 'answer',
  ) {
    super(`The change feed cannot be read from ${afterSequence + 1} to ${afterSequence + width}: ${problem}`);
    this.name = 'UnreadableWindow';
  }
}

/** What answered is not a change feed, or not the one that was asked: no entry is to blame, and the cursor must not move. */
class UnreadableFeed extends Error {
  /** The same code as other answers of the DICOM service that make no sense and may pass. */
  readonly code = 'InvalidDicomResponse';

  constructor(readonly problem: string) {
    super(`The change feed gave an answer that makes no sense: ${problem}`);
    this.name = 'UnreadableFeed';
  }
}

export interface ChangeFeedClientOptions {
  /** Built for the origin of the base URL. */
  readonly http: HttpClient;
  /** Of the DICOM service, with its path, without the version. The feed is never below a partition. */
  readonly baseUrl: string;
}

export function createChangeFeedClient({ http, baseUrl }: ChangeFeedClientOptions): ChangeFeedClient {
  /** undefined: the answer holds nothing. @throws UnreadableFeed for a page for people */
  async function get(segments: readonly string[], query: string, signal: AbortSignal): Promise<string | undefined> {
    const url = resourceUrl(baseUrl, ['v1', 'changefeed', ...segments], query);
    const headers = { accept: 'application/json' };
    const response = requireSuccess('GET', await http.send({ method: 'GET', url, headers, signal }));
    const text = response.body.trim();
    if (text.startsWith('<')) throw new UnreadableFeed('an HTML page instead of JSON');
    return text === '' ? undefined : text;
  }

  return {
    async latest(signal) {
      const text = await get(['latest'], 'includeMetadata=false', signal);
      const json = text === undefined ? null : parseOr(text, () => new UnreadableFeed('the latest entry is not JSON'));
      if (json === null) return { sequence: 0 };
      const position = readPosition(json);
      if (position.kind === 'unreadable')
        throw new UnreadableFeed(`the latest entry cannot be read: ${position.problem}`);
      return position.value;
    },
    async window(afterSequence, width, signal) {
      checkWindow(afterSequence, width);
      const text = await get([], `offset=${afterSequence}&limit=${width}&includeMetadata=false`, signal);
      if (text === undefined) return [];
      const unreadable = (problem: string): UnreadableWindow =>
        new UnreadableWindow(afterSequence, width, problem, [], 'answer');
      const json = parseOr(text, () => unreadable('the answer is not JSON'));
      if (json === null) return [];
      if (!Array.isArray(json)) throw unreadable('expected a JSON array');
      const reads = readEntries(json);
      const entries = reads.flatMap((read) => (read.kind === 'read' ? [read.value] : []));
      if (entries.some(({ sequence }) => sequence <= afterSequence || sequence > afterSequence + width)) {
        throw new UnreadableFeed('entries outside of the window that was asked for');
      }
      const firstUnreadable = reads.find((read) => read.kind === 'unreadable');
      if (firstUnreadable !== undefined) {
        const readable = entries.map(({ sequence }) => sequence);
        throw new UnreadableWindow(afterSequence, width, firstUnreadable.problem, readable, 'entry');
      }
      return entries.sort((a, b) => a.sequence - b.sequence);
    },
  };
}

function checkWindow(afterSequence: number, width: number): void {
  if (
    Number.isSafeInteger(afterSequence) &&
    afterSequence >= 0 &&
    Number.isInteger(width) &&
    width >= 1 &&
    width <= MAX_WINDOW_WIDTH
  )
    return;
  throw new RangeError(`A window starts after a sequence from 0 and is 1 to ${MAX_WINDOW_WIDTH} wide`);
}

/** The parser's own error may quote the text, so it is not passed on. */
function parseOr(text: string, problem: () => Error): unknown {
  try {
    return parseTolerantJson(text);
  } catch {
    throw problem();
  }
}
