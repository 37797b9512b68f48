import { type IncomingMessage, Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Holds and counts the requests of every HTTP server in this process. */
export interface RequestHold {
  /** From now on each request is held for so long before its server sees it, as a network between data centres does. */
  setLatencyMs(latencyMs: number): void;
  /** Requests since the last call, by `countAs`, and the CPU time of this process since then. */
  takeCounts(): ServiceCounts;
}

export interface ServiceCounts {
  readonly requests: Readonly<Record<string, number>>;
  readonly cpuSeconds: number;
}

/**
 * Puts itself before the handlers of all servers, Azurite's included: none of them, nor a proxy that would cost CPU time of its own,
 * has to know of it.
 * @param countAs names what a request counts as, by the port that it came to
 * @param answered answers a request in place of its server, after the same time; false: it is for the server
 */
export function holdRequests(
  countAs: (port: number, request: IncomingMessage) => string,
  answered: (request: IncomingMessage, response: ServerResponse) => boolean = () => false,
): RequestHold {
  let latency = 0;
  let counts: Record<string, number> = {};
  let cpu = process.cpuUsage();
  // eslint-disable-next-line @typescript-eslint/unbound-method
  const emit = Server.prototype.emit as (this: Server, event: string, ...args: unknown[]) => boolean;
  Server.prototype.emit = function (this: Server, event: string, ...args: unknown[]): boolean {
    if (event !== 'request') return emit.call(this, event, ...args);
    const { port } = this.address() as AddressInfo;
    const [request, response] = args as [IncomingMessage, ServerResponse];
    const name = countAs(port, request);
    counts[name] = (counts[name] ?? 0) + 1;
    const pass = (): boolean => answered(request, response) || emit.call(this, event, ...args);
    if (latency === 0) return pass();
    setTimeout(pass, latency);
    return true;
  };
  return {
    setLatencyMs(latencyMs) {
      latency = latencyMs;
    },
    takeCounts() {
      const requests = counts;
      const { user, system } = process.cpuUsage(cpu);
      counts = {};
      cpu = process.cpuUsage();
      return { requests, cpuSeconds: (user + system) / 1e6 };
    },
  };
}
