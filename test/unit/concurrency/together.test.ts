import { AsyncLocalStorage } from 'node:async_hooks';
import { getEventListeners } from 'node:events';
import { type Part, together } from '../../../src/concurrency/together';
import { failureOf } from '../../support/fhirClient';

type TextPart = Part<string, string>;

/** A group that was sent, for a test to end. */
interface Group {
  readonly items: readonly string[];
  readonly signal: AbortSignal;
  /** Answers each part with its own item in capitals. */
  answer(): void;
  /** The group is through; parts without a result have none. */
  end(wentWell?: boolean): void;
  fail(error: unknown): void;
}

const never = new AbortController().signal;
const PATIENCE_MS = 100;

describe('requests that go together', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  function rig(options: { readonly most?: number; readonly keysOf?: (item: string) => readonly string[] } = {}) {
    const groups: Group[] = [];
    const send = (parts: readonly TextPart[], signal: AbortSignal): Promise<boolean> =>
      new Promise((resolve, reject) => {
        const answer = (): void => {
          for (const part of parts) part.resolve(part.item.toUpperCase());
        };
        groups.push({
          items: parts.map(({ item }) => item),
          signal,
          answer,
          end: (wentWell = true) => {
            resolve(wentWell);
          },
          fail: reject,
        });
      });
    const ask = together<string, string>({ most: 20, groupsUnderWay: 2, ...options, send });
    return { groups, ask, sent: () => groups.map(({ items }) => items.join('')) };
  }

  /** Lets everything happen that waits for nothing but promises. */
  const settled = (): Promise<void> => jest.advanceTimersByTimeAsync(0);
  const through = async (group: Group | undefined, wentWell = true): Promise<void> => {
    group?.answer();
    group?.end(wentWell);
    await settled();
  };

  it('sends one that meets no others at once and alone', async () => {
    const { ask, groups, sent } = rig();
    const result = ask('a', never);
    expect(sent()).toEqual(['a']);
    await through(groups[0]);
    expect(await result).toBe('A');
    expect(jest.getTimerCount()).toBe(0);
  });

  it('sends those that come while two groups are under way together, as soon as one of these returns, and gives each its own result', async () => {
    const { ask, groups, sent } = rig();
    const results = ['a', 'b', 'c', 'd', 'e'].map((item) => ask(item, never));
    expect(sent()).toEqual(['a', 'b']);
    await through(groups[1]);
    expect(sent()).toEqual(['a', 'b', 'cde']);
    await through(groups[0]);
    await through(groups[2]);
    expect(await Promise.all(results)).toEqual(['A', 'B', 'C', 'D', 'E']);
  });

  it('never puts more into a group than it may hold; the rest goes next, first come first served', async () => {
    const { ask, groups, sent } = rig({ most: 2 });
    const results = 'abcdefg'.split('').map((item) => ask(item, never));
    await through(groups[0]);
    await through(groups[1]);
    expect(sent()).toEqual(['a', 'b', 'cd', 'ef']);
    await through(groups[2]);
    expect(sent()).toEqual(['a', 'b', 'cd', 'ef', 'g']);
    await through(groups[3]);
    await through(groups[4]);
    expect(await Promise.all(results)).toHaveLength(7);
  });

  it('leaves one that is about the same as another until that is back, and takes the one that waited longest first', async () => {
    const { ask, groups, sent } = rig({ keysOf: (item) => [item] });
    void 'abxxyx'.split('').map((item) => ask(item, never));
    await through(groups[0]);
    expect(sent()).toEqual(['a', 'b', 'xy']);
    // Two about the same are not under way at the same time.
    await through(groups[1]);
    expect(sent()).toEqual(['a', 'b', 'xy']);
    await through(groups[2]);
    expect(sent()).toEqual(['a', 'b', 'xy', 'x']);
    await through(groups[3]);
    expect(sent()).toEqual(['a', 'b', 'xy', 'x', 'x']);
  });

  it('sends what waited for too long although no group has come back, again and again', async () => {
    const { ask, sent } = rig();
    for (const [round, item] of ['c', 'd', 'e'].entries()) {
      if (round === 0) void ['a', 'b'].map((first) => ask(first, never));
      void ask(item, never);
      expect(sent()).not.toContain(item);
      await jest.advanceTimersByTimeAsync(PATIENCE_MS);
      expect(sent()).toContain(item);
    }
  });

  it('has patience with those that come later too when all that waited before have left', async () => {
    const { ask, sent } = rig();
    void ['a', 'b'].map((item) => ask(item, never));
    const leaving = new AbortController();
    const left = failureOf(ask('c', leaving.signal));
    leaving.abort(new Error('gone'));
    await jest.advanceTimersByTimeAsync(PATIENCE_MS);
    expect(await left).toEqual(new Error('gone'));
    void ask('d', never);
    await jest.advanceTimersByTimeAsync(PATIENCE_MS);
    expect(sent()).toEqual(['a', 'b', 'd']);
  });

  it('tells every part what the group threw, a send that throws before it waits included', async () => {
    const { ask, groups } = rig();
    const failures = ['a', 'b', 'c', 'd'].map((item) => failureOf(ask(item, never)));
    await through(groups[0]);
    groups[2]?.fail(new Error('lost'));
    groups[1]?.fail('no error at all');
    expect(await Promise.all(failures)).toEqual([undefined, 'no error at all', new Error('lost'), new Error('lost')]);
    const throwing = together<string, string>({
      groupsUnderWay: 2,
      most: 2,
      send: () => {
        throw new Error('at once');
      },
    });
    expect(await failureOf(throwing('a', never))).toEqual(new Error('at once'));
    expect(await failureOf(throwing('b', never))).toEqual(new Error('at once'));
  });

  it('leaves no part without an answer when the group has none for it', async () => {
    const { ask, groups } = rig();
    const failure = failureOf(ask('a', never));
    groups[0]?.end();
    expect(await failure).toEqual(new Error('A request that went with others has no result'));
  });

  it('gives a part its result when it is known, and not when the slowest of the group is', async () => {
    const parts: TextPart[] = [];
    const ask = together<string, string>({
      most: 2,
      groupsUnderWay: 2,
      send: (group) => new Promise(() => parts.push(...group)),
    });
    const results = ['a', 'b', 'c', 'd'].map((item) => ask(item, never));
    await jest.advanceTimersByTimeAsync(PATIENCE_MS);
    parts.find(({ item }) => item === 'd')?.resolve('known');
    expect(await results[3]).toBe('known');
  });

  describe('and callers that give up', () => {
    it('refuses one that has given up before', async () => {
      const { ask, groups } = rig();
      expect(await failureOf(ask('a', AbortSignal.abort(new Error('before'))))).toEqual(new Error('before'));
      expect(groups).toEqual([]);
    });

    it('never sends one that gave up while it waited', async () => {
      const { ask, groups, sent } = rig();
      const leaving = new AbortController();
      void ['a', 'b'].map((item) => ask(item, never));
      const failure = failureOf(ask('c', leaving.signal));
      void ask('d', never);
      leaving.abort(new Error('gone'));
      expect(await failure).toEqual(new Error('gone'));
      await through(groups[0]);
      expect(sent()).toEqual(['a', 'b', 'd']);
    });

    it('lets one go at once and the group on for the others; the group ends when all have gone', async () => {
      const { ask, groups } = rig();
      const leaving = [new AbortController(), new AbortController()] as const;
      void ['a', 'b'].map((item) => ask(item, never));
      const failures = leaving.map(({ signal }, index) => failureOf(ask(`${index}`, signal)));
      await through(groups[0]);
      leaving[0].abort(new Error('first'));
      expect(await failures[0]).toEqual(new Error('first'));
      expect(groups[2]?.signal.aborted).toBe(false);
      leaving[1].abort(new Error('second'));
      expect(await failures[1]).toEqual(new Error('second'));
      expect(groups[2]?.signal.aborted).toBe(true);
    });

    it('ends a group all of whose parts have one signal', async () => {
      const { ask, groups } = rig();
      const leaving = new AbortController();
      void ['a', 'b'].map((item) => ask(item, never));
      const failures = ['c', 'd'].map((item) => failureOf(ask(item, leaving.signal)));
      await through(groups[0]);
      leaving.abort(new Error('gone'));
      expect(groups[2]?.signal.aborted).toBe(true);
      expect(await Promise.all(failures)).toEqual([new Error('gone'), new Error('gone')]);
    });

    it('keeps no listener on a signal when all is over, however it ended', async () => {
      const { ask, groups } = rig();
      const { signal } = new AbortController();
      const outcomes = ['a', 'b', 'c', 'd'].map((item) => failureOf(ask(item, signal)));
      await through(groups[0]);
      groups[1]?.fail(new Error('lost'));
      groups[2]?.end();
      await Promise.all(outcomes);
      await settled();
      expect(getEventListeners(signal, 'abort')).toEqual([]);
    });
  });

  describe('on a server that cannot bear them', () => {
    /** Keeps two groups under way, so that the next ones meet. */
    async function fill(ask: (item: string, signal: AbortSignal) => Promise<string>, items: string): Promise<void> {
      for (const item of items) void failureOf(ask(item, never));
      await settled();
    }

    it('go alone after a group that did not go well, and then twice as many with each that does', async () => {
      const { ask, groups, sent } = rig();
      await fill(ask, 'abcd');
      await through(groups[0]);
      await through(groups[2], false);
      await fill(ask, 'efghijklmnopq');
      await through(groups[1]);
      await through(groups[3]);
      await through(groups[4]);
      await through(groups[5]);
      expect(sent()).toEqual(['a', 'b', 'cd', 'e', 'fg', 'hijk', 'lmnopq']);
    });

    it('go alone after a group that was lost or took long, also when it went well in the end', async () => {
      for (const trouble of ['lost', 'slow']) {
        const { ask, groups, sent } = rig();
        await fill(ask, 'abcd');
        await through(groups[0]);
        if (trouble === 'lost') groups[2]?.fail(new Error('lost'));
        else {
          await jest.advanceTimersByTimeAsync(5001);
          await through(groups[2]);
        }
        await settled();
        await fill(ask, 'efg');
        await jest.advanceTimersByTimeAsync(PATIENCE_MS);
        expect(sent()).toEqual(['a', 'b', 'cd', 'e', 'f', 'g']);
      }
    });

    it('stay together when one that went alone is refused, or when all callers of a group have left', async () => {
      const { ask, groups, sent } = rig();
      await fill(ask, 'ab');
      const leaving = new AbortController();
      void ['c', 'd'].map((item) => failureOf(ask(item, leaving.signal)));
      await through(groups[0], false);
      leaving.abort(new Error('gone'));
      groups[2]?.fail(new Error('gone'));
      await settled();
      await fill(ask, 'efg');
      await through(groups[1], false);
      expect(sent()).toEqual(['a', 'b', 'cd', 'e', 'fg']);
    });
  });

  it('sends a group in the name of its first part: spans belong to a study that waits, not to one that is through', async () => {
    const caller = new AsyncLocalStorage<string>();
    const senders: (string | undefined)[] = [];
    const ends: (() => void)[] = [];
    const ask = together<string, string>({
      groupsUnderWay: 2,
      most: 20,
      send: (parts) => {
        senders.push(caller.getStore());
        return new Promise((resolve) =>
          ends.push(() => {
            for (const { item, resolve: answer } of parts) answer(item);
            resolve(true);
          }),
        );
      },
    });
    const results = 'abcdef'.split('').map((item) => caller.run(item, () => ask(item, never)));
    ends[0]?.();
    await settled();
    for (const item of 'gh') results.push(caller.run(item, () => ask(item, never)));
    await jest.advanceTimersByTimeAsync(PATIENCE_MS);
    for (const end of ends) end();
    await Promise.all(results);
    expect(senders).toEqual(['a', 'b', 'c', 'g']);
  });
});
