import { Cron } from 'croner';
import { HostStartError } from './errors';
import { parseTimeSpanMs } from './timeSpan';

/** When a timer is due. All times are UTC. */
export interface TimerSchedule {
  readonly text: string;
  /** The first due time strictly after `time`; `undefined` when there is none any more. */
  next(time: Date): Date | undefined;
}

const FIELD = /^(?:[\d*,/-]|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|sun|mon|tue|wed|thu|fri|sat)+$/i;

/**
 * Reads an NCRONTAB expression (six fields, seconds first, or five without seconds) or a TimeSpan.
 * As in NCRONTAB, a day must fit day-of-month and day-of-week both, and there are no `?`, `L`, `W`, `#` or nicknames.
 *
 * @throws {HostStartError} when the text is none of these.
 */
export function parseTimerSchedule(text: string): TimerSchedule {
  const timeSpanMs = parseTimeSpanMs(text.trim());
  if (timeSpanMs !== undefined && timeSpanMs > 0 && Number.isFinite(timeSpanMs)) {
    return { text, next: (time) => new Date(time.getTime() + timeSpanMs) };
  }
  const fields = text.trim().split(/\s+/);
  if ((fields.length !== 5 && fields.length !== 6) || !fields.every((field) => FIELD.test(field))) {
    throw invalid(text);
  }
  let cron: Cron;
  try {
    cron = new Cron(fields.join(' '), { timezone: 'UTC', domAndDow: true, mode: '5-or-6-parts', sloppyRanges: true });
  } catch {
    throw invalid(text);
  }
  return { text, next: (time) => cron.nextRun(time) ?? undefined };
}

function invalid(text: string): HostStartError {
  return new HostStartError(
    `The schedule expression '${text}' was not recognized as a valid cron expression or timespan`,
  );
}
