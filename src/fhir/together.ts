/** One request that can share a request to the server with others. */
interface Waiting<T, R> {
  readonly item: T;
  readonly signal: AbortSignal;
  readonly resolve: (result: R) => void;
  readonly reject: (error: unknown) => void;
}

export interface TogetherOptions<T, R> {
  /** Most items of one group. */
  readonly most: number;
  /** Whether an item can go with those that are chosen already; without, any can. */
  readonly fits?: (item: T, chosen: readonly T[]) => boolean;
  /**
   * Sends a group: what became of each item, in their order, or an error for all of them.
   * The signal aborts when nobody waits for the group any more.
   */
  readonly send: (items: readonly T[], signal: AbortSignal) => Promise<readonly PromiseSettledResult<R>[]>;
}

/** Groups that may be under way before others wait for company. */
const GROUPS_UNDER_WAY = 1;

/** A group that does not come back must not hold up the others: they go after this time in any case. */
const PATIENCE_MS = 100;

/**
 * Sends requests together that have to be sent at the same time, as a database commits transactions in groups: one that meets no others goes
 * at once and alone, and those that come while groups are under way go together as soon as one of these returns.
 * @returns the sender of one item; it throws what the group threw, and the reason of the signal as soon as that aborts
 */
export function together<T, R>({
  most,
  fits = () => true,
  send,
}: TogetherOptions<T, R>): (item: T, signal: AbortSignal) => Promise<R> {
  const waiting: Waiting<T, R>[] = [];
  let underWay = 0;
  let timer: NodeJS.Timeout | undefined;

  function go(): void {
    clearTimeout(timer);
    timer = undefined;
    while (waiting.length > 0 && underWay < GROUPS_UNDER_WAY) void sendGroup(takeGroup());
    if (waiting.length > 0) timer = setTimeout(goAnyway, PATIENCE_MS);
  }

  function goAnyway(): void {
    while (waiting.length > 0) void sendGroup(takeGroup());
  }

  function takeGroup(): readonly Waiting<T, R>[] {
    const group: Waiting<T, R>[] = [];
    const chosen: T[] = [];
    for (const one of [...waiting]) {
      if (group.length >= most) break;
      if (group.length > 0 && !fits(one.item, chosen)) continue;
      group.push(one);
      chosen.push(one.item);
      waiting.splice(waiting.indexOf(one), 1);
    }
    return group;
  }

  async function sendGroup(group: readonly Waiting<T, R>[]): Promise<void> {
    const whole = whenAllAbort(group.map(({ signal }) => signal));
    underWay++;
    try {
      const items = group.map(({ item }) => item);
      const results = await send(items, whole.signal);
      for (const [index, { resolve, reject }] of group.entries()) {
        const result = results[index];
        if (result?.status === 'fulfilled') resolve(result.value);
        else reject(result?.reason ?? new Error(`There is no result for request ${index} of ${group.length}`));
      }
    } catch (error) {
      for (const { reject } of group) reject(error);
    } finally {
      whole.release();
      underWay--;
      go();
    }
  }

  return (item, signal) =>
    new Promise<R>((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason as Error);
        return;
      }
      const leave = (): void => {
        const at = waiting.indexOf(one);
        if (at >= 0) waiting.splice(at, 1);
        reject(signal.reason as Error);
      };
      const done = (): void => signal.removeEventListener('abort', leave);
      const one: Waiting<T, R> = {
        ...{ item, signal },
        resolve: (result) => {
          done();
          resolve(result);
        },
        reject: (error) => {
          done();
          reject(error as Error);
        },
      };
      signal.addEventListener('abort', leave, { once: true });
      waiting.push(one);
      if (timer === undefined) go();
    });
}

/** Aborts when every one of these has. To be released when it is not needed any more. */
function whenAllAbort(signals: readonly AbortSignal[]): { readonly signal: AbortSignal; readonly release: () => void } {
  const all = new AbortController();
  let left = signals.length;
  const onAbort = (event: Event): void => {
    left--;
    if (left === 0) all.abort((event.target as AbortSignal).reason);
  };
  for (const signal of signals) signal.addEventListener('abort', onAbort, { once: true });
  const release = (): void => {
    for (const signal of signals) signal.removeEventListener('abort', onAbort);
  };
  return { signal: all.signal, release };
}
