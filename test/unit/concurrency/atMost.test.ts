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

test('work that takes several places waits until they are free, and nobody who comes later goes before it', async () => {
  const inTurn = atMost(4);
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const work = (name: string, places: number): Promise<void> =>
    inTurn(async () => {
      begun.push(name);
      await new Promise<void>((end) => ends.set(name, end));
    }, places);
  const all = [work('three', 3), work('two', 2), work('one', 1), work('ten', 10)];
  await turn();
  expect(begun).toEqual(['three']);
  ends.get('three')?.();
  await turn();
  expect(begun).toEqual(['three', 'two', 'one']);
  ends.get('two')?.();
  await turn();
  expect(begun).not.toContain('ten');
  ends.get('one')?.();
  await turn();
  expect(begun).toContain('ten');
  ends.get('ten')?.();
  await Promise.all(all);
});
