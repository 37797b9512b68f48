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
  const db = await PGlite.create();
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
