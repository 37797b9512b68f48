import type { TimerTrigger } from '../../../local/host/functionDefinitions';
import { type Clock, TimerListener } from '../../../local/host/timerListener';
import { parseTimerSchedule } from '../../../local/host/timerSchedule';

const at = (text: string) => new Date(`2024-01-01T${text}Z`);

describe('schedules', () => {
  test.each([
    ['*/5 * * * * *', '2024-01-01T00:00:02Z', '2024-01-01T00:00:05.000Z'],
    ['0 30 9 * * 1-5', '2024-01-06T00:00:00Z', '2024-01-08T09:30:00.000Z'],
    ['0 */5 * * * *', '2024-01-01T00:05:00Z', '2024-01-01T00:10:00.000Z'],
    ['30 2 * * *', '2024-01-01T03:00:00Z', '2024-01-02T02:30:00.000Z'],
    ['0 0 0 13 * fri', '2024-01-01T00:00:00Z', '2024-09-13T00:00:00.000Z'],
    ['00:00:30', '2024-01-01T00:00:01Z', '2024-01-01T00:00:31.000Z'],
  ])('%s after %s is due at %s', (text, after, expected) => {
    expect(parseTimerSchedule(text).next(new Date(after))?.toISOString()).toBe(expected);
  });

  test.each(['', 'often', '* * *', '60 * * * * *', '0 0 0 L * *', '0 0 0 ? * *', '@daily', '* * * * * * *'])(
    '"%s" is refused',
    (text) => {
      expect(() => parseTimerSchedule(text)).toThrow('was not recognized');
    },
  );
});

describe('runs', () => {
  /** Time that stands still but for waits and runs, and ends after twenty seconds. */
  function simulate(schedule: string, runMs: (run: number) => number) {
    let now = at('00:00:00.500').getTime();
    const starts: string[] = [];
    const clock: Clock = {
      now: () => new Date(now),
      wait: (delayMs) => {
        now += delayMs;
        if (now >= at('00:00:20').getTime()) void listener.stop();
        return Promise.resolve();
      },
    };
    const trigger: TimerTrigger = {
      kind: 'timer',
      bindingName: 'timer',
      schedule: parseTimerSchedule(schedule),
      runOnStartup: false,
      useMonitor: true,
    };
    const listener = new TimerListener(
      trigger,
      () => {
        starts.push(new Date(now).toISOString().slice(17, 23));
        now += runMs(starts.length);
        return Promise.resolve();
      },
      clock,
    );
    listener.start();
    return new Promise<readonly string[]>((resolve) => setImmediate(() => resolve(starts)));
  }

  test('start when they are due', async () => {
    expect(await simulate('*/5 * * * * *', () => 100)).toEqual(['05.000', '10.000', '15.000']);
  });

  test('a run that outlasts the period makes the next start at once, and missed times are not made up for', async () => {
    const runMs = (run: number) => (run === 1 ? 12_000 : 100);
    expect(await simulate('*/5 * * * * *', runMs)).toEqual(['05.000', '17.000']);
  });
});
