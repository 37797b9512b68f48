import type { AttributeDefinition } from './attributes';
import { Attribute } from './attributes';
import { clean, invalid, joinedIssues, note, type DataIssue, type Reading } from './dataIssue';
import type { DicomDataset } from './dataset';
import { textValue } from './text';
import { formatOffset, offsetOfWallClock, parseOffset, zoneOf, type Zone } from './timeZone';

/** Where to look for the zone of a local time. */
export interface ZoneOptions {
  /** IANA name of the zone that counts when the object names none. */
  readonly defaultTimeZone?: string | undefined;
  /** The whole object, where the dates stand in an item of it. */
  readonly zoneOf?: DicomDataset | undefined;
}

/** @returns a FHIR date with the precision that was given: `2024`, `2024-01` or `2024-01-15` */
export function dateValue(dataset: DicomDataset, attribute: AttributeDefinition): Reading<string | undefined> {
  const { value: text, issues } = textValue(dataset, attribute);
  if (text === undefined) return { value: undefined, issues };
  const date = parseDate(attribute, text);
  return issues.length === 0 ? date : { value: date.value, issues: joinedIssues(issues, date.issues) };
}

/** @returns the digits of a TM attribute, as far as they are given: `HH[MM[SS[.FFFFFF]]]`, or undefined; colons are tolerated, second 60 is 59 */
export function timeValue(dataset: DicomDataset, attribute: AttributeDefinition): Reading<string | undefined> {
  const { value: text, issues } = textValue(dataset, attribute);
  if (text === undefined) return { value: undefined, issues };
  const time = parseTime(attribute, text);
  return issues.length === 0 ? time : { value: time.value, issues: joinedIssues(issues, time.issues) };
}

/**
 * Joins a DA and a TM attribute to a FHIR dateTime. FHIR allows no time without a zone, so the time is left out where
 * none is known, and an hour without minutes is left out too: no precision is invented.
 *
 * @returns a dateTime with the object's own offset, or that of the default zone at that time; a date; or undefined
 */
export function dateTimeOf(
  dataset: DicomDataset,
  dateAttribute: AttributeDefinition,
  timeAttribute: AttributeDefinition,
  options: ZoneOptions,
): Reading<string | undefined> {
  return withTimeOf(dataset, dateValue(dataset, dateAttribute), timeAttribute, options);
}

/** Joins a date that was read already to a TM attribute, under the rules of `dateTimeOf`. */
export function withTimeOf(
  dataset: DicomDataset,
  date: Reading<string | undefined>,
  timeAttribute: AttributeDefinition,
  options: ZoneOptions,
): Reading<string | undefined> {
  if (date.value === undefined) return date;
  const time = timeValue(dataset, timeAttribute);
  const { value, issues } = dateTimeFrom(date.value, time.value, timeAttribute, () =>
    zoneOf(options.zoneOf ?? dataset, options.defaultTimeZone),
  );
  return { value, issues: joinedIssues(joinedIssues(date.issues, time.issues), issues) };
}

/** @returns a DT attribute (`YYYY[MM[DD[HH[MM[SS[.F]]]]]][&ZZXX]`) as FHIR dateTime, under the rules of `dateTimeOf` */
export function dateTimeValue(
  dataset: DicomDataset,
  attribute: AttributeDefinition,
  options: ZoneOptions,
): Reading<string | undefined> {
  const { value: text, issues } = textValue(dataset, attribute);
  if (text === undefined) return { value: undefined, issues };
  const match = /^(\d{4}|\d{6}|\d{8}|\d{8}\d{2}(?:\d{2}(?:\d{2}(?:\.\d{1,6})?)?)?)([+-].*)?$/.exec(text);
  const [, local, offsetText] = match ?? [];
  if (local === undefined) {
    return { value: undefined, issues: [...issues, invalid(attribute, 'expected a date and time (DT)')] };
  }
  const date = parseDate(attribute, local.slice(0, 8));
  if (date.value === undefined) return { value: undefined, issues: joinedIssues(issues, date.issues) };
  const time = local.length > 8 ? parseTime(attribute, local.slice(8)) : clean(undefined);
  const whole = dateTimeFrom(date.value, time.value, attribute, () =>
    zoneOfDateTime(dataset, attribute, offsetText, options),
  );
  return {
    value: whole.value,
    issues: joinedIssues(joinedIssues(issues, date.issues), joinedIssues(time.issues, whole.issues)),
  };
}

