import type { TimerTrigger } from './functionDefinitions';
import type { TypedData } from './functionsCore';

const LONGEST_WAIT_MS = 24 * 60 * 60_000;
const SHORTEST_MONITORED_INTERVAL_MS = 60_000;

/** Time as a timer sees it; tests bring their own. */
export interface Clock {
  now(): Date;
  /** Resolves after the delay, or at once when the signal aborts. */
  wait(delayMs: number, signal: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => new Date(),
  wait: (delayMs, signal) =>
    new Promise((resolve) => {
      if (signal.aborted) {
        resolve();
        return;
      }
      const timer = setTimeout(done, delayMs);
      function done(): void {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      }
      signal.addEventListener('abort', done);
    }),
};

/**
 * Runs a timer's function when it is due. Runs never overlap: the next one is armed when a run has ended. A run that
 * outlasts the period makes the next start at once; due times missed meanwhile are not made up for.
 */
export class TimerListener {
  private readonly stopping = new AbortController();
  private loop: Promise<void> | undefined;
  private last: Date | undefined;

  constructor(
    private readonly trigger: TimerTrigger,
    /** Must not reject. */
    private readonly run: (data: TypedData) => Promise<unknown>,
    private readonly clock: Clock = systemClock,
  ) {}

  start(): void {
    this.loop ??= this.tick(this.stopping.signal);
  }

  /** Arms no further run. Resolves when a run that is going on has ended. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.loop;
  }

  /** What the function gets: as in the real host, no status for schedules that are not monitored. */
  timerInfo(): TypedData {
    const next = this.trigger.schedule.next(this.clock.now());
    const following = next === undefined ? undefined : this.trigger.schedule.next(next);
    const intervalMs = next === undefined || following === undefined ? Infinity : following.getTime() - next.getTime();
    const isMonitored = this.trigger.useMonitor && intervalMs >= SHORTEST_MONITORED_INTERVAL_MS;
    const status = {
      Last: this.last ?? new Date(0),
      Next: next ?? new Date(0),
      LastUpdated: this.last ?? new Date(0),
    };
    const info = { Schedule: { AdjustForDST: true }, ScheduleStatus: isMonitored ? status : null, IsPastDue: false };
    return { json: JSON.stringify(info) };
  }

  private async tick(signal: AbortSignal): Promise<void> {
    if (this.trigger.runOnStartup) await this.run(this.timerInfo());
    let due = this.trigger.schedule.next(this.clock.now());
    while (due !== undefined) {
      await this.waitUntil(due, signal);
      if (signal.aborted) return;
      const startedAt = new Date(Math.max(this.clock.now().getTime(), due.getTime()));
      await this.run(this.timerInfo());
      this.last = startedAt;
      due = this.trigger.schedule.next(startedAt);
    }
  }

  private async waitUntil(due: Date, signal: AbortSignal): Promise<void> {
    for (;;) {
      const remainingMs = due.getTime() - this.clock.now().getTime();
      if (remainingMs <= 0 || signal.aborted) return;
      await this.clock.wait(Math.min(remainingMs, LONGEST_WAIT_MS), signal);
    }
  }
}
