import { Attribute } from '../../../src/dicom/attributes';
import { dateTimeOf, dateTimeValue } from '../../../src/dicom/dates';
import { formatOffset, isTimeZone, offsetOfWallClock, parseOffset } from '../../../src/dicom/timeZone';
import { dataset } from '../../support/dicomJson';

interface Given {
  readonly date?: string;
  readonly time?: string;
  readonly offset?: string;
  readonly zone?: string;
}

function started({ date, time, offset, zone }: Given) {
  const values = {
    ...(date === undefined ? {} : { StudyDate: date }),
    ...(time === undefined ? {} : { StudyTime: time }),
    ...(offset === undefined ? {} : { TimezoneOffsetFromUTC: offset }),
  };
  return dateTimeOf(dataset(values), Attribute.StudyDate, Attribute.StudyTime, { defaultTimeZone: zone });
}

const note = (keyword: string) => ({ keyword, severity: 'note' });
const invalid = (keyword: string) => ({ keyword, severity: 'invalid' });

describe('a date and a time become a dateTime', () => {
  test.each<[string, Given, string | undefined, object[]]>([
    [
      '35: the offset of the object',
      { date: '20240115', time: '101530', offset: '+0100' },
      '2024-01-15T10:15:30+01:00',
      [],
    ],
    [
      '36: the configured zone in winter',
      { date: '20240115', time: '101530', zone: 'Europe/Berlin' },
      '2024-01-15T10:15:30+01:00',
      [],
    ],
    [
      '37: the configured zone in summer',
      { date: '20240715', time: '101530', zone: 'Europe/Berlin' },
      '2024-07-15T10:15:30+02:00',
      [],
    ],
    ['38: no zone, no time', { date: '20240115', time: '101530' }, '2024-01-15', [note('TimezoneOffsetFromUTC')]],
    ['39: no time', { date: '20240115', offset: '+0100', zone: 'Europe/Berlin' }, '2024-01-15', []],
    ['40: no date', { time: '101530', offset: '+0100', zone: 'Europe/Berlin' }, undefined, []],
    ['41: no seconds', { date: '20240115', time: '1015', offset: '+0100' }, '2024-01-15T10:15:00+01:00', []],
    ['42: no minutes', { date: '20240115', time: '10', offset: '+0100' }, '2024-01-15', []],
    [
      '43: a fraction without its zeros',
      { date: '20160512', time: '100647.812000', offset: '+0000' },
      '2016-05-12T10:06:47.812Z',
      [],
    ],
    ['44: a fraction of zeros', { date: '19970101', time: '000000.000', offset: '+0000' }, '1997-01-01T00:00:00Z', []],
    ['45: colons', { date: '20240115', time: '10:15:30', offset: '+0530' }, '2024-01-15T10:15:30+05:30', []],
    [
      '46: a leap second',
      { date: '20240115', time: '235960', offset: '+0000' },
      '2024-01-15T23:59:59Z',
      [note('StudyTime')],
    ],
    [
      '47: an hour that does not exist',
      { date: '20240115', time: '250000', offset: '+0000' },
      '2024-01-15',
      [invalid('StudyTime')],
    ],
    [
      '48: UTC before the offset',
      { date: '20240115', time: '101530', offset: 'UTC-04:00' },
      '2024-01-15T10:15:30-04:00',
      [note('TimezoneOffsetFromUTC')],
    ],
    [
      '49: 0 is no offset',
      { date: '20240115', time: '101530', offset: '0', zone: 'Europe/Berlin' },
      '2024-01-15T10:15:30+01:00',
      [invalid('TimezoneOffsetFromUTC')],
    ],
    [
      '49: 15 hours are too many',
      { date: '20240115', time: '101530', offset: '+1500', zone: 'Europe/Berlin' },
      '2024-01-15T10:15:30+01:00',
      [invalid('TimezoneOffsetFromUTC')],
    ],
    [
      '49: text is no offset',
      { date: '20240115', time: '101530', offset: 'abc' },
      '2024-01-15',
      [invalid('TimezoneOffsetFromUTC'), note('TimezoneOffsetFromUTC')],
    ],
    ['50: the largest offset', { date: '20240115', time: '101530', offset: '+1400' }, '2024-01-15T10:15:30+14:00', []],
    ['50: the smallest offset', { date: '20240115', time: '101530', offset: '-1400' }, '2024-01-15T10:15:30-14:00', []],
    ['50: minus zero', { date: '20240115', time: '101530', offset: '-0000' }, '2024-01-15T10:15:30Z', []],
    [
      '51: a time that the zone skipped',
      { date: '20240331', time: '023000', zone: 'Europe/Berlin' },
      '2024-03-31T02:30:00+01:00',
      [note('StudyTime')],
    ],
    [
      '52: a time that the zone had twice',
      { date: '20241027', time: '023000', zone: 'Europe/Berlin' },
      '2024-10-27T02:30:00+02:00',
      [],
    ],
    ['53: a date without day', { date: '202401', time: '101530', offset: '+0100' }, '2024-01', [note('StudyDate')]],
    [
      '56: a summer afternoon in Paris',
      { date: '20220822', time: '083117.658000', zone: 'Europe/Paris' },
      '2022-08-22T08:31:17.658+02:00',
      [],
    ],
  ])('vector %s', (_name, given, expected, issues) => {
    const reading = started(given);
    expect(reading.value).toBe(expected);
    expect(reading.issues).toMatchObject(issues);
    expect(reading.issues).toHaveLength(issues.length);
  });

  test.each([
    ['America/New_York', '20240310', '023000', '-05:00'],
    ['America/New_York', '20241103', '013000', '-04:00'],
    ['Australia/Lord_Howe', '20241006', '021500', '+10:30'],
    ['Pacific/Apia', '20111230', '120000', '-10:00'],
    ['Asia/Kolkata', '20240115', '101530', '+05:30'],
  ])('a zone far from Berlin is followed as well: %s on %s at %s', (zone, date, time, offset) => {
    expect(started({ date, time, zone }).value?.endsWith(offset)).toBe(true);
  });

  test('the zone of the whole object counts for dates within its items', () => {
    const item = dataset({ StudyDate: '20240115', StudyTime: '101530' });
    const whole = dataset({ TimezoneOffsetFromUTC: '+0100' });
    const reading = dateTimeOf(item, Attribute.StudyDate, Attribute.StudyTime, { zoneOf: whole });
    expect(reading.value).toBe('2024-01-15T10:15:30+01:00');
  });

  test.each(['2024-01-15', '2024/01/15'])('%s is tolerated, and noted', (date) => {
    expect(started({ date })).toMatchObject({ value: '2024-01-15', issues: [note('StudyDate')] });
  });

  test.each(['15.01.2024', '240115', '2024.01/15', '20241301', '20240100x', '20230229'])('%s is no date', (date) => {
    expect(started({ date })).toMatchObject({ value: undefined, issues: [invalid('StudyDate')] });
  });
});

