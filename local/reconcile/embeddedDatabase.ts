import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { PGlite } from '@electric-sql/pglite';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';

/** A PostgreSQL in this process, in memory, that clients reach over loopback as they reach any other. */
export interface EmbeddedDatabase {
  readonly host: string;
  readonly port: number;
  readonly name: string;
  readonly user: string;
  /** Runs SQL of any number of statements. */
  run(sql: string): Promise<void>;
  stop(): Promise<void>;
}

const HOST = '127.0.0.1';
const CONNECTIONS = 16;

/** @returns the database, empty, on a free port */
export async function startEmbeddedDatabase(): Promise<EmbeddedDatabase> {
  const db = await emptyCluster();
  const server = new PGLiteSocketServer({ db, host: HOST, port: 0, maxConnections: CONNECTIONS });
  await server.start();
  const port = Number(/:(\d+)$/.exec(server.getServerConn())?.[1]);
  return {
    host: HOST,
    port,
    name: 'postgres',
    user: 'postgres',
    run: async (sql) => {
      await db.exec(sql);
    },
    stop: async () => {
      await server.stop();
      await db.close();
    },
  };
}

/** To make a cluster takes seven seconds, to load one a second: the first start keeps it for those that follow. */
async function emptyCluster(): Promise<PGlite> {
  const file = await keptCluster();
  try {
    return await PGlite.create({ loadDataDir: new Blob([gunzipSync(await readFile(file))]) });
  } catch {
    // There is none yet, or it cannot be read.
  }
  const db = await PGlite.create();
  await keep(db, file).catch(() => undefined);
  return db;
}

/** A version of PGlite has a file of its own, in a folder that goes with the packages. */
async function keptCluster(): Promise<string> {
  const folder = dirname(dirname(require.resolve('@electric-sql/pglite')));
  const { version } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as { readonly version: string };
  return join(dirname(dirname(folder)), '.cache', 'fhir-imaging-functions', `cluster-${version}.tar.gz`);
}

/** Others that start at the same time see all of the file or nothing. */
async function keep(db: PGlite, file: string): Promise<void> {
  const dump = await db.dumpDataDir('gzip');
  await mkdir(dirname(file), { recursive: true });
  const unfinished = `${file}.${randomUUID()}`;
  try {
    await writeFile(unfinished, Buffer.from(await dump.arrayBuffer()));
    await rename(unfinished, file);
  } finally {
    await rm(unfinished, { force: true });
  }
}
