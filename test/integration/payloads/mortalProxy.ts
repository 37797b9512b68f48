import { createServer, request as send, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Stands between a client and a server, and dies with a request: the client reaches nothing any more, as after a crash. */
export interface MortalProxy {
  readonly url: string;
  /** Requests since the last revival. */
  readonly requests: number;
  /** From now on alive until so many requests were answered; the next one dies, before it reaches the server or with its reply. */
  reviveFor(requests: number, death?: 'before' | 'with the reply'): void;
  /** Does something before the next request of a method goes on. */
  beforeNext(method: string, act: () => Promise<unknown>): void;
  stop(): Promise<void>;
}

export async function startMortalProxy(origin: string): Promise<MortalProxy> {
  let requests = 0;
  let life = Infinity;
  let death: 'before' | 'with the reply' = 'before';
  let interruption: { readonly method: string; readonly act: () => Promise<unknown> } | undefined;
  const server = createServer((incoming, response) => {
    const { method, act } = interruption ?? {};
    if (method !== incoming.method || act === undefined) {
      handle(incoming, response);
      return;
    }
    interruption = undefined;
    void act().then(() => {
      handle(incoming, response);
    });
  });
  const handle = (incoming: IncomingMessage, response: ServerResponse): void => {
    requests += 1;
    if (requests <= life) forward(origin, incoming, response);
    else if (requests === life + 1 && death === 'with the reply') forward(origin, incoming, undefined);
    else incoming.socket.destroy();
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get requests() {
      return requests;
    },
    reviveFor(count, how = 'before') {
      requests = 0;
      life = count;
      death = how;
    },
    beforeNext(method, act) {
      interruption = { method, act };
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function forward(origin: string, incoming: IncomingMessage, response: ServerResponse | undefined): void {
  const { method, url, headers } = incoming;
  const onward = send(`${origin}${url ?? ''}`, { method, headers }, (answer) => {
    if (response === undefined) {
      answer.resume().on('end', () => incoming.socket.destroy());
      return;
    }
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  onward.on('error', () => incoming.socket.destroy());
  incoming.pipe(onward);
}
