import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { checkAnswer } from './describedApi';

const ROOT = join(__dirname, '..', '..');
const READY_TIMEOUT_MS = 20_000;

export interface HostProcessOptions {
  /** Folder of a built app; the default is this project (build it first). */
  readonly appDirectory?: string;
  readonly settings: Readonly<Record<string, string>>;
  /** More words for the command line, such as `--enable-auth`. */
  readonly commandLine?: readonly string[];
}

interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  json(): unknown;
}

/** A functions host in a process of its own. */
export interface HostProcess {
  readonly url: string;
  readonly functions: readonly string[];
  readonly processId: number;
  /** Every line of both streams so far. */
  readonly logs: readonly string[];
  /** A request to the host; a body that is not text is sent as JSON. What the routes of this project answer must be as they are described. */
  http(path: string, init?: { method?: string; headers?: Record<string, string>; body?: unknown }): Promise<HttpAnswer>;
  /** `POST /admin/functions/{name}`: starts a run and does not wait for it. */
  invoke(name: string, input?: string): Promise<void>;
  /** Resolves with the first line, past or to come, that fits. */
  waitForLog(pattern: RegExp, timeoutMs?: number): Promise<string>;
  /** SIGKILL: nothing is completed. */
  kill(): Promise<void>;
  /** SIGTERM: a graceful stop. Resolves with the exit code. */
  stop(): Promise<number | null>;
}

interface ReadyLine {
  readonly url: string;
  readonly functions: readonly string[];
}

/**
 * Starts the built `local/host/main.ts` on a free port and waits until it is ready. Ends with the test file at the latest when
 * the test calls `kill()` or `stop()` in a hook.
 */
export async function startHostProcess(options: HostProcessOptions): Promise<HostProcess> {
  const child = spawn(
    process.execPath,
    [
      join(ROOT, 'dist', 'local', 'host', 'main.js'),
      ...['--app', options.appDirectory ?? ROOT, '--port', '0', ...(options.commandLine ?? [])],
    ],
    { env: { ...process.env, ...options.settings }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const killWithTests = (): void => {
    child.kill('SIGKILL');
  };
  process.once('exit', killWithTests);
  const exited = once(child, 'exit').then(([code]) => {
    process.off('exit', killWithTests);
    return code as number | null;
  });
  const output = new Output(child);
  const ready = JSON.parse(await output.waitFor(/^\{"ready":true/, READY_TIMEOUT_MS)) as ReadyLine;
  const end = (signal: NodeJS.Signals): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    return exited;
  };
  const http: HostProcess['http'] = async (path, init = {}) => {
    const answer = await request(ready.url + path, init);
    if (options.appDirectory === undefined) checkAnswer({ method: 'GET', ...init, path }, answer);
    return answer;
  };
  return {
    url: ready.url,
    functions: ready.functions,
    processId: child.pid ?? 0,
    logs: output.lines,
    http,
    invoke: async (name, input = '') => {
      const answer = await http(`/admin/functions/${name}`, { method: 'POST', body: { input } });
      if (answer.status !== 202) throw new Error(`Invoking ${name} was answered with ${answer.status}`);
    },
    waitForLog: (pattern, timeoutMs = 10_000) => output.waitFor(pattern, timeoutMs),
    kill: async () => {
      await end('SIGKILL');
    },
    stop: () => end('SIGTERM'),
  };
}

async function request(
  url: string,
  init: { method?: string; headers?: Record<string, string>; body?: unknown },
): Promise<HttpAnswer> {
  const { method = 'GET', headers = {}, body } = init;
  const isText = typeof body === 'string';
  const response = await fetch(url, {
    method,
    headers: { ...(body === undefined || isText ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: isText ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: () => JSON.parse(text) as unknown };
}

interface Waiting {
  readonly look: (line: string) => void;
  readonly giveUp: (why: string) => void;
}

class Output {
  readonly lines: string[] = [];
  private readonly waiting = new Set<Waiting>();
  private isClosed = false;

  constructor(child: ChildProcess) {
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on('line', (line) => {
        this.lines.push(line);
        for (const { look } of this.waiting) look(line);
      });
    }
    child.once('close', (code) => {
      this.isClosed = true;
      for (const { giveUp } of this.waiting) giveUp(`the host ended with exit code ${code}`);
    });
  }

  waitFor(pattern: RegExp, timeoutMs: number): Promise<string> {
    const found = this.lines.find((line) => pattern.test(line));
    if (found !== undefined) return Promise.resolve(found);
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        this.waiting.delete(waiting);
      };
      const waiting: Waiting = {
        look: (line) => {
          if (!pattern.test(line)) return;
          end();
          resolve(line);
        },
        giveUp: (why) => {
          end();
          reject(new Error(`No line like ${String(pattern)}: ${why}\n${this.lines.join('\n')}`));
        },
      };
      const timer = setTimeout(() => waiting.giveUp(`waited ${timeoutMs} ms`), timeoutMs);
      this.waiting.add(waiting);
      if (this.isClosed) waiting.giveUp('the host has ended');
    });
  }
}
