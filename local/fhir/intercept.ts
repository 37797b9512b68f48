import type { IncomingHttpHeaders } from 'node:http';
import type { RequestKind } from './requestLog';

/** A request as a script sees it, before the server does. */
interface InterceptedRequest {
  readonly kind: RequestKind;
  readonly method: string;
  /** Below the base path, with the query string. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** As sent. */
  readonly body: string;
  /** 1 for the first request since the start or the last reset. */
  readonly sequence: number;
}

/** What happens to a request. With `status` the server never sees it; without, it is processed. */
export interface InterceptAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text as it is; anything else becomes JSON. */
  readonly body?: unknown;
  /** Waits before anything else happens, in milliseconds. */
  readonly delayMs?: number;
  /** Runs after the commit and before the reply, e.g. to hold a worker there. */
  readonly beforeReply?: () => Promise<void> | void;
  /** Cuts the connection: `before` nothing was done, `after` it was committed and only the reply is lost. */
  readonly destroy?: 'before' | 'after';
}

export type Intercept = (
  request: InterceptedRequest,
) => InterceptAnswer | undefined | Promise<InterceptAnswer | undefined>;
