import { randomBytes } from 'node:crypto';
import { Command, InvalidArgumentError, Option } from 'commander';
import { readLocalSettings } from './appSettings';
import { describeError, HostStartError } from './errors';
import { type RunningHost, startHost } from './host';
import type { HostKeys } from './hostKeys';
import { formatLog } from './logs';

/** Port of the Core Tools. */
const DEFAULT_PORT = 7071;

interface CommandLine {
  readonly app: string;
  readonly port?: number;
  readonly enableAuth?: boolean;
  readonly masterKey?: string;
  readonly hostKey: readonly string[];
  readonly functionKey: readonly string[];
  readonly messageLeaseSeconds?: number;
  readonly stopGraceMs?: number;
}

function parseCommandLine(): CommandLine {
  const collect = (value: string, previous: readonly string[]): readonly string[] => [...previous, value];
  return new Command()
    .name('host')
    .description('Runs a built Azure Functions app. Prints one JSON line when it is ready; logs go to standard error.')
    .requiredOption('--app <directory>', 'folder with package.json, host.json and local.settings.json')
    .option('--port <number>', `HTTP port, 0 for any (default: local.settings.json, else ${DEFAULT_PORT})`, wholeNumber)
    .option('--enable-auth', 'ask callers for function keys')
    .option('--master-key <key>', 'the key that opens everything (default: a random one, printed in the JSON line)')
    .addOption(new Option('--host-key <key>', 'a key for all functions; repeatable').argParser(collect).default([]))
    .addOption(
      new Option('--function-key <name=key>', 'a key for one function; repeatable').argParser(collect).default([]),
    )
    .option('--message-lease-seconds <number>', 'for tests: how long a running message stays invisible', wholeNumber)
    .option('--stop-grace-ms <number>', 'how long a stop waits for what is running', wholeNumber)
    .parse()
    .opts<CommandLine>();
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('expected a whole number');
  return Number(text);
}

function keysOf(options: CommandLine): HostKeys | undefined {
  if (options.enableAuth !== true) return undefined;
  const functionKeys: Record<string, string[]> = {};
  for (const entry of options.functionKey) {
    const [name = '', ...key] = entry.split('=');
    (functionKeys[name] ??= []).push(key.join('='));
  }
  const masterKey = options.masterKey ?? randomBytes(24).toString('base64url');
  return { masterKey, hostKeys: options.hostKey, functionKeys };
}

async function main(): Promise<void> {
  const options = parseCommandLine();
  const keys = keysOf(options);
  const port = options.port ?? (await readLocalSettings(options.app)).port ?? DEFAULT_PORT;
  const host = await startHost({
    appDirectory: options.app,
    port,
    onLog: (entry) => process.stderr.write(`${formatLog(entry)}\n`),
    ...(keys === undefined ? {} : { enableAuth: keys }),
    ...(options.messageLeaseSeconds === undefined ? {} : { messageLeaseSeconds: options.messageLeaseSeconds }),
    ...(options.stopGraceMs === undefined ? {} : { stopGraceMs: options.stopGraceMs }),
  });
  const shownKeys = keys === undefined ? {} : { masterKey: keys.masterKey };
  const ready = { ready: true, url: host.url, functions: host.functions, processId: process.pid, ...shownKeys };
  process.stdout.write(`${JSON.stringify(ready)}\n`);
  stopOnSignal(host);
}

function stopOnSignal(host: RunningHost): void {
  const stop = (): void => {
    host.stop().then(
      () => process.exit(0),
      (error: unknown) => fail(error),
    );
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

function fail(error: unknown): never {
  const text = error instanceof HostStartError ? error.message : describeError(error);
  process.stderr.write(`${text}\n`);
  process.exit(1);
}

main().catch(fail);
