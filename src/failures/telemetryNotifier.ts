import type { LogLevel, Telemetry } from '../telemetry/telemetry';
import { consoleTelemetry, type LineWriter } from '../telemetry/consoleTelemetry';
import type { EventName } from '../telemetry/names';
import { flatEvent, notifierOf, type FailureEventKind, type FailureNotifier } from './notifier';

const eventNames: Readonly<Record<FailureEventKind, EventName>> = {
  entryFailed: 'entry-failed',
  warning: 'validation-warning',
  gaveUp: 'gave-up',
  dependencyDown: 'dependency-down',
  dependencyBack: 'dependency-back',
  feedReset: 'feed-reset',
};

/** Events of the telemetry service: what alerts are built on. */
export const telemetryNotifier = (telemetry: Telemetry): FailureNotifier =>
  notifierOf((kind, event) => {
    telemetry.event(eventNames[kind], flatEvent(event));
    return Promise.resolve();
  });

const levels: Readonly<Record<FailureEventKind, LogLevel>> = {
  entryFailed: 'error',
  warning: 'warning',
  gaveUp: 'error',
  dependencyDown: 'error',
  dependencyBack: 'info',
  feedReset: 'error',
};

/** One line for each event, with study, series, instance and sequence. */
export function consoleNotifier(write?: LineWriter): FailureNotifier {
  const telemetry = consoleTelemetry(write);
  return notifierOf((kind, event) => {
    telemetry.log(levels[kind], eventNames[kind], flatEvent(event));
    return Promise.resolve();
  });
}
