const months = [
  'january',
  'february',
  'march',
  'april',
  'may',
  'june',
  'july',
  'august',
  'september',
  'october',
  'november',
  'december',
];

// Between the parts of a date: separators as such, URL-encoded, or escaped.
const separator = '(?:[-/.\\s,_]|\\\\/|%(?:25){0,2}(?:20|2d|2e|2f|2c)|\\+){0,3}';
const someSeparator = separator.replace('{0,3}', '{1,3}');
const boundaryBefore = '(?<!\\d)';
const boundaryAfter = '(?!\\d)';

/** DICOM DA, DT and the old form with points (PS3.5 6.2), ISO 8601; also a year and month alone. */
const dateForm =
  /^\s*(\d{4})[-./]?(\d{2})(?:[-./]?(\d{2}))?(?:(?:[T\s]?\d{2}[\d:.]*)?(?:Z|[+-]\d{2}:?\d{2})?)?[\s\0]*$/;

/**
 * Regular expression sources (flags `iu`) for the ways to write the date that a text holds; none when it holds no date.
 * A birth date is told by day, month and year in any order; day and month are matched with and without leading zero.
 */
export function dateSpellings(text: string): readonly string[] {
  const [, year, month, day] = dateForm.exec(text) ?? [];
  if (year === undefined || month === undefined || !inRange(month, 12)) return [];
  const monthNumber = `0?${Number(month)}`;
  const name = months[Number(month) - 1] ?? '';
  const monthName = `${name.slice(0, 3)}(?:${name.slice(3)}|t|\\.)?`;
  if (day === undefined) {
    return [
      `${boundaryBefore}${year}${separator}${month}${boundaryAfter}`,
      `${monthName}${someSeparator}${year}${boundaryAfter}`,
    ];
  }
  if (!inRange(day, 31)) return [];
  const dayNumber = `0?${Number(day)}(?:st|nd|rd|th|\\.)?`;
  const shortYear = `(?:${year}|['’]?${year.slice(2)})`;
  const join = (...parts: readonly string[]): string => boundaryBefore + parts.join(someSeparator) + boundaryAfter;
  return [
    // A time may follow at once: 19800131120000
    `${boundaryBefore}${year}${separator}${month}${separator}${day}`,
    join(year, monthNumber, dayNumber),
    join(dayNumber, monthNumber, shortYear),
    join(monthNumber, dayNumber, shortYear),
    `${boundaryBefore}${day}${month}${year}${boundaryAfter}`,
    `${boundaryBefore}${month}${day}${year}${boundaryAfter}`,
    `${boundaryBefore}${dayNumber}${separator}${monthName}${separator}${shortYear}${boundaryAfter}`,
    `${monthName}${separator}${dayNumber}${someSeparator}${shortYear}${boundaryAfter}`,
    `${boundaryBefore}${year}${separator}${monthName}${separator}${dayNumber}${boundaryAfter}`,
  ];
}

const inRange = (digits: string, last: number): boolean => Number(digits) >= 1 && Number(digits) <= last;
