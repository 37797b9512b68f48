/** The storage counts in whole seconds; the clock moves by half of one. */
export const TICK_MS = 500;
const SECOND_MS = 1000;
const START_MS = Date.parse('2026-01-01T00:00:00Z');

/** The clock of the storage, moved by whoever plays: what would take a day takes a step. */
export class StorageClock {
  private elapsedMs = 0;
  private readonly stored = new Map<string, Date>();

  get nowMs(): number {
    return START_MS + this.elapsedMs;
  }

  tick(): void {
    this.elapsedMs += TICK_MS;
  }

  jump(ms: number): void {
    this.elapsedMs += Math.ceil(ms / TICK_MS) * TICK_MS;
  }

  /** As the storage writes it into `Date` and `Last-Modified`. */
  date(): Date {
    return new Date(Math.floor(this.nowMs / SECOND_MS) * SECOND_MS);
  }

  /** A blob was written now, and has this ETag. */
  wrote(etag: string | undefined): void {
    this.stored.set(plain(etag), this.date());
  }

  /** What was written before the clock began is old. */
  lastModified(etag: string): Date {
    return this.stored.get(plain(etag)) ?? new Date('2020-01-01T00:00:00Z');
  }
}

const plain = (etag: string | undefined): string => (etag ?? '').replaceAll('"', '');
