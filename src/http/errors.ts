export interface ConnectionFacts {
  /** Some of the request may have reached the service: if it was a write, its outcome is unknown. */
  readonly requestSent: boolean;
  readonly timedOut: boolean;
  /** Stable code of the cause, such as ECONNREFUSED. The cause itself is left out: it can hold raw bytes of a body. */
  readonly causeCode?: string | undefined;
}

/** No complete answer came: connection refused or reset, name not found, TLS refused, time-out. */
export class ConnectionError extends Error {
  readonly code = 'ConnectionError';
  readonly requestSent: boolean;
  readonly timedOut: boolean;
  readonly causeCode: string | undefined;

  constructor(
    readonly origin: string,
    { requestSent, timedOut, causeCode }: ConnectionFacts,
  ) {
    const what = timedOut
      ? 'did not answer in time'
      : requestSent
        ? 'broke the connection before its answer was complete'
        : 'cannot be reached';
    super(`${origin} ${what}${causeCode === undefined ? '' : ` (${causeCode})`}`);
    this.name = 'ConnectionError';
    this.requestSent = requestSent;
    this.timedOut = timedOut;
    this.causeCode = causeCode;
  }
}

export interface StatusFacts {
  readonly method: string;
  readonly status: number;
  /** Earliest time for another try, in milliseconds from now. */
  readonly retryAfterMs?: number | undefined;
  readonly body?: string;
}

/** Longest text of an answer that an error keeps, in UTF-16 code units. */
const MAX_KEPT_BODY = 64 * 1024;

/** A service answered with a status that is no success. Redirects count: none is followed. */
export class HttpStatusError extends Error {
  readonly code = 'HttpStatusError';
  readonly status: number;
  readonly retryAfterMs: number | undefined;
  readonly #body: string;

  constructor({ method, status, retryAfterMs, body = '' }: StatusFacts) {
    super(`The service answered ${describeStatus(status)} to ${method}`);
    this.name = 'HttpStatusError';
    this.status = status;
    this.retryAfterMs = retryAfterMs;
    this.#body = body.slice(0, MAX_KEPT_BODY);
  }

  /** What the service said. May hold patient data, so it is in no message and in no printed form of this error. */
  get body(): string {
    return this.#body;
  }
}

/** The status, with a hint where it means a wrong address. */
export function describeStatus(status: number): string {
  return status >= 300 && status < 400
    ? `${status} (a redirect, which is not followed: check the base URL)`
    : `${status}`;
}

/** The body of an answer is longer than the client is ready to hold. The request itself has been done. */
export class ResponseTooLarge extends Error {
  readonly code = 'ResponseTooLarge';

  constructor(readonly limitBytes: number) {
    super(`The answer is longer than ${limitBytes} bytes`);
    this.name = 'ResponseTooLarge';
  }
}

/** A request for another origin than the client was built for. Nothing was sent, so no token left the origin it is for. */
export class ForeignOrigin extends Error {
  readonly code = 'ForeignOrigin';

  constructor(
    readonly origin: string,
    readonly expectedOrigin: string,
  ) {
    super(`A request for ${origin} was not sent: this client is for ${expectedOrigin} only`);
    this.name = 'ForeignOrigin';
  }
}
