import { AsyncResource } from 'node:async_hooks';
import { type Cohort, currentMember } from './cohort';
import { type Part, type Waiting, WaitingRoom } from './waitingRoom';

export type { Part } from './waitingRoom';

/** How far requests may share. */
export interface Sharing {
  /** Most items of one group. */
  readonly most: number;
  /** Groups of those who are in no cohort that may be under way before others wait for company. Default: one. */
  readonly groupsUnderWay?: number | undefined;
}

export interface TogetherOptions<T, R> extends Sharing {
  /** Begins a group. @returns whether it takes one more item, which then is in it; the first it has to take. Without, it takes any. */
  readonly group?: () => (item: T) => boolean;
  /** What an item is about: two items about the same never go in one group, and not in two at the same time. */
  readonly keysOf?: (item: T) => readonly string[];
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

/** Groups of one cohort under way at the same time. */
const GROUPS_OF_COHORT = 4;

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
  group = () => () => true,
  keysOf = () => [],
  send,
}: TogetherOptions<T, R>): (item: T, signal: AbortSignal) => Promise<R> {
  const strangers = new WaitingRoom<T, R>(groupsUnderWay);
  const cohorts = new WeakMap<Cohort, WaitingRoom<T, R>>();
  let mostNow = most;

  function go(room: WaitingRoom<T, R>): void {
    while (room.mayGo) {
      const parts = room.leaveTogether(mostNow, group(), room.keysUnderWay());
      if (parts.length === 0) break;
      void sendFrom(room, parts);
    }
    room.atLatest(PATIENCE_MS, () => {
      goAnyway(room);
    });
  }

  function goAnyway(room: WaitingRoom<T, R>): void {
    while (!room.isEmpty) void sendFrom(room, room.leaveTogether(mostNow, group()));
  }

  async function sendFrom(room: WaitingRoom<T, R>, parts: readonly Waiting<T, R>[]): Promise<void> {
    const comeBack = room.underWay(parts);
    await parts[0]?.context.runInAsyncScope(() => sendGroup(parts));
    comeBack();
    if (!room.isEmpty) go(room);
  }

  const roomOf = (cohort: Cohort | undefined): WaitingRoom<T, R> | undefined =>
    cohort === undefined ? strangers : cohorts.get(cohort);

  function enter(one: Waiting<T, R>, cohort: Cohort | undefined): void {
    if (cohort === undefined) {
      strangers.enter(one);
      if (!strangers.isTimed) go(strangers);
      return;
    }
    const room = cohorts.get(cohort) ?? new WaitingRoom<T, R>(GROUPS_OF_COHORT);
    cohorts.set(cohort, room);
    const goTogether = (): void => {
      go(room);
    };
    room.enter(one);
    room.atLatest(COMPANY_MS, goTogether);
    cohort.whenComplete(room, goTogether);
  }

  /** Never throws. */
  async function sendGroup(parts: readonly Waiting<T, R>[]): Promise<void> {
    const whole = whenAllAbort(parts.map(({ signal }) => signal));
    const started = performance.now();
    let wentWell = false;
    try {
      wentWell = await send(parts, whole.signal);
      rejectAll(parts, () => new Error('A request that went with others has no result'));
    } catch (error) {
      rejectAll(parts, () => error);
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
        roomOf(member?.cohort)?.leave(one);
        done();
        reject(signal.reason);
      };
      const one: Waiting<T, R> = {
        item,
        signal,
        keys: keysOf(item),
        context: new AsyncResource('SharedRequest'),
        isDone: () => isDone,
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

/** Does nothing to those that have a result. */
function rejectAll(parts: readonly Pick<Waiting<never, never>, 'reject' | 'isDone'>[], errorOf: () => unknown): void {
  const left = parts.filter(({ isDone }) => !isDone());
  if (left.length === 0) return;
  const error = errorOf();
  for (const { reject } of left) reject(error);
}

/** Aborts when every one of these has; several parts may share one. To be released when it is not needed any more. */
function whenAllAbort(signals: readonly AbortSignal[]): { readonly signal: AbortSignal; readonly release: () => void } {
  const distinct = new Set(signals);
  const [only] = distinct;
  if (only !== undefined && distinct.size === 1) return { signal: only, release: () => undefined };
  const all = new AbortController();
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
