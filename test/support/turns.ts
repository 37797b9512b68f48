/** From now on every look at the clock is so much later than the one before: work that can give way does so after each of its parts. */
export function everyPartIsLong(ms = 20): void {
  let now = performance.now();
  jest.spyOn(performance, 'now').mockImplementation(() => (now += ms));
}

/** Other work, which needs one turn of the event loop after the other. */
export class OtherWork {
  private done = 0;
  private running = true;

  constructor() {
    const step = (): void => {
      if (!this.running) return;
      this.done++;
      setImmediate(step);
    };
    setImmediate(step);
  }

  /** How often it could go on since the last call. */
  takeTurns(): number {
    const { done } = this;
    this.done = 0;
    return done;
  }

  stop(): void {
    this.running = false;
  }
}
