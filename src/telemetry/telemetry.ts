import type { DimensionOf, EventName, MetricName, SpanName } from './names';

/** Values that an event, a metric dimension or a log line may carry. Never patient data. */
export type TelemetryProperties = Readonly<Record<string, TelemetryValue>>;
type TelemetryValue = string | number | boolean | undefined;

export type LogLevel = 'debug' | 'info' | 'warning' | 'error';

/** A metric's name and value, and its dimensions where it has any. */
export type MetricArguments = {
  [N in MetricName]: [DimensionOf<N>] extends [never]
    ? [name: N, value: number, dimensions?: undefined]
    : [name: N, value: number, dimensions: Readonly<Record<DimensionOf<N>, TelemetryValue>>];
}[MetricName];

export interface SpanOptions {
  readonly properties?: TelemetryProperties;
  /** `traceparent` of what brought this about, in another invocation: a link, not the parent. */
  readonly causedBy?: string | undefined;
  /** For a request to a service: where it goes. Never a path or query, which name patients. */
  readonly request?: { readonly method: string; readonly host: string };
}

/**
 * Where the app tells what it does. Fire and forget: no method throws or waits by itself,
 * so that a telemetry service which is down never stops the work.
 */
export interface Telemetry {
  /** Something that happened, to be counted and searched for. */
  event(name: EventName, properties?: TelemetryProperties): void;
  /** A figure; its unit is part of the name (`sync-duration-ms`). */
  metric(...metric: MetricArguments): void;
  log(level: LogLevel, message: string, properties?: TelemetryProperties): void;
  /** Runs the work as a span under the running one; its errors are told by name or code only, and thrown on. */
  span<T>(name: SpanName, options: SpanOptions, work: () => Promise<T>): Promise<T>;
  /** Says more of the running span. */
  annotate(properties: TelemetryProperties): void;
  /** W3C `traceparent` of what is running, to be carried to where it goes on; undefined while nothing is traced. */
  traceParent(): string | undefined;
}

/** For telemetry without spans: the work is just done. */
export const noSpans: Pick<Telemetry, 'span' | 'annotate' | 'traceParent'> = {
  span: (_name, _options, work) => work(),
  annotate: () => undefined,
  traceParent: () => undefined,
};

/** Keeps nothing. */
export const noTelemetry: Telemetry = {
  event: () => undefined,
  metric: () => undefined,
  log: () => undefined,
  ...noSpans,
};
