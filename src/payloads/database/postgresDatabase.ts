import { Pool, type PoolConfig } from 'pg';
import type { Database, Row } from './database';

const STATEMENT_TIMEOUT_MS = 30_000;

/**
 * The settings hold for the transaction only, so that they also work through a pool that shares connections.
 * With row_security off a policy that hides rows is an error (42501) instead of rows that seem to be missing.
 */
const OPEN = `begin isolation level read committed read only;
set local search_path = pg_catalog; set local row_security = off; set local statement_timeout = ${STATEMENT_TIMEOUT_MS};
set local plan_cache_mode = force_custom_plan; set local jit = off`;

export interface PostgresOptions {
  readonly connection: Pick<
    PoolConfig,
    'connectionString' | 'host' | 'port' | 'database' | 'user' | 'password' | 'ssl'
  >;
  readonly maxConnections?: number;
}

/** @returns the database, with a pool of at most 4 connections unless told otherwise; it connects when it is first used */
export function openPostgres({ connection, maxConnections = 4 }: PostgresOptions): Database {
  const pool = new Pool({ ...connection, max: maxConnections, connectionTimeoutMillis: 15_000 });
  // Without a listener the loss of an idle connection would end the process; the next statement meets the failure.
  pool.on('error', () => undefined);
  return {
    async readOnly(work) {
      const client = await pool.connect();
      let isClean = false;
      const swallow = (): undefined => undefined;
      client.on('error', swallow);
      try {
        await client.query(OPEN);
        const result = await work(async (text, values) => {
          const { rows } = await client.query<Row>(text, values === undefined ? undefined : [...values]);
          return rows;
        });
        await client.query('commit');
        isClean = true;
        return result;
      } finally {
        client.off('error', swallow);
        // A connection in an unknown state is closed, which also ends its transaction.
        client.release(!isClean);
      }
    },
    close: () => pool.end(),
  };
}
