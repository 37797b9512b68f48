import { events, metrics } from '../../src/telemetry/names';

/** The tables of all metrics and events in Markdown, as docs/operate.md shows them. */
export function telemetryTables(): string {
  const rowsOfMetrics = Object.entries(metrics).map(
    ([name, { kind, dimensions, description }]) => `| \`${name}\` | ${kind} | ${codes(dimensions)} | ${description} |`,
  );
  const rowsOfEvents = Object.entries(events).map(
    ([name, { properties, description }]) => `| \`${name}\` | ${description} | ${codes(properties)} |`,
  );
  return [
    '| Metric | Kind | Dimensions | What it tells |',
    '| --- | --- | --- | --- |',
    ...rowsOfMetrics,
    '',
    '| Event | When | Properties, where known |',
    '| --- | --- | --- |',
    ...rowsOfEvents,
  ].join('\n');
}

const codes = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(', ');
