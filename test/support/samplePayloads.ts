import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';

/** Azurite with the sample payloads, their database, and the app settings that lead Reconcile to both. */
export interface SamplePayloads {
  readonly connectionString: string;
  readonly settings: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

const readyLine = z.object({ connectionString: z.string(), settings: z.record(z.string(), z.string()) });

/** Starts them in a process of their own. */
export async function startSamplePayloads(): Promise<SamplePayloads> {
  const words = ['--require', join(__dirname, 'typescriptHook.cjs'), join(__dirname, 'samplePayloadsProcess.ts')];
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  const killWithTests = (): void => {
    child.kill('SIGKILL');
  };
  process.once('exit', killWithTests);
  const exited = once(child, 'exit').then(() => process.off('exit', killWithTests));
  for await (const line of createInterface({ input: child.stdout })) {
    if (!line.startsWith('{"connectionString"')) continue;
    child.stdout.resume();
    return {
      ...readyLine.parse(JSON.parse(line)),
      stop: async () => {
        child.kill('SIGTERM');
        await exited;
      },
    };
  }
  throw new Error('The process with the sample payloads ended before they were there');
}
