import { Pool, type PoolClient } from 'pg';
import type { Database, Row, RunStatement } from './database';
import { DatabaseFailure } from './databaseFailure';
import { isWithoutTls, postgresFailure } from './postgresFailure';
import { tlsOptions, type SslMode } from './postgresTls';

const STATEMENT_TIMEOUT_MS = 30_000;

/** How much longer than the database itself its answer is waited for: then the connection is dead. */
const ANSWER_SLACK_MS = 15_000;

const CONNECTION_TIMEOUT_MS = 15_000;

export interface PostgresConnection {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  /** a function is asked for each new connection, because tokens of a managed identity are short-lived */
  readonly password?: string | (() => Promise<string>);
  readonly sslMode: SslMode;
  /** PEM */
  readonly sslRootCertificate?: string;
}

export interface PostgresOptions {
  readonly connection: PostgresConnection;
  readonly maxConnections?: number;
}

/** @returns the database, with a pool of at most 4 connections unless told otherwise; it connects when it is first used */
export function openPostgres({ connection, maxConnections = 4 }: PostgresOptions): Database {
  const pool = newPool(connection, maxConnections);
  let plainPool: Pool | undefined;
  const connect = async (): Promise<PoolClient> => {
    try {
      return await (plainPool ?? pool).connect();
    } catch (error) {
      if (connection.sslMode !== 'prefer' || !isWithoutTls(error)) throw postgresFailure(error);
      plainPool ??= newPool({ ...connection, sslMode: 'disable' }, maxConnections);
      return connect();
    }
  };
  return {
    readOnly: (work, statementTimeoutMs = STATEMENT_TIMEOUT_MS) => readOnly(connect, work, statementTimeoutMs),
    close: async () => {
      await Promise.all([pool.end(), plainPool?.end()]);
    },
  };
}

function newPool(connection: PostgresConnection, maxConnections: number): Pool {
  const { host, port, database, user, password, sslMode, sslRootCertificate } = connection;
  const pool = new Pool({
    host,
    port,
    database,
    user,
    // Always a function: without a password the driver would look for one in the environment and in the home folder.
    password: () => askPassword(password),
    ssl: tlsOptions(sslMode, sslRootCertificate),
    max: maxConnections,
    connectionTimeoutMillis: CONNECTION_TIMEOUT_MS,
    keepAlive: true,
    application_name: 'fhir-imaging-reconcile',
  });
  // Without a listener the loss of an idle connection would end the process; the next statement meets the failure.
  pool.on('error', () => undefined);
  return pool;
}

/**
 * The settings hold for the transaction only, so that they also work through a pool that shares connections.
 * With row_security off a policy that hides rows is an error (42501) instead of rows that seem to be missing.
 */
const openStatement = (statementTimeoutMs: number): string => `begin isolation level read committed read only;
set local search_path = pg_catalog; set local row_security = off; set local statement_timeout = ${statementTimeoutMs};
set local plan_cache_mode = force_custom_plan; set local jit = off`;

async function readOnly<T>(
  connect: () => Promise<PoolClient>,
  work: (run: RunStatement) => Promise<T>,
  statementTimeoutMs: number,
): Promise<T> {
  const client = await connect();
  let isClean = false;
  client.on('error', swallow);
  try {
    const run: RunStatement = async (text, values) => {
      try {
        const config = { text, query_timeout: statementTimeoutMs + ANSWER_SLACK_MS };
        const { rows } = await client.query<Row>(values === undefined ? config : { ...config, values: [...values] });
        return rows;
      } catch (error) {
        throw postgresFailure(error);
      }
    };
    await run(openStatement(statementTimeoutMs));
    const result = await work(run);
    await run('commit');
    isClean = true;
    return result;
  } finally {
    client.off('error', swallow);
    // A connection in an unknown state is closed, which also ends its transaction.
    client.release(!isClean);
  }
}

/** What the source of passwords says may hold one, so it goes no further. */
async function askPassword(password: PostgresConnection['password']): Promise<string> {
  if (typeof password !== 'function') return password ?? '';
  try {
    return await password();
  } catch {
    throw new DatabaseFailure('no-token');
  }
}

function swallow(): undefined {
  return undefined;
}
