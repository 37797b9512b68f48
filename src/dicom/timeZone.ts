import { Attribute } from './attributes';
import { clean, invalid, note, type Reading } from './dataIssue';
import type { DicomDataset } from './dataset';
import { textValue } from './text';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** Largest distance from UTC that DICOM and FHIR both allow. */
const MAX_OFFSET_MINUTES = 14 * 60;

/** How a local time without an offset of its own is to be understood. Never assumed to be UTC. */
export type Zone =
  | { readonly kind: 'offset'; readonly minutes: number }
  | { readonly kind: 'named'; readonly name: string }
  | { readonly kind: 'unknown' };

/** @returns whether the runtime knows the IANA zone */
export function isTimeZone(name: string): boolean {
  try {
    offsetFormat(name);
    return true;
  } catch {
    return false;
  }
}

/**
 * Reads Timezone Offset From UTC (0008,0201) and falls back to the configured zone.
 *
 * @param defaultTimeZone IANA name
 */
export function zoneOf(dataset: DicomDataset, defaultTimeZone: string | undefined): Reading<Zone> {
  const fallback: Zone = defaultTimeZone === undefined ? { kind: 'unknown' } : { kind: 'named', name: defaultTimeZone };
  const { value: text, issues } = textValue(dataset, Attribute.TimezoneOffsetFromUTC);
  if (text === undefined) return { value: fallback, issues };
  const minutes = parseOffset(text);
  if (minutes === undefined) {
    const problem = 'expected an offset of the form +HHMM or -HHMM, at most 14 hours';
    return { value: fallback, issues: [...issues, invalid(Attribute.TimezoneOffsetFromUTC, problem)] };
  }
  const value: Zone = { kind: 'offset', minutes };
  if (/^[+-]\d{4}$/.test(text)) return issues.length === 0 ? clean(value) : { value, issues };
  return { value, issues: [...issues, note(Attribute.TimezoneOffsetFromUTC, 'expected the form +HHMM or -HHMM')] };
}

/** @returns the offset in minutes; a colon, blanks and `UTC` before it are tolerated; undefined when out of range */
export function parseOffset(text: string): number | undefined {
  const match = /^(?:UTC)?([+-])(\d{2}):?(\d{2})$/i.exec(text.replace(/\s/g, ''));
  if (match === null) return undefined;
  const [, sign, hours, minutes] = match;
  const size = Number(hours) * 60 + Number(minutes);
  if (Number(minutes) > 59 || size > MAX_OFFSET_MINUTES) return undefined;
  return sign === '-' && size !== 0 ? -size : size;
}

/** @returns `Z`, or the offset as FHIR writes it: `+01:00` */
export function formatOffset(minutes: number): string {
  if (minutes === 0) return 'Z';
  const size = Math.abs(minutes);
  const two = (part: number): string => String(part).padStart(2, '0');
  return `${minutes < 0 ? '-' : '+'}${two(Math.trunc(size / 60))}:${two(size % 60)}`;
}

/**
 * Finds the offset that a wall clock in a zone had. Where the clock was put back, the first of both readings counts;
 * where it was put forward over this time, the offset from before the jump counts and `skipped` is true.
 *
 * @param wallMs the wall clock's reading as if it were UTC, milliseconds since 1970
 * @throws RangeError if the runtime does not know the zone
 */
export function offsetOfWallClock(
  zone: string,
  wallMs: number,
): { readonly minutes: number; readonly skipped: boolean } {
  const steady = steadyOffset(zone, Math.floor(wallMs / DAY_MS));
  if (steady !== undefined) return { minutes: steady, skipped: false };
  const before = offsetAt(zone, wallMs - DAY_MS);
  if (offsetAt(zone, wallMs - before * MINUTE_MS) === before) return { minutes: before, skipped: false };
  const after = offsetAt(zone, wallMs + DAY_MS);
  if (offsetAt(zone, wallMs - after * MINUTE_MS) === after) return { minutes: after, skipped: false };
  return { minutes: before, skipped: true };
}

/** By zone and day; undefined for days near a change of the clock. */
const steadyOffsets = new Map<string, number | undefined>();

/** Days of 27 years; the images of a study have few. */
const MAX_STEADY_OFFSETS = 10_000;

/**
 * Asking the runtime costs more than reading the rest of an instance, and most days have one offset from the day before to the day after;
 * no offset is as long as a day.
 * @param day of the wall clock, since 1970
 * @returns undefined where it may change, and before 1970: since then no zone has changed its clock twice within three days (tz database)
 */
function steadyOffset(zone: string, day: number): number | undefined {
  if (day < 1) return undefined;
  const key = `${zone} ${day}`;
  if (steadyOffsets.has(key)) return steadyOffsets.get(key);
  const first = offsetAt(zone, (day - 1) * DAY_MS);
  const offset = offsetAt(zone, (day + 2) * DAY_MS) === first ? first : undefined;
  if (steadyOffsets.size >= MAX_STEADY_OFFSETS) steadyOffsets.clear();
  steadyOffsets.set(key, offset);
  return offset;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function offsetFormat(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known !== undefined) return known;
  const format = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' });
  formats.set(zone, format);
  return format;
}

/** Offset of a zone at an instant, in whole minutes (local mean times of the 19th century are rounded). */
function offsetAt(zone: string, epochMs: number): number {
  const name = offsetFormat(zone)
    .formatToParts(epochMs)
    .find((part) => part.type === 'timeZoneName')?.value;
  const match = /^GMT(?:([+-])(\d{2}):(\d{2})(?::(\d{2}))?)?$/.exec(name ?? '');
  if (match === null) throw new RangeError('The runtime does not tell the offset of a time zone');
  const [, sign, hours = '0', minutes = '0', seconds = '0'] = match;
  const size = Number(hours) * 60 + Number(minutes) + Math.round(Number(seconds) / 60);
  return sign === '-' ? -size : size;
}