test('a date counts where the calendar has it, in leap years and others', () => {
  const two = (part: number): string => String(part).padStart(2, '0');
  for (const year of [1900, 1999, 2000, 2023, 2024])
    for (let month = 0; month <= 13; month++)
      for (let day = 1; day <= 32; day++) {
        const date = new Date(Date.UTC(year, month - 1, day));
        const exists = date.getUTCFullYear() === year && date.getUTCMonth() === month - 1;
        const { value } = started({ date: `${year}${two(month)}${two(day)}` });
        if (exists) expect(value).toBe(`${year}-${two(month)}-${two(day)}`);
        else expect(value).toBeUndefined();
      }
});

describe('a date-time attribute becomes a dateTime', () => {
  const read = (value: string, zone?: string) =>
    dateTimeValue(dataset({ DateTime: value }), Attribute.DateTime, { defaultTimeZone: zone });

  test('vector 54: without an offset the configured zone counts', () => {
    expect(read('20180105172103.083003', 'Europe/Berlin')).toEqual({
      value: '2018-01-05T17:21:03.083003+01:00',
      issues: [],
    });
  });

  test('vector 55: an offset of its own counts', () => {
    expect(read('19970101000631.737+0000', 'Europe/Berlin')).toEqual({ value: '1997-01-01T00:06:31.737Z', issues: [] });
  });

  test.each([
    ['2018', '2018'],
    ['201801', '2018-01'],
    ['20180105', '2018-01-05'],
    ['2018010517', '2018-01-05'],
    ['201801051721-0330', '2018-01-05T17:21:00-03:30'],
  ])('%s keeps its precision: %s', (given, expected) => {
    expect(read(given, 'Europe/Berlin').value).toBe(expected);
  });

  test('what is no date-time is invalid', () => {
    expect(read('yesterday')).toMatchObject({ value: undefined, issues: [invalid('DateTime')] });
    expect(read('20180105172103+9900', 'Europe/Berlin')).toMatchObject({
      value: '2018-01-05T17:21:03+01:00',
      issues: [invalid('DateTime')],
    });
  });
});

