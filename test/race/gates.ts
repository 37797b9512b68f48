import { setImmediate as nextTurn } from 'node:timers/promises';

export const DRAIN = 'looks at open transactions';

/** A call that the engine is about to make. */
interface Gate {
  readonly label: string;
  readonly open: () => void;
}

/**
 * One slice of a run: every call that it makes waits at a gate until whoever plays opens it, so that it may pause anywhere, or for ever.
 */
export class Slice {
  gates: readonly Gate[] = [];
  hasEnded = false;
  private drainTurns = 0;
  private inFlight = 0;
  private wake: () => void = () => undefined;

  constructor(readonly name: string) {}

  /** Makes the call once its gate is opened. */
  pass<T>(label: string, call: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const gate: Gate = {
        label,
        open: () => {
          this.gates = this.gates.filter((other) => other !== gate);
          this.drainTurns = label === DRAIN ? this.drainTurns + 1 : 0;
          this.inFlight += 1;
          call()
            .then(resolve, reject)
            .finally(() => {
              this.inFlight -= 1;
              this.wake();
            });
        },
      };
      this.gates = [...this.gates, gate];
      this.wake();
    });
  }

  /** One turn for running transactions and one for prepared ones are the least: with more of them it waits for somebody. */
  isBlocked(): boolean {
    return this.drainTurns > 2 || (this.drainTurns === 2 && this.gates.some(({ label }) => label === DRAIN));
  }

  end(): void {
    this.hasEnded = true;
    this.wake();
  }

  /** Resolves when the slice has ended, or waits at its gates and nothing that it called is under way. */
  async quiet(): Promise<void> {
    for (let calm = 0; calm < 2;) {
      if (this.hasEnded) return;
      if (this.inFlight === 0 && this.gates.length > 0) {
        calm += 1;
        await nextTurn();
      } else {
        calm = 0;
        await new Promise<void>((resolve) => (this.wake = resolve));
      }
    }
  }
}
