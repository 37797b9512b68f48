import { type LogLevel, noSpans, type Telemetry, type TelemetryProperties } from './telemetry';

/** Takes one finished line; `context.log` of an invocation and `console` both fit. */
export type LineWriter = (level: LogLevel, line: string) => void;

const toConsole: LineWriter = (level, line) => {
  switch (level) {
    case 'debug':
      console.debug(line);
      return;
    case 'info':
      console.info(line);
      return;
    case 'warning':
      console.warn(line);
      return;
    case 'error':
      console.error(line);
      return;
  }
};

const quoted = (value: string | number | boolean): string =>
  typeof value === 'string' && !/^[\w.:~/-]+$/.test(value) ? JSON.stringify(value) : String(value);

const tail = (properties: TelemetryProperties = {}): string =>
  Object.entries(properties)
    .flatMap(([name, value]) => (value === undefined ? [] : [` ${name}=${quoted(value)}`]))
    .join('');

/** One line of text for each event, metric and log: `name key=value ...`. */
export function consoleTelemetry(write: LineWriter = toConsole): Telemetry {
  return {
    event: (name, properties) => write('info', `event ${name}${tail(properties)}`),
    metric: (...[name, value, dimensions]) => write('debug', `metric ${name}=${value}${tail(dimensions)}`),
    log: (level, message, properties) => write(level, `${message}${tail(properties)}`),
    ...noSpans,
  };
}
