import type { Telemetry } from '../telemetry/telemetry';
import { notifierOf, type FailureNotifier } from './notifier';

/** A notifier under the name by which the log tells of its trouble. */
export interface NamedNotifier {
  readonly name: string;
  readonly notifier: FailureNotifier;
}

/**
 * Tells all of them at once. One that throws, or does not end within `timeoutMs`, hurts neither the others nor the caller:
 * its trouble is logged, by the name of the error only, since its text is not ours.
 */
export function compositeNotifier(
  notifiers: readonly NamedNotifier[],
  telemetry: Telemetry,
  timeoutMs = 10_000,
): FailureNotifier {
  return notifierOf(async (kind, event) => {
    await Promise.all(
      notifiers.map(async ({ name, notifier }) => {
        const trouble = (problem: string): void =>
          telemetry.log('warning', 'A notifier failed', { notifier: name, event: kind, problem });
        try {
          // A method that throws before it returns its promise is caught as well.
          const told = Promise.resolve().then(() => (notifier[kind] as (event: unknown) => Promise<void>)(event));
          if ((await endsWithin(told, timeoutMs)) === 'too late') trouble(`no end within ${timeoutMs} ms`);
        } catch (error) {
          trouble(error instanceof Error ? error.name : typeof error);
        }
      }),
    );
  });
}

async function endsWithin(work: Promise<void>, timeoutMs: number): Promise<'in time' | 'too late'> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<'too late'>((resolve) => {
    timer = setTimeout(() => resolve('too late'), timeoutMs);
  });
  try {
    return await Promise.race([work.then(() => 'in time' as const), timeout]);
  } finally {
    clearTimeout(timer);
  }
}
