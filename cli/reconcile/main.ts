import { writeSync } from 'node:fs';
import { readPayloadConfiguration } from '../../src/payloads/configuration/payloadConfiguration';
import { readCommandLine } from './commandLine';
import { exitCodes, type Console, type ExitCode } from './console';
import { describeFailure, secretsOf } from './describeFailure';
import { UsageError } from './usageError';
import { doWork } from './work';

const console: Console = {
  tell: (line) => writeAll(2, `${line}\n`),
  print: (text) => writeAll(1, text),
};

/** At once, so that the last lines are there whatever happens next; a reader that has gone away is no failure. */
function writeAll(descriptor: 1 | 2, text: string | Buffer): void {
  const bytes = Buffer.from(text);
  for (let written = 0; written < bytes.length;)
    try {
      written += writeSync(descriptor, bytes, written);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code === 'EPIPE') return;
      if (code !== 'EAGAIN') throw error;
    }
}

async function main(): Promise<ExitCode> {
  const secrets: string[] = [];
  const stop = new AbortController();
  const abort = new AbortController();
  const interrupt = (): void => (stop.signal.aborted ? abort : stop).abort();
  try {
    const line = readCommandLine(process.argv.slice(2));
    if (line.kind === 'help') {
      console.print(line.text);
      return exitCodes.clean;
    }
    const { configDir, tenantId, dsId, action } = line;
    const configuration = await readPayloadConfiguration(configDir, tenantId, dsId, process.env);
    secrets.push(...secretsOf(configuration.connectionString));
    if (action?.kind === 'reconcile') process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
    return await doWork(line, configuration, {
      environment: process.env,
      console,
      stop: stop.signal,
      abort: abort.signal,
    });
  } catch (error) {
    console.tell(abort.signal.aborted ? 'Stopped at once' : describeFailure(error, secrets));
    return error instanceof UsageError ? exitCodes.usage : exitCodes.failure;
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}

void main().then((code) => (process.exitCode = code));