function zoneOfDateTime(
  dataset: DicomDataset,
  attribute: AttributeDefinition,
  offsetText: string | undefined,
  options: ZoneOptions,
): Reading<Zone> {
  const ofObject = (): Reading<Zone> => zoneOf(options.zoneOf ?? dataset, options.defaultTimeZone);
  if (offsetText === undefined) return ofObject();
  const minutes = parseOffset(offsetText);
  if (minutes !== undefined) return clean({ kind: 'offset', minutes });
  const zone = ofObject();
  return {
    value: zone.value,
    issues: [...zone.issues, invalid(attribute, 'expected an offset from UTC within 14 hours')],
  };
}

/** @param time its digits, as `timeValue` gives them */
function dateTimeFrom(
  date: string,
  time: string | undefined,
  timeAttribute: AttributeDefinition,
  readZone: () => Reading<Zone>,
): Reading<string> {
  if (date.length < 10 || time === undefined || time.length < 4) return clean(date);
  const { value: zone, issues } = readZone();
  // Nearly every instance has a time, and the zone is often unknown.
  if (zone.kind === 'unknown') return { value: date, issues: joinedIssues(issues, NO_ZONE_KNOWN) };
  const clock = `${time.slice(0, 2)}:${time.slice(2, 4)}:${time.slice(4, 6) || '00'}`;
  const digits = time.slice(7).replace(/0+$/, '');
  const fraction = digits === '' ? '' : `.${digits}`;
  switch (zone.kind) {
    case 'offset':
      return { value: `${date}T${clock}${fraction}${formatOffset(zone.minutes)}`, issues };
    case 'named': {
      const { minutes, skipped } = offsetOfWallClock(zone.name, Date.parse(`${date}T${clock}Z`));
      const gap = skipped ? [note(timeAttribute, 'the clock of the time zone skipped this time')] : [];
      return { value: `${date}T${clock}${fraction}${formatOffset(minutes)}`, issues: [...issues, ...gap] };
    }
  }
}

const NO_ZONE_KNOWN: readonly DataIssue[] = [
  note(Attribute.TimezoneOffsetFromUTC, 'no time zone known, times are left out'),
];

const DATE = /^\d{4}(?:\d{2}(?:\d{2})?|([./-])\d{2}\1\d{2})?$/;

function parseDate(attribute: AttributeDefinition, text: string): Reading<string | undefined> {
  if (!DATE.test(text))
    return { value: undefined, issues: [invalid(attribute, 'expected a date of the form YYYYMMDD')] };
  const plain = text.length > 8 ? text.slice(0, 4) + text.slice(5, 7) + text.slice(8) : text;
  const digits = plain.padEnd(8, '0');
  const [year, month, day] = [digits.slice(0, 4), digits.slice(4, 6), digits.slice(6)];
  if (isPlaceholder(year, month, day)) return { value: undefined, issues: [note(attribute, 'placeholder date')] };
  const issues: DataIssue[] = [];
  if (text.includes('-') || text.includes('/')) issues.push(note(attribute, 'expected the form YYYYMMDD'));
  if (month === '00' || day === '00') issues.push(note(attribute, 'incomplete date'));
  if (year !== '0000' && month === '00' && day === '00') return { value: year, issues };
  if (year !== '0000' && day === '00' && exists(year, month, '01')) return { value: `${year}-${month}`, issues };
  if (year !== '0000' && exists(year, month, day)) return { value: `${year}-${month}-${day}`, issues };
  return { value: undefined, issues: [invalid(attribute, 'expected a date that exists')] };
}

/** Databases write their smallest or largest date where there is none. */
function isPlaceholder(year: string, month: string, day: string): boolean {
  return (year === '0001' && month === '01' && day === '01') || year === '9999';
}

const LONGEST_MONTHS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function exists(year: string, month: string, day: string): boolean {
  const monthNumber = Number(month);
  const dayNumber = Number(day);
  const days = monthNumber === 2 && !isLeapYear(Number(year)) ? 28 : LONGEST_MONTHS[monthNumber - 1];
  return days !== undefined && dayNumber >= 1 && dayNumber <= days;
}

function isLeapYear(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

const TIME = /^\d{2}(?:(:?)\d{2}(?:\1\d{2}(?:\.\d{1,6})?)?)?$/;

/** Every instance has a time: of one without fault nothing is made but the result. */
function parseTime(attribute: AttributeDefinition, text: string): Reading<string | undefined> {
  const digits = text.includes(':') ? text.replaceAll(':', '') : text;
  // Two digits each, or none; texts compare as their numbers do.
  if (!TIME.test(text) || digits >= '24' || (digits[2] ?? '') > '5' || digits.slice(4, 6) > '60')
    return { value: undefined, issues: [invalid(attribute, 'expected a time of the form HHMMSS.FFFFFF')] };
  // FHIR allows a leap second, but servers that keep instants in .NET types refuse it
  if (digits.startsWith('60', 4))
    return { value: `${digits.slice(0, 4)}59`, issues: [note(attribute, 'leap second, taken as second 59')] };
  return clean(digits);
}
