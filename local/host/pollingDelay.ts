const MINIMUM_MS = 100;

/**
 * The host's randomized exponential back-off between polls of an empty queue: 100 ms after a message was found, then
 * 100 ms + 0.8..1.2 x 2^(n-1) x 100 ms up to the maximum.
 */
export class PollingDelay {
  private emptyPolls = 0;

  constructor(
    private readonly maximumMs: number,
    private readonly random: () => number = Math.random,
  ) {}

  nextMs(foundMessage: boolean): number {
    if (foundMessage) {
      this.emptyPolls = 0;
      return MINIMUM_MS;
    }
    this.emptyPolls += 1;
    const growth = 2 ** Math.min(this.emptyPolls - 1, 30) * MINIMUM_MS * (0.8 + 0.4 * this.random());
    return Math.min(this.maximumMs, MINIMUM_MS + growth);
  }
}
