import { InvalidDatabaseAnswer, quoteIdentifier, type Database } from './database';

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
  /** text was sorted by another version of the collation, so indexes on it may miss rows */
  readonly collationChanged: boolean;
  /** the newest change of a resource: of times after it less the grace the database has no say */
  readonly newest: Date | undefined;
}

/** Why a run must not delete: the stable name of the guard, and what it means for an operator. */
export interface GuardFinding {
  readonly guard: 'standby' | 'logical-subscriber' | 'collation-changed' | 'database-restored' | 'stale-database';
  readonly problem: string;
}

/** Needs PostgreSQL 15 or later, and no right beyond reading the schema. */
export async function readDatabaseState(database: Database, schema: string): Promise<DatabaseState> {
  const table = `${quoteIdentifier(schema)}.logical_resources`;
  const [row] = await database.readOnly((run) =>
    run(
      `select pg_is_in_recovery() as standby,
  (select system_identifier::text from pg_control_system()) as cluster,
  case when pg_is_in_recovery() then null else left(pg_walfile_name(pg_current_wal_lsn()), 8) end as timeline,
  (select oid::text from pg_database where datname = current_database()) as database,
  to_regclass($1)::oid::text as relation,
  (select count(*)::int from pg_subscription_rel where srrelid in
    (select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $2)) as subscribed,
  (select coalesce(datcollversion <> pg_database_collation_actual_version(oid), false)
     from pg_database where datname = current_database()) as collation_changed,
  (select max(last_updated) at time zone 'UTC' from ${table}) as newest`,
      [table, schema],
    ),
  );
  if (
    row === undefined ||
    typeof row.standby !== 'boolean' ||
    typeof row.collation_changed !== 'boolean' ||
    typeof row.subscribed !== 'number'
  )
    throw new InvalidDatabaseAnswer('The database did not say in what state it is');
  return {
    identity: {
      cluster: text(row.cluster),
      timeline: text(row.timeline),
      database: text(row.database),
      relation: text(row.relation),
    },
    isStandby: row.standby,
    subscribedTables: row.subscribed,
    collationChanged: row.collation_changed,
    newest: row.newest instanceof Date ? row.newest : undefined,
  };
}

/**
 * @param last the identity at the last run on the same container; undefined at the first one
 * @returns each reason for which a run with this cutoff must not delete
 */
export function guardDatabase(
  state: DatabaseState,
  last: DatabaseIdentity | undefined,
  cutoff: Date,
  graceMs: number,
): readonly GuardFinding[] {
  const findings: GuardFinding[] = [];
  if (state.isStandby)
    findings.push({ guard: 'standby', problem: 'The database is a standby; deletes need the primary.' });
  if (state.subscribedTables > 0)
    findings.push({
      guard: 'logical-subscriber',
      problem: 'A logical subscription fills tables of this schema, so rows may be missing.',
    });
  if (state.collationChanged)
    findings.push({
      guard: 'collation-changed',
      problem: 'The collation changed since the indexes were built, so they may miss rows: reindex first.',
    });
  if (last !== undefined && !isSameDatabase(state.identity, last))
    findings.push({
      guard: 'database-restored',
      problem: 'This is another database than at the last run on this container, or it was restored.',
    });
  if (state.newest === undefined || !(cutoff.getTime() <= state.newest.getTime() - graceMs))
    findings.push({
      guard: 'stale-database',
      problem: 'No row is as new as the blobs to be judged, less the grace: the database may be an old copy.',
    });
  return findings;
}

/** Parts that either side does not know say nothing. */
function isSameDatabase(now: DatabaseIdentity, before: DatabaseIdentity): boolean {
  const parts = ['cluster', 'timeline', 'database', 'relation'] as const;
  return parts.every((part) => now[part] === undefined || before[part] === undefined || now[part] === before[part]);
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
