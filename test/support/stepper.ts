/**
 * Steps one worker through its requests: every call of a wrapped client waits at a gate until the test lets it go,
 * so that a test can play an exact order of several workers.
 */
export class Stepper {
  /** Steps that stand at the gate, in the order in which they came: a pass over several studies takes several at once. */
  private readonly waiting: { readonly step: string; readonly go: () => void }[] = [];
  private crashed = false;
  private arrived: (() => void) | undefined;
  private open = true;
  private done = true;
  private running: Promise<unknown> = Promise.resolve();
  private failure: unknown;
  readonly steps: string[] = [];

  constructor(readonly name: string) {}

  /** The same object, each of whose methods waits at the gate as the step `label.method first-argument`. */
  wrap<T extends object>(label: string, target: T): T {
    return new Proxy(target, {
      get: (object, property, receiver) => {
        const value: unknown = Reflect.get(object, property, receiver);
        if (typeof value !== 'function' || typeof property !== 'string') return value;
        return async (...args: unknown[]): Promise<unknown> => {
          const detail = typeof args[0] === 'string' ? ` ${args[0]}` : '';
          await this.gate(`${label}.${property}${detail}`);
          return (value as (...all: unknown[]) => unknown).apply(object, args);
        };
      },
    });
  }

  async gate(step: string): Promise<void> {
    this.steps.push(step);
    if (this.open) return;
    await new Promise<void>((go) => {
      if (this.crashed) return;
      this.waiting.push({ step, go });
      this.arrived?.();
    });
  }

  /** Starts the work; it stops before its first step. */
  start(work: () => Promise<unknown>): void {
    this.open = false;
    this.done = false;
    this.crashed = false;
    this.failure = undefined;
    this.running = work()
      .catch((error: unknown) => {
        this.failure = error;
      })
      .finally(() => {
        this.done = true;
        this.arrived?.();
      });
  }

  /** Lets the worker go on until it is about to do a step that matches. */
  async until(step: RegExp): Promise<void> {
    for (;;) {
      const current = await this.next();
      if (current === undefined)
        throw new Error(`${this.name} ended before ${String(step)}; it did: ${this.steps.join(', ')}`, {
          cause: this.failure,
        });
      if (step.test(current.step)) return;
      this.release();
    }
  }

  /** Lets the worker do the step it stands before, and go on until it is about to do one that matches. */
  async past(step: RegExp): Promise<void> {
    await this.until(step);
    this.release();
    await this.next();
  }

  /** Lets the worker run to its end; throws what it threw. */
  async finish(): Promise<void> {
    this.open = true;
    while (!this.done) {
      this.release();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await this.running;
    if (this.failure !== undefined) throw this.failure as Error;
  }

  /** Leaves the worker where it stands for ever, as a crash does. */
  crash(): void {
    this.waiting.length = 0;
    this.crashed = true;
  }

  private release(): void {
    this.waiting.shift()?.go();
  }

  private async next(): Promise<{ readonly step: string } | undefined> {
    while (this.waiting.length === 0 && !this.done) {
      await new Promise<void>((resolve) => {
        this.arrived = resolve;
        if (this.waiting.length > 0 || this.done) resolve();
      });
    }
    return this.waiting[0];
  }
}
