import { AsyncLocalStorage } from 'node:async_hooks';

/** One of those that go together. */
export interface Part<T, R> {
  readonly item: T;
  /** Of whoever waits for this part: once it has aborted, nothing more may be sent for this part alone. */
  readonly signal: AbortSignal;
  readonly resolve: (result: R) => void;
  readonly reject: (error: unknown) => void;
}

interface Waiting<T, R> extends Part<T, R> {
  /** Runs work as if whoever waits for this part had called it: spans of a request belong to the one that sent it. */
  readonly inContext: <V>(work: () => V) => V;
}

/** How far requests may share. */
export interface Sharing {
  /** Most items of one group. */
  readonly most: number;
  /** Groups that may be under way before others wait for company. Default: one. */
  readonly groupsUnderWay?: number | undefined;
}

export interface TogetherOptions<T, R> extends Sharing {
  /** Whether an item can go with those that are chosen already; without, any can. */
  readonly fits?: (item: T, chosen: readonly T[]) => boolean;
  /**
   * Sends a group and settles its parts, each as soon as its result is known. What it throws, parts without a result get.
   * @param signal aborts when nobody waits for the group any more
   * @returns whether the group went well as a group
   */
  readonly send: (parts: readonly Part<T, R>[], signal: AbortSignal) => Promise<boolean>;
}

/** A group that does not come back must not hold up the others: they go after this time in any case. */
const PATIENCE_MS = 100;

/** A group that took longer was too large for this server. */
const TOO_LONG_MS = 5000;

/**
 * Sends requests together that have to be sent at the same time, as a database commits transactions in groups: one that meets no others goes
 * at once and alone, and those that come while groups are under way go together as soon as one of these returns.
 * After a group that did not go well, or took long, each goes alone, and then with each that goes well twice as many: what one server or one
 * request cannot bear does not stop the others for good.
 * @returns the sender of one item; it throws what the group threw, and the reason of the signal as soon as that aborts
 */
export function together<T, R>({
  most,
  groupsUnderWay = 1,
  fits = () => true,
  send,
}: TogetherOptions<T, R>): (item: T, signal: AbortSignal) => Promise<R> {
  const waiting: Waiting<T, R>[] = [];
  let mostNow = most;
  let underWay = 0;
  let timer: NodeJS.Timeout | undefined;

  function go(): void {
    clearTimeout(timer);
    timer = undefined;
    while (waiting.length > 0 && underWay < groupsUnderWay) sendNext();
    timer = waiting[0]?.inContext(() => setTimeout(goAnyway, PATIENCE_MS));
  }

  function goAnyway(): void {
    timer = undefined;
    while (waiting.length > 0) sendNext();
  }

  function sendNext(): void {
    const group = takeGroup();
    group[0]?.inContext(() => void sendGroup(group));
  }

  function takeGroup(): readonly Waiting<T, R>[] {
    const group: Waiting<T, R>[] = [];
    const chosen: T[] = [];
    for (const one of [...waiting]) {
      if (group.length >= mostNow) break;
      if (group.length > 0 && !fits(one.item, chosen)) continue;
      group.push(one);
      chosen.push(one.item);
      waiting.splice(waiting.indexOf(one), 1);
    }
    return group;
  }

  async function sendGroup(group: readonly Waiting<T, R>[]): Promise<void> {
    const whole = whenAllAbort(group.map(({ signal }) => signal));
    const started = performance.now();
    let wentWell = false;
    underWay++;
    try {
      wentWell = await send(group, whole.signal);
      rejectAll(group, new Error('A request that went with others has no result'));
    } catch (error) {
      rejectAll(group, error);
    } finally {
      whole.release();
      underWay--;
      if (!whole.signal.aborted) learn(group.length, wentWell && performance.now() - started <= TOO_LONG_MS);
      go();
    }
  }

  function learn(size: number, wentWell: boolean): void {
    if (wentWell) mostNow = Math.min(most, mostNow * 2);
    else if (size > 1) mostNow = 1;
  }

  return (item, signal) =>
    new Promise<R>((resolve, fail) => {
      const reject: (error: unknown) => void = fail;
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      const leave = (): void => {
        const at = waiting.indexOf(one);
        if (at >= 0) waiting.splice(at, 1);
        reject(signal.reason);
      };
      const done = (): void => signal.removeEventListener('abort', leave);
      const one: Waiting<T, R> = {
        item,
        signal,
        inContext: AsyncLocalStorage.snapshot(),
        resolve: (result) => {
          done();
          resolve(result);
        },
        reject: (error) => {
          done();
          reject(error);
        },
      };
      signal.addEventListener('abort', leave, { once: true });
      waiting.push(one);
      if (timer === undefined) go();
    });
}

/** Does nothing to those that have a result. */
function rejectAll(parts: readonly Pick<Part<never, never>, 'reject'>[], error: unknown): void {
  for (const { reject } of parts) reject(error);
}

/** Aborts when every one of these has; several parts may share one. To be released when it is not needed any more. */
function whenAllAbort(signals: readonly AbortSignal[]): { readonly signal: AbortSignal; readonly release: () => void } {
  const all = new AbortController();
  const distinct = new Set(signals);
  const onAbort = (): void => {
    const [first] = distinct;
    if ([...distinct].every(({ aborted }) => aborted)) all.abort(first?.reason);
  };
  for (const signal of distinct) signal.addEventListener('abort', onAbort, { once: true });
  const release = (): void => {
    for (const signal of distinct) signal.removeEventListener('abort', onAbort);
  };
  return { signal: all.signal, release };
}
