import { atMost } from '../../../src/concurrency/atMost';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('no more than so many run at once, in the order in which they came, and each result is its own', async () => {
  const inTurn = atMost(2);
  const begun: number[] = [];
  const ends: (() => void)[] = [];
  const work = Array.from({ length: 5 }, (_, index) =>
    inTurn(async () => {
      begun.push(index);
      await new Promise<void>((end) => ends.push(end));
      return index * 10;
    }),
  );
  for (let ended = 0; ended < 5; ended++) {
    await turn();
    expect(begun).toEqual([0, 1, 2, 3, 4].slice(0, ended + 2));
    ends[ended]?.();
  }
  expect(await Promise.all(work)).toEqual([0, 10, 20, 30, 40]);
});

test('one that fails gives its place to the next', async () => {
  const inTurn = atMost(1);
  const failed = inTurn(() => Promise.reject(new Error('no')));
  const next = inTurn(() => Promise.resolve('next'));
  await expect(failed).rejects.toThrow('no');
  expect(await next).toBe('next');
});
