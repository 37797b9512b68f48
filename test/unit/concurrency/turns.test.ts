import { atOnce, partEnds, type Parts, sortInParts } from '../../../src/concurrency/parts';
import { inTurns, pieceByPiece } from '../../../src/concurrency/turns';
import { everyPartIsLong, OtherWork } from '../../support/turns';

const never = new AbortController().signal;

/** So many parts, each of which notes that it was done. */
function* parts(count: number, done: string[]): Parts<string> {
  for (let part = 1; part <= count; part++) {
    done.push(`part ${part}`);
    if (part < count) yield;
  }
  return 'result';
}

describe('work in parts', () => {
  let others: OtherWork;
  beforeEach(() => {
    others = new OtherWork();
  });
  afterEach(() => {
    others.stop();
    jest.restoreAllMocks();
  });

  it('gives way after each part that was long, and once more before what follows', async () => {
    everyPartIsLong();
    const done: string[] = [];
    expect(await inTurns(parts(3, done), never)).toBe('result');
    expect(done).toEqual(['part 1', 'part 2', 'part 3']);
    expect(others.takeTurns()).toBe(3);
  });

  it('is done at once where it takes no time worth mentioning', async () => {
    everyPartIsLong(0);
    expect(await inTurns(parts(1000, []), never)).toBe('result');
    expect(others.takeTurns()).toBe(0);
  });

  it('is done at once where it has one part only, however long that is', async () => {
    everyPartIsLong();
    expect(await inTurns(parts(1, []), never)).toBe('result');
    expect(others.takeTurns()).toBe(0);
  });

  it('ends with the reason of the signal as soon as it has given way', async () => {
    everyPartIsLong();
    const controller = new AbortController();
    const done: string[] = [];
    const work = inTurns(parts(1000, done), controller.signal);
    controller.abort(new Error('enough'));
    await expect(work).rejects.toThrow('enough');
    expect(done).toEqual(['part 1']);
  });

  it('fails with the error of the work', async () => {
    function* failing(): Parts<never> {
      yield;
      throw new Error('broken');
    }
    await expect(inTurns(failing(), never)).rejects.toThrow('broken');
    expect(() => atOnce(failing())).toThrow('broken');
  });

  it('has a part for every two thousand items, and none for fewer', () => {
    const ends = partEnds();
    const itemsOfParts = (items: number): number => Array.from({ length: items }, () => ends()).filter(Boolean).length;
    expect(itemsOfParts(1999)).toBe(0);
    expect(itemsOfParts(1)).toBe(1);
    expect(itemsOfParts(10_000)).toBe(5);
    expect([ends(1200), ends(1200), ends(1200)]).toEqual([false, true, false]);
  });

  it.each([
    ['in order', (index: number) => index],
    ['in reverse', (index: number) => -index],
    ['mixed, with many that are equal', (index: number) => (index * 7919) % 100],
  ])('sorts a long list as it is sorted at once: %s', (_, keyOf) => {
    const items = Array.from({ length: 4321 }, (__, index) => ({ key: keyOf(index), index }));
    const byKey = (a: { readonly key: number }, b: { readonly key: number }): number => a.key - b.key;
    expect(atOnce(sortInParts(items, byKey))).toEqual(items.toSorted(byKey));
  });
});

describe('work that comes piece by piece', () => {
  afterEach(() => {
    jest.restoreAllMocks();
  });

  /** Each piece takes so long, and comes so long after the one before. @returns after which of them others had to be waited for */
  const waits = (pieceMs: number, waitMs: number): readonly number[] => {
    let now = 0;
    jest.spyOn(performance, 'now').mockImplementation(() => now);
    const inTurn = pieceByPiece(never);
    return [1, 2, 3, 4, 5, 6].filter(() => {
      now += waitMs;
      return inTurn(() => (now += pieceMs)) !== undefined;
    });
  };

  it('gives way when the pieces since the last time were long together', () => {
    expect(waits(2, 0)).toEqual([3, 6]);
  });

  it('does not count the time in which it waits for the next piece', () => {
    expect(waits(0.5, 1000)).toEqual([]);
  });

  it('ends with the reason of the signal as soon as it has given way', async () => {
    everyPartIsLong();
    await expect(pieceByPiece(AbortSignal.abort(new Error('enough')))(() => undefined)).rejects.toThrow('enough');
  });
});
