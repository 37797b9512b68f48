import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What the server does with one request. */
interface ScriptedReply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text and bytes are sent as they are, anything else as JSON. */
  readonly body?: unknown;
  /** Bytes that content-length promises beyond the body; the connection breaks where they should come. */
  readonly missingBytes?: number;
  /** `reset`: the connection breaks without an answer. `hang`: no answer ever. `hangBody`: the body never ends. */
  readonly fault?: 'reset' | 'hang' | 'hangBody';
}

interface ReceivedRequest {
  readonly method: string;
  /** Path and query as they came. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

type Script = (request: ReceivedRequest) => ScriptedReply;

export interface ScriptedServer {
  readonly url: string;
  readonly requests: readonly ReceivedRequest[];
  /** Answers to come, in this order; after the last one the server answers 500. */
  replies(...replies: readonly ScriptedReply[]): void;
  /** Answers by a function from now on. */
  script(script: Script): void;
  /** Settles when so many requests have arrived. */
  received(count: number): Promise<void>;
  stop(): Promise<void>;
}

/** An HTTP server on loopback that does what a test tells it, and remembers what it was asked. */
export async function startScriptedServer(): Promise<ScriptedServer> {
  const requests: ReceivedRequest[] = [];
  const waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  let script: Script = () => ({ status: 500 });
  const server = createServer((incoming, response) => {
    void readBody(incoming).then((body) => {
      const request = { method: incoming.method ?? '', url: incoming.url ?? '', headers: incoming.headers, body };
      requests.push(request);
      reply(script(request), incoming, response);
      for (const { resolve } of waiting.filter(({ count }) => requests.length >= count)) resolve();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    replies(...replies) {
      const queue = [...replies];
      script = () => queue.shift() ?? { status: 500, body: 'nothing more was scripted' };
    },
    script(next) {
      script = next;
    },
    received: (count) =>
      requests.length >= count
        ? Promise.resolve()
        : new Promise((resolve) => {
            waiting.push({ count, resolve });
          }),
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** One scripted server for each test of a file or `describe`. Reach it only inside hooks and tests. */
export function useScriptedServer(): { readonly server: ScriptedServer } {
  let running: ScriptedServer | undefined;
  beforeEach(async () => {
    running = await startScriptedServer();
  });
  afterEach(() => running?.stop());
  return {
    get server() {
      if (running === undefined) throw new Error('The scripted server runs only inside hooks and tests');
      return running;
    },
  };
}

function reply(scripted: ScriptedReply, incoming: IncomingMessage, response: ServerResponse): void {
  const { status = 200, headers = {}, body, missingBytes = 0, fault } = scripted;
  if (fault === 'hang') return;
  if (fault === 'reset') {
    incoming.socket.resetAndDestroy();
    return;
  }
  const bytes = bytesOf(body);
  if (fault === 'hangBody' || missingBytes > 0) {
    response.writeHead(status, { ...headers, 'content-length': bytes.length + Math.max(1, missingBytes) });
    response.write(bytes, () => {
      if (fault !== 'hangBody') incoming.socket.destroy();
    });
    return;
  }
  response.writeHead(status, headers);
  response.end(bytes);
}

function bytesOf(body: unknown): Buffer {
  if (body === undefined) return Buffer.alloc(0);
  if (Buffer.isBuffer(body)) return body;
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}

async function readBody(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
