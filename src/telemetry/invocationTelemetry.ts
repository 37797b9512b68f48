import { AsyncLocalStorage } from 'node:async_hooks';
import { noSpans, type Telemetry, type TelemetryProperties } from './telemetry';

/** The log methods of a function invocation: the host adds the correlation. */
export interface InvocationLog {
  readonly invocationId: string;
  /** Of the host's request telemetry. */
  readonly traceContext?: { readonly traceParent?: string | undefined } | undefined;
  trace(...values: unknown[]): void;
  info(...values: unknown[]): void;
  warn(...values: unknown[]): void;
  error(...values: unknown[]): void;
}

const current = new AsyncLocalStorage<InvocationLog>();

/** Runs the work so that what it tells the telemetry belongs to this invocation. */
export function inInvocation<T>(log: InvocationLog, work: () => Promise<T>): Promise<T> {
  return current.run(log, work);
}

/** W3C `traceparent` under which the host tells of the running invocation. */
export function invocationTraceParent(): string | undefined {
  return current.getStore()?.traceContext?.traceParent;
}

/** Logs, events and metrics as log lines of the running invocation; outside of one, on the console. */
export function invocationTelemetry(): Telemetry {
  const target = (): Omit<InvocationLog, 'invocationId' | 'traceContext'> =>
    current.getStore() ?? { ...console, trace: console.debug };
  return {
    event: (name, properties) => {
      target().info(line(`event ${name}`, properties));
    },
    metric: (...[name, value, dimensions]) => {
      target().trace(line(`metric ${name}=${value}`, dimensions));
    },
    log: (level, message, properties) => {
      const text = line(message, properties);
      switch (level) {
        case 'debug':
          target().trace(text);
          break;
        case 'info':
          target().info(text);
          break;
        case 'warning':
          target().warn(text);
          break;
        case 'error':
          target().error(text);
          break;
      }
    },
    ...noSpans,
  };
}

function line(text: string, properties: TelemetryProperties = {}): string {
  const facts = Object.entries(properties).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${value}`],
  );
  return facts.length === 0 ? text : `${text} [${facts.join(' ')}]`;
}
