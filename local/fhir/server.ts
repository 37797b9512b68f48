import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FhirResource } from 'fhir/r4';
import { loadDefinitions } from './definitions';
import type { Intercept, InterceptAnswer } from './intercept';
import { FhirProblem, outcomeOf } from './problem';
import { RequestLog } from './requestLog';
import { readTarget } from './requestTarget';
import { FhirService } from './service';
import type { Reply } from './service';
import { ResourceStore } from './store';
import { resolveSwitches } from './switches';
import type { FhirSwitches, PresetName } from './switches';

export interface FhirServerOptions {
  /** 0 or absent: any free port. */
  readonly port?: number;
  /** Default `/fhir/R4`. */
  readonly basePath?: string;
  /** A preset, or single switches on top of one (`good` when none is named). */
  readonly switches?: PresetName | (Partial<FhirSwitches> & { preset?: PresetName });
  /** Added to every request, in milliseconds. */
  readonly latencyMs?: number;
  /** Results of a search without `_count`; default 50. */
  readonly pageSize?: number;
  readonly intercept?: Intercept;
}

/** A running server and a look inside it that costs no request. */
export interface LocalFhirServer {
  /** Base address without a slash at its end. */
  readonly url: string;
  readonly port: number;
  readonly switches: FhirSwitches;
  /** Requests since the start or the last `requests.reset()`. */
  readonly requests: RequestLog;
  /** Versions created by requests, deletions included; `put` does not count. */
  readonly writes: number;
  /** Number of current resources by type; types without any are left out. */
  readonly counts: Readonly<Record<string, number>>;
  /** Scripts faults; undefined takes the script away. */
  intercept: Intercept | undefined;
  read<T extends FhirResource>(type: T['resourceType'], id: string): T | undefined;
  all<T extends FhirResource>(type: T['resourceType']): T[];
  /** Stores a resource as somebody else's, unchecked, with its id or a new one. Returns it as stored. */
  put<T extends FhirResource>(resource: T): T;
  stop(): Promise<void>;
}

/** Starts the embedded FHIR R4 server on loopback. @throws when the port is taken (`EADDRINUSE`) */
export async function startFhirServer(options: FhirServerOptions = {}): Promise<LocalFhirServer> {
  loadDefinitions();
  const server = new EmbeddedFhirServer(options);
  await server.listen(options.port ?? 0);
  return server;
}

class EmbeddedFhirServer implements LocalFhirServer {
  readonly switches: FhirSwitches;
  readonly requests = new RequestLog();
  intercept: Intercept | undefined;
  private readonly basePath: string;
  private readonly latencyMs: number;
  private readonly store = new ResourceStore();
  private readonly service: FhirService;
  private readonly http: Server;
  private listening = { port: 0, url: '' };
  private seeded = 0;

  constructor(options: FhirServerOptions) {
    this.switches = resolveSwitches(options.switches);
    this.basePath = (options.basePath ?? '/fhir/R4').replace(/\/+$/, '');
    this.latencyMs = options.latencyMs ?? 0;
    this.intercept = options.intercept;
    this.service = new FhirService(this.store, () => this.url, this.switches, options.pageSize ?? 50);
    this.http = createServer({ keepAliveTimeout: 60_000 }, (request, response) => void this.serve(request, response));
  }

  get port(): number {
    return this.listening.port;
  }

  get url(): string {
    return this.listening.url;
  }

  get writes(): number {
    return this.store.writes;
  }

  get counts(): Readonly<Record<string, number>> {
    const sizes = [...this.store.current].map(([type, resources]) => [type, resources.size] as const);
    return Object.fromEntries(sizes.filter(([, size]) => size > 0));
  }

