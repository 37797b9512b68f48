const TIME_SPAN =
  /^(?<sign>-)?(?:(?<days>\d+)\.)?(?<hours>\d{1,2}):(?<minutes>\d{1,2})(?::(?<seconds>\d{1,2})(?:\.(?<fraction>\d{1,7}))?)?$/;

/**
 * Milliseconds of a .NET TimeSpan as host.json writes it: `hh:mm:ss`, `d.hh:mm:ss`, `hh:mm:ss.fff`.
 * `-1` and `-00:00:00.001` mean without limit and give `Infinity`. `undefined` when the text is none of these.
 */
export function parseTimeSpanMs(text: string): number | undefined {
  if (text === '-1') return Infinity;
  const match = TIME_SPAN.exec(text);
  if (match?.groups === undefined) return undefined;
  const { sign, days = '0', hours = '0', minutes = '0', seconds = '0', fraction = '0' } = match.groups;
  if (Number(hours) > 23 || Number(minutes) > 59 || Number(seconds) > 59) return undefined;
  if (sign !== undefined) return Infinity;
  const wholeSeconds = ((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds);
  return wholeSeconds * 1000 + Math.round(Number(`0.${fraction}`) * 1000);
}
