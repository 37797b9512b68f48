import { z } from 'zod';
import { quoteIdentifier, readRow, type Database, type RunStatement } from './database';
import { UntrustedLook } from './untrustedLook';

/** What tells one database from its clones and restored copies. A part is undefined where a managed service does not say it. */
export interface DatabaseIdentity {
  readonly cluster: string | undefined;
  /** of the write-ahead log: a promotion and a restore to a point in time change it */
  readonly timeline: string | undefined;
  readonly database: string | undefined;
  /** object id of logical_resources: a dump that is loaded again changes it */
  readonly relation: string | undefined;
}

export interface DatabaseState {
  readonly identity: DatabaseIdentity;
  readonly isStandby: boolean;
  /** tables of the schema that a logical subscription fills */
  readonly subscribedTables: number;
  /** text was sorted by another version of the collation, so indexes on it may miss rows; unknown, so false, before PostgreSQL 15 */
  readonly collationChanged: boolean;
  /** the newest change of a resource: of times after it less the grace the database has no say */
  readonly newest: Date | undefined;
}

/** Parts that either side does not know say nothing. */
export function isSameDatabase(now: DatabaseIdentity, before: DatabaseIdentity): boolean {
  const parts = ['cluster', 'timeline', 'database', 'relation'] as const;
  return parts.every((part) => now[part] === undefined || before[part] === undefined || now[part] === before[part]);
}

/** Needs no right beyond reading the schema. */
export function readDatabaseState(database: Database, schema: string): Promise<DatabaseState> {
  return database.readOnly(async (run) => {
    const { identity, isStandby } = await readIdentity(run, schema);
    const state = readRow(
      stateRow,
      await run(await stateStatement(run, schema), [schema]),
      'the state of the database',
    );
    return {
      identity,
      isStandby,
      subscribedTables: state.subscribed,
      collationChanged: state.collation_changed,
      newest: state.newest ?? undefined,
    };
  });
}

/**
 * To be asked in the same transaction as what must come from the primary of that database.
 * @throws UntrustedLook
 */
export async function requirePrimaryOf(run: RunStatement, schema: string, identity: DatabaseIdentity): Promise<void> {
  const now = await readIdentity(run, schema);
  if (now.isStandby) throw new UntrustedLook('standby');
  if (!isSameDatabase(now.identity, identity)) throw new UntrustedLook('other-database');
}

const known = z
  .string()
  .nullable()
  .transform((text) => text ?? undefined);

const identityRow = z.object({
  standby: z.boolean(),
  cluster: known,
  timeline: known,
  database: known,
  relation: known,
});

const stateRow = z.object({
  subscribed: z.number(),
  collation_changed: z.boolean(),
  newest: z.date().nullable(),
});

const rightsRow = z.object({ control: z.boolean().nullable(), log: z.boolean().nullable() });

/** A function that may not be called fails its statement even in a branch that is not taken, so the rights are read first. */
const RIGHTS = `select has_function_privilege(to_regprocedure('pg_control_system()'), 'execute') as control,
  has_function_privilege(to_regprocedure('pg_walfile_name(pg_lsn)'), 'execute')
    and has_function_privilege(to_regprocedure('pg_current_wal_lsn()'), 'execute') as log`;

async function readIdentity(
  run: RunStatement,
  schema: string,
): Promise<{ readonly identity: DatabaseIdentity; readonly isStandby: boolean }> {
  const rights = readRow(rightsRow, await run(RIGHTS), 'rights on functions');
  const cluster = rights.control === true ? '(select system_identifier::text from pg_control_system())' : 'null::text';
  const timeline =
    rights.log === true
      ? 'case when pg_is_in_recovery() then null else left(pg_walfile_name(pg_current_wal_lsn()), 8) end'
      : 'null::text';
  const rows = await run(
    `select pg_is_in_recovery() as standby, ${cluster} as cluster, ${timeline} as timeline,
  (select oid::text from pg_database where datname = current_database()) as database,
  to_regclass($1)::oid::text as relation`,
    [`${quoteIdentifier(schema)}.logical_resources`],
  );
  const { standby, ...identity } = readRow(identityRow, rows, 'the identity of the database');
  return { identity, isStandby: standby };
}

const FIRST_VERSION_WITH_COLLATION = 150_000;

async function stateStatement(run: RunStatement, schema: string): Promise<string> {
  const version = await run("select current_setting('server_version_num')::int as version");
  const collation =
    readRow(z.object({ version: z.number() }), version, 'the version of the database').version >=
    FIRST_VERSION_WITH_COLLATION
      ? `(select coalesce(datcollversion <> pg_database_collation_actual_version(oid), false)
     from pg_database where datname = current_database())`
      : 'false';
  return `select (select count(*)::int from pg_subscription_rel where srrelid in
    (select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1)) as subscribed,
  ${collation} as collation_changed,
  (select max(last_updated) at time zone 'UTC' from ${quoteIdentifier(schema)}.logical_resources) as newest`;
}
