import { type LogLevel } from './functionsCore';

const ORDER = ['trace', 'debug', 'information', 'warning', 'error', 'critical', 'none'] as const;

export interface HostLog {
  readonly time: Date;
  readonly level: LogLevel;
  /** `Host`, `Function.<name>` for the host's lines about a run, `Function.<name>.User` for what the code logs. */
  readonly category: string;
  readonly invocationId?: string;
  readonly message: string;
}

export type LogSink = (entry: HostLog) => void;

/** A log that drops what `logging.logLevel` of host.json excludes; the longest matching category decides. */
export class HostLogger {
  constructor(
    private readonly levels: Readonly<Record<string, string>>,
    private readonly sink: LogSink,
  ) {}

  write(level: LogLevel, category: string, message: string, invocationId?: string): void {
    if (rank(level) < this.minimumRank(category)) return;
    this.sink({ time: new Date(), level, category, message, ...(invocationId === undefined ? {} : { invocationId }) });
  }

  private minimumRank(category: string): number {
    const lower = category.toLowerCase();
    const matches = Object.keys(this.levels).filter((prefix) => lower === prefix || lower.startsWith(`${prefix}.`));
    const longest = matches.sort((a, b) => b.length - a.length)[0] ?? 'default';
    return rank(this.levels[longest] ?? 'information');
  }
}

function rank(level: string): number {
  const index = ORDER.findIndex((known) => known === level);
  return index === -1 ? ORDER.indexOf('information') : index;
}

/** One line of text per entry, as the command prints it. */
export function formatLog(entry: HostLog): string {
  const id = entry.invocationId === undefined ? '' : ` (${entry.invocationId.slice(0, 8)})`;
  return `[${entry.time.toISOString()}] ${entry.level.padEnd(11)} ${entry.category}${id}: ${entry.message}`;
}
