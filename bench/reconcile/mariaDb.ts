import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { freePort } from '../../test/support/freePort';

/** A MariaDB of the machine's own package, on loopback alone, with data of its own. It ends with this process, and its data with it. */
export interface MariaDb {
  /** of its only database, which is empty */
  readonly url: string;
  /** What is put there goes with the data. */
  readonly folder: string;
}

const DATABASE = 'azurite';
/** The rows of a million blobs stay in memory, and nobody needs them after a crash. */
const SETTINGS = ['--innodb-buffer-pool-size=2G', '--innodb-log-file-size=512M', '--innodb-flush-log-at-trx-commit=0'];
/** Servers are where the path of an ordinary user does not lead. */
const FOLDERS = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];

/** @throws Error that names the package, where the machine has no MariaDB */
export function findMariaDb(): { readonly install: string; readonly server: string } {
  return { install: findProgram('mariadb-install-db'), server: findProgram('mariadbd') };
}

/** @throws Error where the machine has none, or where it does not start */
export async function startMariaDb(): Promise<MariaDb> {
  const { install, server } = findMariaDb();
  const folder = mkdtempSync(join(tmpdir(), 'bench-mariadb-'));
  const [data, socket, first] = [join(folder, 'data'), join(folder, 'socket'), join(folder, 'first.sql')];
  const place = ['--no-defaults', `--datadir=${data}`, `--user=${userInfo().username}`];
  await promisify(execFile)(install, [...place, '--auth-root-authentication-method=normal', '--skip-test-db']);
  writeFileSync(first, `create database ${DATABASE};\n`);
  const port = await freePort();
  const address = ['--bind-address=127.0.0.1', `--port=${port}`, `--socket=${socket}`];
  const child = spawn(server, [...place, ...SETTINGS, ...address, `--init-file=${first}`], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  endWithThisProcess(child, folder);
  await untilReady(child);
  return { url: `mysql://root@127.0.0.1:${port}/${DATABASE}`, folder };
}

function findProgram(name: string): string {
  const path = FOLDERS.map((folder) => join(folder, name)).find(isProgram);
  if (path === undefined) throw new Error(`There is no ${name} on this machine: install the package mariadb-server`);
  return path;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** However this process ends: the server itself takes no notice of Ctrl-C. */
function endWithThisProcess(child: ChildProcess, folder: string): void {
  process.once('exit', () => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
}

/** @throws Error with what it said, when it ends before */
async function untilReady(child: ChildProcess): Promise<void> {
  let said = '';
  const ended = new Promise<never>((_, reject) => {
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`MariaDB did not start:\n${said}`)));
  });
  const ready = new Promise<void>((resolve) => {
    if (child.stderr === null) return;
    createInterface({ input: child.stderr }).on('line', (line) => {
      said += `${line}\n`;
      if (line.includes('ready for connections')) resolve();
    });
  });
  await Promise.race([ready, ended]);
}
