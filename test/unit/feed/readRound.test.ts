import { type ChangeFeedClient, UnreadableWindow } from '../../../src/feed/changeFeedClient';
import type { ChangeFeedEntry } from '../../../src/feed/changeFeedEntry';
import { readRound, type Round } from '../../../src/feed/readRound';
import { HttpStatusError } from '../../../src/http/errors';

const never = new AbortController().signal;

interface Asked {
  readonly after: number;
  readonly width: number;
}

/** A feed with entries at these sequences, and whatever goes wrong where the test says so. */
class FakeFeed implements ChangeFeedClient {
  readonly asked: Asked[] = [];
  latestAsked = 0;
  mostInFlight = 0;
  private inFlight = 0;

  constructor(
    private readonly sequences: readonly number[],
    private readonly trouble: (asked: Asked) => Error | undefined = () => undefined,
    private readonly latestTrouble: () => Error | undefined = () => undefined,
  ) {}

  latest(): Promise<{ readonly sequence: number }> {
    this.latestAsked++;
    const error = this.latestTrouble();
    return error === undefined ? Promise.resolve({ sequence: this.sequences.at(-1) ?? 0 }) : Promise.reject(error);
  }

  async window(after: number, width: number): Promise<readonly ChangeFeedEntry[]> {
    this.asked.push({ after, width });
    this.mostInFlight = Math.max(this.mostInFlight, ++this.inFlight);
    // Windows further back answer first: the order of the answers must not matter.
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, 8 - after / 100)));
    this.inFlight--;
    const error = this.trouble({ after, width });
    if (error !== undefined) throw error;
    return this.sequences.filter((sequence) => sequence > after && sequence <= after + width).map(entryOf);
  }
}

const entryOf = (sequence: number): ChangeFeedEntry => ({
  sequence,
  partition: 'Microsoft.Default',
  studyUid: '1.1',
  seriesUid: '1.1.1',
  instanceUid: `1.1.1.${sequence}`,
  action: 'Create',
});

const upTo = (last: number): readonly number[] => Array.from({ length: last }, (_, index) => index + 1);
const sequencesOf = ({ entries }: Round): readonly number[] => entries.map(({ sequence }) => sequence);
const limits = { entries: 1000, windowsInFlight: 4 };
const covers = (sequence: number) => (asked: Asked) => asked.after < sequence && sequence <= asked.after + asked.width;
const serverError = (): Error => new HttpStatusError({ method: 'GET', status: 500 });

/** Where the feed answers 500 for every window that holds one of these sequences. */
const broken =
  (...sequences: readonly number[]) =>
  (asked: Asked): Error | undefined =>
    sequences.some((sequence) => covers(sequence)(asked)) ? serverError() : undefined;

/** Where an entry cannot be read: a JSON array with something odd in it. */
const malformed =
  (...sequences: readonly number[]) =>
  (asked: Asked): Error | undefined =>
    sequences.some((sequence) => covers(sequence)(asked))
      ? new UnreadableWindow(asked.after, asked.width, 'action: expected Create, Update or Delete', [], 'entry')
      : undefined;

const garbled = ({ after, width }: Asked): Error =>
  new UnreadableWindow(after, width, 'the answer is not JSON', [], 'answer');

describe('a round', () => {
  it('reads several windows at once and uses them in the order of the feed', async () => {
    const feed = new FakeFeed(upTo(730));
    const round = await readRound(feed, 0, 730, limits, never);
    expect(sequencesOf(round)).toEqual(upTo(730));
    expect(round.upTo).toBe(730);
    expect(feed.mostInFlight).toBe(4);
    expect(feed.asked.map(({ after }) => after)).toEqual([0, 100, 200, 300, 400, 500, 600, 700]);
  });

  it('never asks beyond the latest sequence: what comes later belongs to the next look', async () => {
    const feed = new FakeFeed(upTo(500));
    const round = await readRound(feed, 10, 130, limits, never);
    expect(sequencesOf(round)).toEqual(upTo(130).slice(10));
    expect(feed.asked).toEqual([
      { after: 10, width: 100 },
      { after: 110, width: 20 },
    ]);
  });

  it('goes on through gaps: an empty window is not the end', async () => {
    const feed = new FakeFeed([3, 1250]);
    const round = await readRound(feed, 0, 1250, limits, never);
    expect(round).toMatchObject({ upTo: 1250, unreadable: [] });
    expect(sequencesOf(round)).toEqual([3, 1250]);
  });

  it('ends after many empty windows, so that the cursor moves on through a large gap', async () => {
    const feed = new FakeFeed([1, 1_000_000]);
    const round = await readRound(feed, 0, 1_000_000, limits, never);
    expect(sequencesOf(round)).toEqual([1]);
    expect(round.upTo).toBe(20_000);
  });

  it.each([
    [250, 250],
    [1, 1],
    [1000, 1000],
  ])('of %d entries at most reads no more of a dense feed', async (entries, last) => {
    const round = await readRound(new FakeFeed(upTo(2000)), 0, 2000, { entries, windowsInFlight: 4 }, never);
    expect(round.entries).toHaveLength(last);
    expect(round.upTo).toBe(last);
  });

  it('is empty when nothing is new', async () => {
    const feed = new FakeFeed(upTo(10));
    expect(await readRound(feed, 10, 10, limits, never)).toEqual({ entries: [], unreadable: [], upTo: 10 });
    expect(feed.asked).toHaveLength(0);
  });
});

