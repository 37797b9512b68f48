import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { answerAdmin, type AdminApiParts } from './adminApi';
import { describeError, HostStartError } from './errors';
import { type HostKeys, isAuthorized, sentKey } from './hostKeys';
import { emptyAnswer, type HttpAnswer, readBody, toHttpAnswer, toHttpData } from './httpData';
import type { HttpRouter } from './httpRouter';
import type { FunctionInvoker } from './invocation';
import type { HostLogger } from './logs';

const ADDRESS = '127.0.0.1';

export interface HttpServerParts {
  readonly router: HttpRouter;
  readonly keys: HostKeys | undefined;
  readonly admin: AdminApiParts;
  readonly invoker: FunctionInvoker;
  readonly logger: HostLogger;
}

export interface RunningHttpServer {
  readonly url: string;
  /** Takes no more connections; resolves when the requests that are running have been answered. */
  stop(): Promise<void>;
  /** Cuts every connection. */
  kill(): void;
}

/**
 * The host's HTTP side, on loopback only.
 *
 * @throws {HostStartError} when the port is in use.
 */
export async function startHttpServer(parts: HttpServerParts, port: number): Promise<RunningHttpServer> {
  const server = createServer((request, response) => void serve(parts, server, request, response));
  await listen(server, port);
  const address = server.address();
  const actualPort = typeof address === 'object' && address !== null ? address.port : port;
  return {
    url: `http://${ADDRESS}:${actualPort}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
      }),
    kill: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        error.code === 'EADDRINUSE'
          ? new HostStartError(`Port ${port} for the functions is in use; choose another with --port N`)
          : error,
      );
    });
    server.listen(port, ADDRESS, resolve);
  });
}

async function serve(
  parts: HttpServerParts,
  server: Server,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  let answer: HttpAnswer;
  try {
    answer = await answerTo(parts, request);
  } catch (error) {
    parts.logger.write('error', 'Host.Http', describeError(error));
    answer = emptyAnswer(500);
  }
  if (response.destroyed) return;
  response.statusCode = answer.status;
  for (const [name, value] of Object.entries(answer.headers)) response.setHeader(name, value);
  // Listening ends with a stop: a connection kept alive would hold it up.
  if (!server.listening) response.setHeader('connection', 'close');
  response.end(request.method === 'HEAD' ? undefined : answer.body);
}

async function answerTo(parts: HttpServerParts, request: IncomingMessage): Promise<HttpAnswer> {
  const url = new URL(request.url ?? '/', `http://${request.headers.host ?? ADDRESS}`);
  const method = request.method ?? 'GET';
  const key = sentKey(request.headers, url);
  if (/^\/admin(?:\/|$)/i.test(url.pathname)) {
    if (!isAuthorized(parts.keys, 'admin', undefined, key)) return emptyAnswer(401);
    const body = await readBody(request);
    return body === undefined ? emptyAnswer(413) : answerAdmin(parts.admin, method, url, body);
  }
  const match = parts.router.find(method, url.pathname);
  if (match === undefined) return url.pathname === '/' && method === 'GET' ? emptyAnswer(200) : emptyAnswer(404);
  if (!isAuthorized(parts.keys, match.trigger.authLevel, match.definition.name, key)) return emptyAnswer(401);
  const body = await readBody(request);
  if (body === undefined) return emptyAnswer(413);
  const data = { http: toHttpData(request, url, match.params, body) };
  const reason = 'This function was programmatically called via the host APIs.';
  const outcome = await parts.invoker.invoke(match.definition, { data, metadata: {}, reason });
  return outcome.kind === 'succeeded' ? toHttpAnswer(outcome.response.returnValue) : emptyAnswer(500);
}