describe('a time of day', () => {
  const at = (time: string) => started({ date: '20240115', time, zone: 'UTC' });

  test.each([
    ['10', '2024-01-15'],
    ['1015', '2024-01-15T10:15:00Z'],
    ['10:15', '2024-01-15T10:15:00Z'],
    ['235960', '2024-01-15T23:59:59Z'],
    ['235959.100', '2024-01-15T23:59:59.1Z'],
    ['10:15:30.000000', '2024-01-15T10:15:30Z'],
  ])('%s is told as %s', (time, expected) => {
    expect(at(time).value).toBe(expected);
  });

  test.each(['24', '2400', '1260', '235961', '12:3456', '1', '10153', '101530.', '101530.1234567'])(
    '%s is none',
    (time) => {
      expect(at(time)).toMatchObject({ value: '2024-01-15', issues: [invalid('StudyTime')] });
    },
  );
});

describe('time zones', () => {
  test('offsets survive being written and read', () => {
    for (const minutes of [-840, -210, -1, 0, 1, 345, 840]) {
      const text = formatOffset(minutes);
      expect(text === 'Z' ? 0 : parseOffset(text)).toBe(minutes);
    }
  });

  test('a configured zone can be checked before it is used', () => {
    expect(isTimeZone('Europe/Berlin')).toBe(true);
    expect(isTimeZone('Europe/Atlantis')).toBe(false);
  });
});

describe('the offset of a wall clock', () => {
  /** What a wall clock in the zone shows at an instant, as if it were UTC. */
  function wallClockOf(zone: string): (epochMs: number) => number {
    const format = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' });
    return (epochMs) => Date.parse(`${format.format(epochMs).replace(' ', 'T')}Z`);
  }

  test.each(['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Africa/Casablanca', 'Pacific/Apia'])(
    'leads back to what the clock in %s shows, in every hour of years with changes of the clock, and where it skips none does',
    (zone) => {
      const hourMs = 3_600_000;
      const wallClock = wallClockOf(zone);
      const wrong: string[] = [];
      for (const year of [1968, 2011, 2024])
        for (let wallMs = Date.UTC(year, 0, 1, 0, 20); wallMs < Date.UTC(year + 1, 0, 1); wallMs += hourMs) {
          const { minutes, skipped } = offsetOfWallClock(zone, wallMs);
          const isShown = wallClock(wallMs - minutes * 60_000) === wallMs;
          if (isShown === skipped) wrong.push(new Date(wallMs).toISOString());
        }
      expect(wrong).toEqual([]);
    },
  );
});
