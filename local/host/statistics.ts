export interface FunctionStatistics {
  readonly started: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly running: number;
}

export interface QueueStatistics {
  readonly received: number;
  /** Completed runs whose message the host deleted. */
  readonly deleted: number;
  /** Failed runs whose message was made visible again after the constant delay. */
  readonly released: number;
  /** Copies in the poison queue. */
  readonly poisoned: number;
  /** Deletes and releases that did nothing, because the receipt was stale or the message gone. */
  readonly lostReceipts: number;
}

export interface HostStatistics {
  readonly functions: Readonly<Record<string, FunctionStatistics>>;
  readonly queues: Readonly<Record<string, QueueStatistics>>;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Counts since the host started. */
export class StatisticsCounter {
  private readonly functions = new Map<string, Mutable<FunctionStatistics>>();
  private readonly queues = new Map<string, Mutable<QueueStatistics>>();

  functionStarted(name: string): void {
    const counts = this.functionCounts(name);
    counts.started += 1;
    counts.running += 1;
  }

  functionEnded(name: string, succeeded: boolean): void {
    const counts = this.functionCounts(name);
    counts.running -= 1;
    counts[succeeded ? 'succeeded' : 'failed'] += 1;
  }

  count(queueName: string, what: keyof QueueStatistics): void {
    const counts = this.queues.get(queueName) ?? { received: 0, deleted: 0, released: 0, poisoned: 0, lostReceipts: 0 };
    counts[what] += 1;
    this.queues.set(queueName, counts);
  }

  get running(): number {
    return [...this.functions.values()].reduce((sum, counts) => sum + counts.running, 0);
  }

  get started(): number {
    return [...this.functions.values()].reduce((sum, counts) => sum + counts.started, 0);
  }

  snapshot(): HostStatistics {
    return {
      functions: Object.fromEntries([...this.functions].map(([name, counts]) => [name, { ...counts }])),
      queues: Object.fromEntries([...this.queues].map(([name, counts]) => [name, { ...counts }])),
    };
  }

  private functionCounts(name: string): Mutable<FunctionStatistics> {
    const counts = this.functions.get(name) ?? { started: 0, succeeded: 0, failed: 0, running: 0 };
    this.functions.set(name, counts);
    return counts;
  }
}
