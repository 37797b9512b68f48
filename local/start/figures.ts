import type { HostLog } from '../host/logs';

/** Sums of the metrics that the app logs: `metric name=value [dimension=value …]`. */
export class Figures {
  private readonly sums = new Map<string, number>();

  /** Takes a log entry of the host; anything but a metric is ignored. */
  add(entry: HostLog): void {
    const match = /^metric ([a-z-]+)=(-?[\d.e+-]+)(?: \[(.*)\])?$/.exec(entry.message);
    if (match?.[1] === undefined || match[2] === undefined) return;
    const [, name, value, dimensions] = match;
    this.count(name, Number(value));
    for (const dimension of dimensions?.split(' ') ?? []) this.count(`${name}/${dimension}`, Number(value));
  }

  sum(name: string): number {
    return this.sums.get(name) ?? 0;
  }

  /** The sums of a metric by one of its dimensions. */
  by(name: string, dimension: string): Readonly<Record<string, number>> {
    const prefix = `${name}/${dimension}=`;
    const entries = [...this.sums].flatMap(([key, sum]) =>
      key.startsWith(prefix) ? [[key.slice(prefix.length), sum] as const] : [],
    );
    return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  private count(key: string, value: number): void {
    this.sums.set(key, (this.sums.get(key) ?? 0) + value);
  }
}
