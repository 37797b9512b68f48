import { type LogLevel, noSpans, type Telemetry, type TelemetryProperties } from '../../src/telemetry/telemetry';

type TelemetryRecord =
  | { readonly kind: 'event'; readonly name: string; readonly properties: TelemetryProperties }
  | {
      readonly kind: 'metric';
      readonly name: string;
      readonly value: number;
      readonly dimensions: TelemetryProperties;
    }
  | {
      readonly kind: 'log';
      readonly level: LogLevel;
      readonly message: string;
      readonly properties: TelemetryProperties;
    };

export interface RecordingTelemetry extends Telemetry {
  /** Everything that was told so far, oldest first. */
  readonly records: readonly TelemetryRecord[];
}

/** Keeps everything in memory, to be asked afterwards. */
export function recordingTelemetry(): RecordingTelemetry {
  const records: TelemetryRecord[] = [];
  return {
    records,
    event: (name, properties = {}) => void records.push({ kind: 'event', name, properties }),
    metric: (...[name, value, dimensions = {}]) => void records.push({ kind: 'metric', name, value, dimensions }),
    log: (level, message, properties = {}) => void records.push({ kind: 'log', level, message, properties }),
    ...noSpans,
  };
}
