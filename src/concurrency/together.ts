import { AsyncLocalStorage } from 'node:async_hooks';
import { type Cohort, currentMember } from './cohort';

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
  /** Has left, or is on its way. */
  isGone: boolean;
}

/** How far requests may share. */
export interface Sharing {
  /** Most items of one group. */
  readonly most: number;
  /** Groups that may be under way before others wait for company. Default: one. */
  readonly groupsUnderWay?: number | undefined;
}

export interface TogetherOptions<T, R> extends Sharing {
  /** Begins a group. @returns whether it takes one more item, which then is in it; the first is taken in any case. Without, any is. */
  readonly group?: () => (item: T) => boolean;
  /**
   * Sends a group and settles its parts, each as soon as its result is known. What it throws, parts without a result get.
   * @param signal aborts when nobody waits for the group any more
   * @returns whether the group went well as a group
   */
  readonly send: (parts: readonly Part<T, R>[], signal: AbortSignal) => Promise<boolean>;
}

/** A group that does not come back must not hold up the others: they go after this time in any case. */
const PATIENCE_MS = 100;

/** Members of a cohort wait for the others as long as one comes within this time after the one before. */
const COMPANY_MS = 50;

/** A group that took longer was too large for this server. */
const TOO_LONG_MS = 5000;

/**
 * Sends requests together that have to be sent at the same time. Those of a cohort go as soon as all its members that may still come have
 * come. The others go as a database commits transactions in groups: one that meets no others goes at once and alone, and those that come
 * while groups are under way go together as soon as one of these returns.
 * After a group that did not go well, or took long, each goes alone, and then with each that goes well twice as many: what one server or one
 * request cannot bear does not stop the others for good.
 * @returns the sender of one item; it throws what the group threw, and the reason of the signal as soon as that aborts
 */
export function together<T, R>({
  most,
  groupsUnderWay = 1,
  group: beginGroup = () => () => true,
  send,
}: TogetherOptions<T, R>): (item: T, signal: AbortSignal) => Promise<R> {
  const strangers = new WaitingRoom<T, R>();
  const cohorts = new WeakMap<Cohort, WaitingRoom<T, R>>();
  let mostNow = most;
  let underWay = 0;

  /** Of those who are in no cohort. */
  function go(): void {
    while (!strangers.isEmpty && underWay < groupsUnderWay) void sendStrangers();
    strangers.atLatest(PATIENCE_MS, () => {
      while (!strangers.isEmpty) void sendStrangers();
    });
  }

  async function sendStrangers(): Promise<void> {
    underWay++;
    await sendNext(strangers);
    underWay--;
    go();
  }

  function roomOf(cohort: Cohort): WaitingRoom<T, R> {
    const known = cohorts.get(cohort);
    if (known !== undefined) return known;
    const room = new WaitingRoom<T, R>();
    cohorts.set(cohort, room);
    return room;
  }

  function enter(one: Waiting<T, R>, cohort: Cohort | undefined): void {
    if (cohort === undefined) {
      strangers.enter(one);
      if (!strangers.isTimed) go();
      return;
    }
    const room = roomOf(cohort);
    const sendAll = (): void => {
      while (!room.isEmpty) void sendNext(room);
    };
    if (room.isEmpty) cohort.whenComplete(room, sendAll);
    room.enter(one);
    room.atLatest(COMPANY_MS, sendAll);
  }

  function sendNext(room: WaitingRoom<T, R>): Promise<void> {
    const parts = room.leaveTogether(mostNow, beginGroup());
    return parts[0]?.inContext(() => sendGroup(parts)) ?? Promise.resolve();
  }

  /** Never throws. */
  async function sendGroup(parts: readonly Waiting<T, R>[]): Promise<void> {
    const whole = whenAllAbort(parts.map(({ signal }) => signal));
    const started = performance.now();
    let wentWell = false;
    try {
      wentWell = await send(parts, whole.signal);
      rejectAll(parts, new Error('A request that went with others has no result'));
    } catch (error) {
      rejectAll(parts, error);
    } finally {
      whole.release();
      if (!whole.signal.aborted) learn(parts.length, wentWell && performance.now() - started <= TOO_LONG_MS);
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
      const member = currentMember();
      let isDone = false;
      const done = (): void => {
        if (isDone) return;
        isDone = true;
        signal.removeEventListener('abort', leave);
        member?.resume();
      };
      const leave = (): void => {
        one.isGone = true;
        done();
        reject(signal.reason);
      };
      const one: Waiting<T, R> = {
        item,
        signal,
        isGone: false,
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
      member?.pause();
      enter(one, member?.cohort);
    });
}

/** A group that takes each key once. */
export function eachOnce<T>(keyOf: (item: T) => string): (item: T) => boolean {
  const taken = new Set<string>();
  return (item) => {
    const isNew = !taken.has(keyOf(item));
    taken.add(keyOf(item));
    return isNew;
  };
}

/** Who waits for company, first come first served. */
class WaitingRoom<T, R> {
  #waiting: readonly Waiting<T, R>[] = [];
  #timer: NodeJS.Timeout | undefined;

  get isEmpty(): boolean {
    return this.#waiting.every(({ isGone }) => isGone);
  }

  get isTimed(): boolean {
    return this.#timer !== undefined;
  }

  enter(one: Waiting<T, R>): void {
    this.#waiting = [...this.#waiting, one];
  }

  /** Instead of what was set before; never where nobody waits. */
  atLatest(ms: number, act: () => void): void {
    clearTimeout(this.#timer);
    const onTime = (): void => {
      this.#timer = undefined;
      act();
    };
    this.#timer = this.isEmpty ? undefined : this.#waiting[0]?.inContext(() => setTimeout(onTime, ms));
  }

  leaveTogether(most: number, takes: (item: T) => boolean): readonly Waiting<T, R>[] {
    const group: Waiting<T, R>[] = [];
    const others: Waiting<T, R>[] = [];
    for (const one of this.#waiting) {
      if (one.isGone) continue;
      if (group.length < most && (takes(one.item) || group.length === 0)) group.push(one);
      else others.push(one);
    }
    this.#waiting = others;
    return group;
  }
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
