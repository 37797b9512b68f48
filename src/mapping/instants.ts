/** Exact: Date.parse makes an instant of much that is none. */
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

/** A FHIR date or dateTime by what it means: the instant where it has one, else its text. */
export function instantKey(dateTime: string): string {
  if (!INSTANT.test(dateTime)) return dateTime;
  const time = Date.parse(dateTime);
  return Number.isNaN(time) ? dateTime : `${new Date(time).toISOString()}${microseconds(dateTime)}`;
}

/** Digits beyond the milliseconds that Date keeps. */
function microseconds(dateTime: string): string {
  const fraction = /\.\d{3}(\d+)/.exec(dateTime)?.[1]?.replace(/0+$/, '') ?? '';
  return fraction === '' ? '' : `+${fraction}`;
}
