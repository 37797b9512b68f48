import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { Cohort } from '../../../src/concurrency/cohort';
import { together } from '../../../src/concurrency/together';

const COMPANY_MS = 50;
const never = new AbortController().signal;

/** What is sent of each kind of request, in the order in which it goes; each is answered after a turn of the event loop. */
function requests(most = 20) {
  const sent: string[] = [];
  const kind = (name: string) =>
    together<string, string>({
      most,
      keysOf: (item) => [item],
      async send(parts) {
        sent.push(`${name} ${parts.map(({ item }) => item).join('')}`);
        await turn();
        for (const { item, resolve } of parts) resolve(item.toUpperCase());
        return true;
      },
    });
  return { sent, search: kind('search'), write: kind('write') };
}

describe('members of a cohort', () => {
  // Nobody waits for a time to run out but where a test lets it.
  beforeEach(() => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'clearImmediate', 'nextTick', 'queueMicrotask', 'performance'] });
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('share each step, in whichever order they come to it, and each gets its own result', async () => {
    const { sent, search, write } = requests();
    const cohort = new Cohort();
    const results = await Promise.all(
      ['a', 'b', 'c'].map((item, index) =>
        cohort.run(async () => {
          await sleep(5 * (3 - index));
          const found = await search(item, never);
          await sleep(5 * index);
          return `${found}${await write(item, never)}`;
        }),
      ),
    );
    expect(results).toEqual(['AA', 'BB', 'CC']);
    expect(sent).toEqual(['search cba', 'write abc']);
  });

  it('do not wait for one that has ended, that has failed, or that is at another step already', async () => {
    const { sent, search, write } = requests();
    const cohort = new Cohort();
    const ended = cohort.run(() => sleep(5, 'ended'));
    const failed = cohort.run(() => sleep(5).then(() => Promise.reject(new Error('no'))));
    const other = cohort.run(() => write('w', never));
    const found = Promise.all(['a', 'b'].map((item) => cohort.run(() => search(item, never))));
    await expect(failed).rejects.toThrow('no');
    expect(await found).toEqual(['A', 'B']);
    expect(await ended).toBe('ended');
    await other;
    expect(sent.sort()).toEqual(['search ab', 'write w']);
  });

  it('do not wait for one that is slow when nobody else comes', async () => {
    const { sent, search } = requests();
    const cohort = new Cohort();
    let release: () => void = () => undefined;
    const slow = cohort.run(async () => {
      await new Promise<void>((go) => (release = go));
      return search('z', never);
    });
    const found = Promise.all(['a', 'b'].map((item) => cohort.run(() => search(item, never))));
    await turn();
    expect(sent).toEqual([]);
    jest.advanceTimersByTime(COMPANY_MS);
    expect(await found).toEqual(['A', 'B']);
    release();
    expect(await slow).toBe('Z');
    expect(sent).toEqual(['search ab', 'search z']);
  });

  it('send several requests where one does not hold them all, those about the same one after the other', async () => {
    const { sent, search } = requests(2);
    const cohort = new Cohort();
    await Promise.all(['a', 'b', 'b', 'c', 'd'].map((item) => cohort.run(() => search(item, never))));
    expect(sent).toEqual(['search ab', 'search cd', 'search b']);
  });

  it('send two requests of one member at the same time, each with those of the others', async () => {
    const { sent, search, write } = requests();
    const cohort = new Cohort();
    await Promise.all(
      ['a', 'b'].map((item) => cohort.run(() => Promise.all([search(item, never), write(item, never)]))),
    );
    expect(sent.sort()).toEqual(['search ab', 'write ab']);
  });

  it('that give up are not waited for, and nothing is sent for them', async () => {
    const { sent, search } = requests();
    const cohort = new Cohort();
    const leaving = new AbortController();
    const gone = cohort.run(() => search('g', leaving.signal));
    const others = ['a', 'b'].map((item) => cohort.run(() => sleep(5).then(() => search(item, never))));
    leaving.abort(new Error('gone'));
    await expect(gone).rejects.toThrow('gone');
    await Promise.all(others);
    expect(sent).toEqual(['search ab']);
  });

  it('meet no members of another cohort, and nobody outside waits for them', async () => {
    const { sent, search } = requests();
    const [one, other] = [new Cohort(), new Cohort()];
    const first = one.run(() => search('a', never));
    const second = other.run(() => search('b', never));
    const outside = search('c', never);
    await Promise.all([first, second, outside]);
    expect([...sent].sort()).toEqual(['search a', 'search b', 'search c']);
    expect(sent[0]).toBe('search c');
  });
});