describe('a round with an entry that cannot be read', () => {
  it('narrows down to a malformed entry, names it, and reads all others', async () => {
    const round = await readRound(new FakeFeed(upTo(300), malformed(137)), 0, 300, limits, never);
    expect(sequencesOf(round)).toEqual(upTo(300).filter((sequence) => sequence !== 137));
    expect(round.unreadable).toEqual([{ sequence: 137, problem: 'action: expected Create, Update or Delete' }]);
    expect(round.upTo).toBe(300);
  });

  it('takes any number of malformed entries', async () => {
    const round = await readRound(new FakeFeed(upTo(20), malformed(1, 2, 3, 4, 5, 19)), 0, 20, limits, never);
    expect(round.unreadable.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5, 19]);
    expect(sequencesOf(round)).toEqual(upTo(18).slice(5).concat(20));
  });

  it('names an entry for which the feed answers 500 again and again', async () => {
    const round = await readRound(new FakeFeed(upTo(50), broken(31)), 0, 50, limits, never);
    expect(round.unreadable).toEqual([{ sequence: 31, problem: 'the change feed answers 500 for this entry alone' }]);
    expect(sequencesOf(round)).toEqual(upTo(50).filter((sequence) => sequence !== 31));
  });

  it('does not name an entry whose 500 passes', async () => {
    let left = 3;
    const feed = new FakeFeed(upTo(4), (asked) => (covers(2)(asked) && left-- > 0 ? serverError() : undefined));
    const round = await readRound(feed, 0, 4, limits, never);
    expect(round.unreadable).toEqual([]);
    expect(sequencesOf(round)).toEqual([1, 2, 3, 4]);
  });
});

describe('a round during an outage', () => {
  it('names no entry when the feed answers 500 for every window', async () => {
    const feed = new FakeFeed(upTo(50), serverError);
    await expect(readRound(feed, 0, 50, limits, never)).rejects.toMatchObject({ status: 500 });
  });

  it('names no entry when there is only one, and even the stretch behind it is answered with 500', async () => {
    await expect(readRound(new FakeFeed([1], serverError), 0, 1, limits, never)).rejects.toMatchObject({ status: 500 });
    await expect(readRound(new FakeFeed([1], garbled), 0, 1, limits, never)).rejects.toMatchObject({ part: 'answer' });
  });

  it('names no entry when many in a row fail and nothing between them can be read', async () => {
    const feed = new FakeFeed(upTo(8), broken(1, 2, 3, 4, 5, 6, 7, 8));
    await expect(readRound(feed, 0, 8, limits, never)).rejects.toMatchObject({ status: 500 });
  });

  it('still names the right entry while more is stored', async () => {
    const growing = upTo(8).slice();
    const feed = new FakeFeed(growing, (asked) => {
      growing.push(growing.length + 1);
      return broken(3, 9, 10, 11, 12, 13, 14)(asked);
    });
    const round = await readRound(feed, 0, 8, limits, never);
    expect(round.unreadable.map(({ sequence }) => sequence)).toEqual([3]);
  });

  it('names no entry when the feed begins to fail after some of the window could be read', async () => {
    let answers = 0;
    const feed = new FakeFeed(upTo(16), (asked) => (covers(12)(asked) || ++answers > 1 ? serverError() : undefined));
    await expect(readRound(feed, 0, 16, limits, never)).rejects.toMatchObject({ status: 500 });
    expect(answers).toBeGreaterThan(1);
  });

  it('names no entry when the service fails altogether while an entry is being narrowed down', async () => {
    const feed = new FakeFeed(upTo(2), broken(1), serverError);
    await expect(readRound(feed, 0, 2, limits, never)).rejects.toMatchObject({ status: 500 });
  });

  it('names no entry when something else answers in place of the feed', async () => {
    const feed = new FakeFeed(upTo(50), garbled);
    await expect(readRound(feed, 0, 50, limits, never)).rejects.toMatchObject({ code: 'UnreadableWindow' });
  });

  it('names the one entry that spoils its answer, when all others can be read', async () => {
    const feed = new FakeFeed(upTo(50), (asked) => (covers(8)(asked) ? garbled(asked) : undefined));
    const round = await readRound(feed, 0, 50, limits, never);
    expect(round.unreadable).toEqual([{ sequence: 8, problem: 'the answer is not JSON' }]);
    expect(round.entries).toHaveLength(49);
  });

  it('passes on a refusal that is about no entry, without asking narrower windows', async () => {
    const feed = new FakeFeed(upTo(50), () => new HttpStatusError({ method: 'GET', status: 503 }));
    await expect(readRound(feed, 0, 50, limits, never)).rejects.toMatchObject({ status: 503 });
    expect(feed.asked).toHaveLength(1);
  });
});
