/** Values that an event, a metric dimension or a log line may carry. Never patient data. */
export type TelemetryProperties = Readonly<Record<string, string | number | boolean | undefined>>;

export type LogLevel = 'debug' | 'info' | 'warning' | 'error';

/**
 * Where the app tells what it does. Fire and forget: no method throws or waits,
 * so that a telemetry service which is down never stops the work.
 */
export interface Telemetry {
  /** Something that happened, to be counted and searched for. */
  event(name: string, properties?: TelemetryProperties): void;
  /** A figure; its unit is part of the name (`sync-duration-ms`). */
  metric(name: string, value: number, dimensions?: TelemetryProperties): void;
  log(level: LogLevel, message: string, properties?: TelemetryProperties): void;
}

/** Keeps nothing. */
export const noTelemetry: Telemetry = {
  event: () => undefined,
  metric: () => undefined,
  log: () => undefined,
};
