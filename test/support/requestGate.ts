import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request that arrived at a gate and has not reached its service. */
export interface GatedRequest {
  /** The name under which the service was given to `startGate`. */
  readonly service: string;
  readonly method: string;
  /** Path and query. */
  readonly path: string;
}

/** `swallow`: the service never sees it; `forward-and-swallow`: it takes effect, and the answer is lost. Either way no answer ever comes. */
export type Verdict = 'forward' | 'swallow' | 'forward-and-swallow' | Fault;

/**
 * What the client meets in place of the answer: an error of a storage service, or the end of its connection, before the request or with the reply.
 */
export type Fault = { readonly status: number; readonly code: string } | 'reset' | 'forward-and-reset';

/** Loopback proxies in front of services, which ask about each request before it goes on. */
export interface RequestGate {
  /** The same address, through the gate. */
  through(url: string): string;
  /** Decides about each request in the order of arrival; a promise holds the request. */
  decide: (request: GatedRequest) => Verdict | Promise<Verdict>;
  /** Called when a `forward-and-swallow` has taken effect. */
  onSwallowed: () => void;
  stop(): Promise<void>;
}

/** Puts a gate in front of each service. @param services origins (or addresses) by name */
export async function startGate(services: Readonly<Record<string, string>>): Promise<RequestGate> {
  const agent = new Agent({ keepAlive: true });
  const origins = new Map<string, string>();
  const gate: RequestGate = {
    decide: () => 'forward',
    onSwallowed: () => undefined,
    through(url) {
      const { origin } = new URL(url);
      const other = origins.get(origin);
      if (other === undefined) throw new Error(`No gate stands before ${origin}`);
      return other + url.slice(origin.length);
    },
    async stop() {
      await Promise.all(
        servers.map((server) => {
          server.closeAllConnections();
          return new Promise((resolve) => server.close(resolve));
        }),
      );
      agent.destroy();
    },
  };

  async function pass(service: string, target: URL, incoming: IncomingMessage, response: ServerResponse) {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const { method = 'GET', url = '/', rawHeaders } = incoming;
    const verdict = await gate.decide({ service, method, path: url });
    if (verdict === 'swallow') return;
    if (verdict === 'reset') {
      incoming.socket.destroy();
      return;
    }
    if (typeof verdict === 'object') {
      answerWithError(method, response, verdict);
      return;
    }
    const { hostname, port } = target;
    const onward = request({ agent, hostname, port, method, path: url, headers: rawHeaders }, (answer) => {
      if (verdict === 'forward') {
        response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
        answer.pipe(response);
        return;
      }
      answer.resume().once('close', () => {
        if (verdict === 'forward-and-reset') incoming.socket.destroy();
        else gate.onSwallowed();
      });
    });
    onward.once('error', () => {
      if (verdict === 'forward') response.destroy();
      else gate.onSwallowed();
    });
    onward.end(Buffer.concat(chunks));
  }

  const servers = await Promise.all(
    Object.entries(services).map(async ([service, address]) => {
      const target = new URL(address);
      const server = createServer({ keepAliveTimeout: 60_000 }, (incoming, response) => {
        pass(service, target, incoming, response).catch(() => response.destroy());
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      origins.set(target.origin, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
      return server;
    }),
  );
  return gate;
}

/** As a storage service words its errors. */
function answerWithError(method: string, response: ServerResponse, { status, code }: Exclude<Fault, string>): void {
  const body = `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>Injected.</Message></Error>`;
  response.writeHead(status, { 'content-type': 'application/xml', 'x-ms-error-code': code });
  response.end(method === 'HEAD' ? undefined : body);
}