  listen(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.http.once('error', reject);
      this.http.listen(port, '127.0.0.1', () => {
        this.http.off('error', reject);
        const taken = (this.http.address() as AddressInfo).port;
        this.listening = { port: taken, url: `http://127.0.0.1:${taken}${this.basePath}` };
        resolve();
      });
    });
  }

  read<T extends FhirResource>(type: T['resourceType'], id: string): T | undefined {
    return structuredClone(this.store.get(type, id)) as T | undefined;
  }

  all<T extends FhirResource>(type: T['resourceType']): T[] {
    return structuredClone([...this.store.all(type)]) as unknown as T[];
  }

  put<T extends FhirResource>(resource: T): T {
    const { resourceType } = resource;
    const id = resource.id ?? `seeded-${++this.seeded}`;
    const versionId = String(this.store.lastVersion(resourceType, id) + 1);
    const meta = { ...resource.meta, versionId, lastUpdated: new Date().toISOString() };
    const stored = structuredClone({ ...resource, id, meta });
    this.store.write(stored, true);
    return structuredClone(stored);
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.http.close(() => resolve()));
    this.http.closeAllConnections();
    await closed;
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const text = await bodyText(request);
      await this.answer(request, text, response);
    } catch (error) {
      if (!request.destroyed && !response.destroyed) {
        send(response, failure(error));
      }
    }
  }

  private async answer(request: IncomingMessage, text: string, response: ServerResponse): Promise<void> {
    const method = request.method ?? 'GET';
    const url = request.url ?? '/';
    const target = readTarget(method, url, this.basePath);
    if (!target) {
      throw new FhirProblem(404, 'not-found', `The base address of this server is ${this.url}`);
    }
    const path = url.slice(this.basePath.length);
    this.requests.add({ kind: target.kind, method, path });
    const script = await this.intercept?.({
      kind: target.kind,
      method,
      path,
      headers: request.headers,
      body: text,
      sequence: this.requests.total,
    });
    const delayMs = this.latencyMs + (script?.delayMs ?? 0);
    if (delayMs > 0) {
      await sleep(delayMs);
    }
    if (script?.destroy === 'before') {
      request.socket.destroy();
    } else if (script?.status !== undefined) {
      send(response, scripted(script, script.status));
    } else {
      const reply = await this.reply(() => ({
        method,
        target,
        headers: request.headers,
        body: readBody(request, text),
      }));
      await script?.beforeReply?.();
      if (script?.destroy === 'after') {
        request.socket.destroy();
      } else {
        send(response, reply);
      }
    }
  }

  private async reply(request: () => Parameters<FhirService['handle']>[0]): Promise<Reply> {
    try {
      return await this.service.handle(request());
    } catch (error) {
      return failure(error);
    }
  }
}

function scripted(script: InterceptAnswer, status: number): Reply {
  return {
    status,
    ...(script.headers === undefined ? {} : { headers: script.headers }),
    ...(script.body === undefined ? {} : { body: script.body }),
  };
}

function failure(error: unknown): Reply {
  if (error instanceof FhirProblem) {
    return { status: error.status, body: outcomeOf(error.issues) };
  }
  const diagnostics = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { status: 500, body: outcomeOf([{ severity: 'fatal', code: 'exception', diagnostics }]) };
}

async function bodyText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) {
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

const JSON_TYPE = /^application\/([a-z-]+\+)?json\s*(;|$)/i;

function readBody(request: IncomingMessage, text: string): unknown {
  if (text === '') {
    return undefined;
  }
  const type = request.headers['content-type'] ?? '';
  if (type.startsWith('application/x-www-form-urlencoded')) {
    return text;
  }
  if (!JSON_TYPE.test(type)) {
    throw new FhirProblem(415, 'not-supported', 'This server reads application/fhir+json');
  }
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new FhirProblem(400, 'structure', 'The body is not JSON');
  }
}

function send(response: ServerResponse, reply: Reply): void {
  const text = typeof reply.body === 'string' ? reply.body : reply.body === undefined ? '' : JSON.stringify(reply.body);
  const headers: Record<string, string | number> = { 'content-length': Buffer.byteLength(text), ...reply.headers };
  if (text !== '' && headers['content-type'] === undefined) {
    headers['content-type'] = 'application/fhir+json;charset=utf-8';
  }
  response.writeHead(reply.status, headers).end(text);
}
