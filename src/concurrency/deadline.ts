/**
 * The end of the time for one piece of work: by the clock, or because the caller no longer wants it. Not `AbortSignal.any`, which does more
 * work the more often listeners come and go.
 */
export interface Deadline {
  readonly signal: AbortSignal;
  /** Whether the clock ended it, and not the caller. */
  timedOut(): boolean;
  /** Lets go of timer and caller. */
  release(): void;
}

/** @throws the signal's reason when it is aborted already */
export function startDeadline(timeoutMs: number, signal: AbortSignal): Deadline {
  signal.throwIfAborted();
  const controller = new AbortController();
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    controller.abort(new DOMException(`No answer within ${timeoutMs} ms`, 'TimeoutError'));
  }, timeoutMs);
  // What is waited for keeps the process alive, and not the clock.
  timer.unref();
  const onAbort = (): void => controller.abort(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  return {
    signal: controller.signal,
    timedOut: () => timedOut,
    release() {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    },
  };
}
