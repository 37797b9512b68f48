import { Pool } from 'undici';
import { type Deadline, startDeadline } from '../concurrency/deadline';
import { readText } from './boundedBody';
import { ConnectionError, ForeignOrigin } from './errors';
import { Exchange, type ResponseHead } from './exchange';

export interface HttpRequest {
  readonly method: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Time for the whole exchange, from the token to the last byte of the body. Default: the client's. */
  readonly timeoutMs?: number;
  /** Longest body that `send` holds, if less than the client's limit. */
  readonly maxBodyBytes?: number;
  readonly signal: AbortSignal;
}

export interface HttpResponse {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** An answer whose body is still on its way. */
export interface StreamedResponse extends ResponseHead {
  /** Read it to the end or leave the loop: until then the connection is taken. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

export interface HttpClient {
  /**
   * Sends one request; any status is an answer, redirects too.
   * @throws ConnectionError no complete answer came
   * @throws ResponseTooLarge the body is longer than the client's limit
   * @throws ForeignOrigin the URL is not of the client's origin
   * @throws the signal's reason when the caller aborts
   */
  send(request: HttpRequest): Promise<HttpResponse>;
  /** Lets requests under way end, then closes the connections. */
  close(): Promise<void>;
}

/** For bodies that are better never held as a whole. */
export interface StreamingHttpClient extends HttpClient {
  /** Like `send`, without a limit. The time-out covers the reading of the body, which throws the same errors. */
  stream(request: HttpRequest): Promise<StreamedResponse>;
}

/** Where bearer tokens come from; it keeps them until they expire. */
export interface TokenSource {
  token(signal: AbortSignal): Promise<string>;
  /** The service answered 401 to this token: it is not given out again. */
  refused?(token: string): void;
}

export interface HttpClientOptions {
  /** Scheme, host and port. Requests, and with them tokens, go nowhere else. */
  readonly origin: string;
  readonly tokens?: TokenSource;
  readonly timeoutMs: number;
  readonly maxConnections: number;
  /** Longest body that `send` holds. Default: 64 MiB. */
  readonly maxBodyBytes?: number;
}

const DEFAULT_MAX_BODY_BYTES = 64 * 1024 * 1024;
const MAX_CONNECT_MS = 10_000;

/** An HTTP/1.1 client with a pool of connections to one origin. */
export function createHttpClient(options: HttpClientOptions): StreamingHttpClient {
  const { tokens, timeoutMs, maxConnections, maxBodyBytes = DEFAULT_MAX_BODY_BYTES } = options;
  const { origin } = new URL(options.origin);
  const pool = new Pool(origin, {
    connections: maxConnections,
    allowH2: false,
    connectTimeout: Math.min(timeoutMs, MAX_CONNECT_MS),
    // The deadline covers the whole exchange.
    headersTimeout: 0,
    bodyTimeout: 0,
  });

  async function stream(request: HttpRequest): Promise<StreamedResponse> {
    const url = new URL(request.url);
    if (url.origin !== origin) throw new ForeignOrigin(url.origin, origin);
    const deadline = startDeadline(request.timeoutMs ?? timeoutMs, request.signal);
    const exchange = new Exchange();
    deadline.signal.addEventListener('abort', () => exchange.stop(new Error('The time is over')), { once: true });
    try {
      const token = await Promise.race([obtainToken(tokens, deadline.signal), stopped(exchange)]);
      pool.dispatch(
        {
          method: request.method,
          path: url.pathname + url.search,
          headers: { ...request.headers, ...(token !== undefined && { authorization: `Bearer ${token}` }) },
          body: request.body ?? null,
        },
        exchange,
      );
      const head = await exchange.head;
      if (head.status === 401 && token !== undefined) tokens?.refused?.(token);
      return { ...head, chunks: bodyOf(exchange, deadline, request.signal) };
    } catch (error) {
      deadline.release();
      throw translate(error, exchange, deadline, request.signal);
    }
  }

  async function* bodyOf(exchange: Exchange, deadline: Deadline, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of exchange.body) yield chunk as Uint8Array;
    } catch (error) {
      throw translate(error, exchange, deadline, signal);
    } finally {
      deadline.release();
    }
  }

  function translate(error: unknown, exchange: Exchange, deadline: Deadline, signal: AbortSignal): unknown {
    if (signal.aborted) return signal.reason;
    const { requestSent } = exchange;
    if (deadline.timedOut()) return new ConnectionError(origin, { requestSent, timedOut: true });
    if (error instanceof TokenError) return error.cause;
    const causeCode = codeOf(error);
    if (causeCode === 'UND_ERR_INVALID_ARG' || causeCode === 'UND_ERR_NOT_SUPPORTED') return error;
    return new ConnectionError(origin, { requestSent, timedOut: causeCode === 'UND_ERR_CONNECT_TIMEOUT', causeCode });
  }

  return {
    stream,
    async send(request) {
      const { status, headers, chunks } = await stream(request);
      const limitBytes = Math.min(request.maxBodyBytes ?? maxBodyBytes, maxBodyBytes);
      return { status, headers, body: await readText(chunks, limitBytes) };
    },
    close: () => pool.close(),
  };
}

/** Keeps an error of the token source apart from errors of the connection. */
class TokenError extends Error {}

async function obtainToken(tokens: TokenSource | undefined, signal: AbortSignal): Promise<string | undefined> {
  try {
    return await tokens?.token(signal);
  } catch (error) {
    throw new TokenError('No token', { cause: error });
  }
}

/** Rejects when the exchange is stopped: a token source may not listen to its signal. */
async function stopped({ head }: Exchange): Promise<undefined> {
  await head;
  return undefined;
}

/** A code such as ECONNREFUSED or UND_ERR_SOCKET; where several addresses of a name failed, the first has it. */
function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  if ('code' in error && typeof error.code === 'string') return error.code;
  return 'errors' in error && Array.isArray(error.errors) ? codeOf(error.errors[0]) : undefined;
}
