import { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';

export interface ResponseHead {
  readonly status: number;
  /** Lower-case names; several values are joined by a comma. */
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * One request and its answer on a dispatcher of undici. Unlike undici's own `request` it ends at once when it is stopped
 * while it still waits for a connection, and it knows whether anything was sent.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly head: Promise<ResponseHead>;
  readonly body: Readable;
  /** Whether the request began to be written to a connection. */
  requestSent = false;
  #resolveHead: (head: ResponseHead) => void = () => undefined;
  #rejectHead: (error: Error) => void = () => undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #stopped: Error | undefined;

  constructor() {
    this.head = new Promise((resolve, reject) => {
      this.#resolveHead = resolve;
      this.#rejectHead = reject;
    });
    this.body = new Readable({
      read: () => this.#controller?.resume(),
      destroy: (error, done) => {
        this.stop(error ?? UNWANTED);
        done(error);
      },
    });
    // Whoever waits for the head or reads the body sees the error; nobody has to.
    this.head.catch(() => undefined);
    this.body.on('error', () => undefined);
  }

  /** Gives up: nothing more is sent or read. */
  stop(reason: Error): void {
    if (this.#stopped !== undefined) return;
    this.#stopped = reason;
    this.#rejectHead(reason);
    this.#controller?.abort(reason);
    this.body.destroy(reason);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#stopped === undefined) this.requestSent = true;
    else controller.abort(this.#stopped);
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (status < 200) return;
    this.#resolveHead({ status, headers: flatHeaders(headers) });
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.body.push(chunk)) controller.pause();
  }

  onResponseEnd(): void {
    this.#stopped ??= COMPLETE;
    this.body.push(null);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.stop(error);
  }
}

// One for all: to make an error means to walk the stack.
const COMPLETE = new Error('The answer is complete');
const UNWANTED = new Error('The answer is not wanted any more');

function flatHeaders(headers: Record<string, string | string[] | undefined>): Readonly<Record<string, string>> {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined) flat[name.toLowerCase()] = Array.isArray(value) ? value.join(', ') : value;
  return flat;
}
