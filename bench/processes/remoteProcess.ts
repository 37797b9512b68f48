import { fork } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import type { Answer, Operations, Question } from './serveParent';

/** Another Node process that runs one module of the benchmarks, so that CPU time and memory are those of one part alone. */
export interface RemoteProcess<T> {
  /** Runs one operation of the module over there. @throws Error with the message and stack of over there */
  call<K extends keyof T>(operation: K, input: InputOf<T[K]>): Promise<ResultOf<T[K]>>;
  /** Ends the process; by force when it does not end by itself. */
  stop(): Promise<void>;
}

type InputOf<F> = F extends (input: infer Input) => unknown ? Input : never;
type ResultOf<F> = F extends (input: never) => infer Result ? Awaited<Result> : never;

/** For a profile that has to be written. */
const PATIENCE_MS = 20_000;

const TYPESCRIPT_HOOK = resolve(__dirname, '../../test/support/typescriptHook.cjs');

/**
 * Starts a module that calls `serveParent`.
 * @param module path from the folder of the benchmarks, such as `services/services.ts`
 * @param nodeOptions such as --expose-gc
 */
export async function startProcess<T extends Operations>(
  module: string,
  nodeOptions: readonly string[] = [],
): Promise<RemoteProcess<T>> {
  const child = fork(resolve(__dirname, '..', module), [], {
    execArgv: ['--require', TYPESCRIPT_HOOK, ...nodeOptions],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  let calls = 0;
  child.on('message', (answer: Answer) => {
    const caller = waiting.get(answer.id);
    waiting.delete(answer.id);
    if (answer.kind === 'result') caller?.resolve(answer.value);
    else caller?.reject(new Error(answer.stack));
  });
  child.on('exit', (code, signal) => {
    const ended = new Error(`${module} ended (${code ?? signal ?? 'unknown'})`);
    for (const { reject } of waiting.values()) reject(ended);
    waiting.clear();
  });
  await once(child, 'spawn');
  return {
    call(operation, input) {
      const id = ++calls;
      const result = new Promise<unknown>((resolveCall, reject) => {
        waiting.set(id, { resolve: resolveCall, reject });
      });
      child.send({ id, operation: String(operation), input } satisfies Question);
      return result as Promise<ResultOf<T[typeof operation]>>;
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.disconnect();
      const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
      await exited;
      clearTimeout(timer);
    },
  };
}
