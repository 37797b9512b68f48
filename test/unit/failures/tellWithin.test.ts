import { setTimeout as sleep } from 'node:timers/promises';
import { tellWithin } from '../../../src/failures/tellWithin';

describe('notifications of one study', () => {
  test('all go out, a few at once', async () => {
    let running = 0;
    let most = 0;
    let sent = 0;
    const events = Array.from({ length: 100 }, () => async () => {
      most = Math.max(most, ++running);
      await sleep(1);
      running--;
      sent++;
    });
    expect(await tellWithin(events, 10_000)).toBe(0);
    expect(sent).toBe(100);
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(8);
  });

  test('a channel that is slow is left after its time, and the rest is counted', async () => {
    let sent = 0;
    const events = Array.from({ length: 100 }, () => async () => {
      await sleep(60);
      sent++;
    });
    const untold = await tellWithin(events, 50);
    expect(untold).toBeGreaterThan(0);
    expect(sent + untold).toBe(100);
  });

  test('none is nothing to do', async () => {
    expect(await tellWithin([], 1000)).toBe(0);
  });
});
