import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = join(__dirname, '..', '..', '..');

export interface FinishedCommand {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningCommand {
  readonly child: ChildProcess;
  /** what it has told so far */
  readonly stderr: () => string;
  readonly ended: Promise<FinishedCommand>;
}

/** Starts the command line as a process of its own, as `npm run reconcile` does after the build. */
export function startReconcile(args: readonly string[], environment: Record<string, string> = {}): RunningCommand {
  const main = join(ROOT, 'dist', 'cli', 'reconcile', 'main.js');
  const child = spawn(process.execPath, [main, ...args], {
    cwd: ROOT,
    env: { ...process.env, NODE_OPTIONS: '', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said.stderr += text));
  const ended = once(child, 'close').then(() => ({ code: child.exitCode, ...said }));
  return { child, stderr: () => said.stderr, ended };
}

export interface ConfiguredServer {
  /** `--fhir-config-dir` and its value */
  readonly config: readonly string[];
  /** `--db-properties`, `--db-type` and their values */
  readonly database: readonly string[];
}

/** Writes the files of a FHIR server: one payload group for each datasource of the default tenant, and the properties of its database. */
export function configureServer(
  groups: Readonly<Record<string, Record<string, string>>>,
  properties: Readonly<Record<string, string | number>>,
): ConfiguredServer {
  const folder = mkdtempSync(join(tmpdir(), 'fhir-server-'));
  mkdirSync(join(folder, 'config', 'default'), { recursive: true });
  const payload = Object.fromEntries(
    Object.entries(groups).map(([dsId, connectionProperties]) => [dsId, { type: 'azure.blob', connectionProperties }]),
  );
  writeFileSync(
    join(folder, 'config', 'default', 'fhir-server-config.json'),
    JSON.stringify({ fhirServer: { persistence: { payload } } }),
  );
  const file = join(folder, 'database.properties');
  writeFileSync(
    file,
    Object.entries(properties)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(''),
  );
  return { config: ['--fhir-config-dir', folder], database: ['--db-properties', file, '--db-type', 'postgresql'] };
}
