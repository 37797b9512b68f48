import type { AsyncResource } from 'node:async_hooks';

/** One of those that go together. */
export interface Part<T, R> {
  readonly item: T;
  /** Of whoever waits for this part: once it has aborted, nothing more may be sent for this part alone. */
  readonly signal: AbortSignal;
  readonly resolve: (result: R) => void;
  readonly reject: (error: unknown) => void;
}

export interface Waiting<T, R> extends Part<T, R> {
  /** Of whoever waits for this part: spans of a request belong to the one that sent it. */
  readonly context: AsyncResource;
  /** Whether it has a result, or nobody waits for it any more. */
  readonly isDone: () => boolean;
  /** What it is about, as `keysOf` says. */
  readonly keys: readonly string[];
}

/** Who waits for company, first come first served, and what is under way of those that have left. */
export class WaitingRoom<T, R> {
  #waiting: Waiting<T, R>[] = [];
  #timer: NodeJS.Timeout | undefined;
  #timerMs = 0;
  #act = (): void => undefined;
  #underWay = new Set<readonly Waiting<T, R>[]>();

  /** @param groups that may be under way before others wait */
  constructor(private readonly groups: number) {}

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  get isTimed(): boolean {
    return this.#timer !== undefined;
  }

  get mayGo(): boolean {
    return !this.isEmpty && this.#underWay.size < this.groups;
  }

  enter(one: Waiting<T, R>): void {
    this.#waiting.push(one);
  }

  leave(one: Waiting<T, R>): void {
    this.#waiting = this.#waiting.filter((other) => other !== one);
  }

  /** @returns what says that they are back */
  underWay(parts: readonly Waiting<T, R>[]): () => void {
    this.#underWay.add(parts);
    return () => void this.#underWay.delete(parts);
  }

  keysUnderWay(): ReadonlySet<string> {
    return new Set([...this.#underWay].flat().flatMap(({ keys }) => keys));
  }

  /** Instead of what was set before; never where nobody waits. */
  atLatest(ms: number, act: () => void): void {
    this.#act = act;
    if (this.#timer !== undefined && this.#timerMs === ms && !this.isEmpty) {
      this.#timer.refresh();
      return;
    }
    clearTimeout(this.#timer);
    this.#timerMs = ms;
    const onTime = (): void => {
      this.#timer = undefined;
      this.#act();
    };
    this.#timer = this.#waiting[0]?.context.runInAsyncScope(() => setTimeout(onTime, ms));
  }

  /**
   * @param avoid keys; without, the first goes in any case
   * @returns none where all have to wait
   */
  leaveTogether(
    most: number,
    takes: (item: T) => boolean,
    avoid: ReadonlySet<string> = new Set(),
  ): readonly Waiting<T, R>[] {
    const taken = new Set(avoid);
    const group: Waiting<T, R>[] = [];
    const others: Waiting<T, R>[] = [];
    for (const one of this.#waiting) {
      if (group.length < most && !one.keys.some((key) => taken.has(key)) && takes(one.item)) {
        group.push(one);
        for (const key of one.keys) taken.add(key);
      } else others.push(one);
    }
    this.#waiting = others;
    return group;
  }
}
