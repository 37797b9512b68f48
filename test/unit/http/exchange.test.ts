import type { Dispatcher } from 'undici';
import { Exchange } from '../../../src/http/exchange';

/** A connection that remembers whether it was told to wait. */
function connection(): Dispatcher.DispatchController {
  const state = { aborted: false, paused: false, reason: null as Error | null };
  return {
    get aborted() {
      return state.aborted;
    },
    get paused() {
      return state.paused;
    },
    get reason() {
      return state.reason;
    },
    abort(reason) {
      Object.assign(state, { aborted: true, reason });
    },
    pause() {
      state.paused = true;
    },
    resume() {
      state.paused = false;
    },
  };
}

describe('an exchange', () => {
  it('makes the connection wait for a slow reader, and go on when the body is read', async () => {
    const exchange = new Exchange();
    const controller = connection();
    exchange.onRequestStart(controller);
    exchange.onResponseStart(controller, 200, {});
    exchange.onResponseData(controller, Buffer.alloc(1024 * 1024));
    expect(controller.paused).toBe(true);
    const reader = exchange.body[Symbol.asyncIterator]();
    await reader.next();
    expect(controller.paused).toBe(false);
    exchange.onResponseEnd();
    expect(await reader.next()).toMatchObject({ done: true });
    expect(controller.aborted).toBe(false);
  });

  it('lets go of the connection when it is stopped', async () => {
    const exchange = new Exchange();
    const controller = connection();
    exchange.onRequestStart(controller);
    const reason = new Error('stop');
    exchange.stop(reason);
    await expect(exchange.head).rejects.toBe(reason);
    expect(controller.reason).toBe(reason);
  });
});
