import { execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sampleRows } from '../../local/samples/reconcile/samplePayloads';

const TYPES = ['BASIC', 'ENDPOINT', 'IMAGINGSTUDY', 'OBSERVATION', 'PATIENT', 'PRACTITIONER'];

/** The tables of a LinuxForHealth FHIR Server on Derby, as far as Reconcile reads them or the golden rows need them. */
export function tablesOf(schema: string, types: readonly string[] = TYPES): readonly string[] {
  return [
    `create schema ${schema}`,
    `create table ${schema}.RESOURCE_TYPES (RESOURCE_TYPE_ID int not null primary key,
       RESOURCE_TYPE varchar(64) not null unique, RETIRED char(1) not null default 'N')`,
    `create table ${schema}.LOGICAL_RESOURCES (LOGICAL_RESOURCE_ID bigint not null primary key, RESOURCE_TYPE_ID int not null,
       LOGICAL_ID varchar(255) not null, REINDEX_TSTAMP timestamp, REINDEX_TXID bigint, LAST_UPDATED timestamp,
       IS_DELETED char(1) not null default 'X', PARAMETER_HASH varchar(44), unique (RESOURCE_TYPE_ID, LOGICAL_ID))`,
    ...types.flatMap((type) => [
      `create table ${schema}.${type}_LOGICAL_RESOURCES (LOGICAL_RESOURCE_ID bigint not null primary key,
         LOGICAL_ID varchar(255) not null, CURRENT_RESOURCE_ID bigint, IS_DELETED char(1) not null default 'X',
         LAST_UPDATED timestamp, VERSION_ID int)`,
      `create index ${schema}.IDX_${type}_LR on ${schema}.${type}_LOGICAL_RESOURCES (LOGICAL_ID)`,
      `create table ${schema}.${type}_RESOURCES (RESOURCE_ID bigint not null primary key, LOGICAL_RESOURCE_ID bigint not null,
         VERSION_ID int not null, LAST_UPDATED timestamp not null, IS_DELETED char(1) not null, DATA blob,
         RESOURCE_PAYLOAD_KEY varchar(36))`,
      `create index ${schema}.IDX_${type}_R on ${schema}.${type}_RESOURCES (LOGICAL_RESOURCE_ID)`,
    ]),
  ];
}

/** Derby compiles each statement, so few large ones are faster, up to a point. */
const ROWS_OF_A_STATEMENT = 50;

/** The golden rows in Derby's spelling. */
export function goldenRows(): readonly string[] {
  const rows = new Map<string, string[]>();
  let table: string | undefined;
  for (const line of sampleRows().split('\n')) {
    table = /^INSERT INTO fhirdata\.(\w+) VALUES$/.exec(line)?.[1] ?? table;
    if (!line.startsWith('\t(') || table === undefined || table === 'logical_resource_ident') continue;
    const row = line.trim().replace(/[,;]$/, '');
    rows.set(table, [...(rows.get(table) ?? []), row.replace(/'\\x([0-9a-f]*)'/g, "cast(X'$1' as blob)")]);
  }
  return [...rows].flatMap(([into, all]) =>
    Array.from(
      { length: Math.ceil(all.length / ROWS_OF_A_STATEMENT) },
      (_chunk, n) =>
        `insert into FHIRDATA.${into} values ${all.slice(n * ROWS_OF_A_STATEMENT, (n + 1) * ROWS_OF_A_STATEMENT).join(',\n')}`,
    ),
  );
}

/** Makes a database with Derby's own tool. @returns its folder */
export function createDerby(classPath: string, statements: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'reconcile-derby-'));
  const database = join(folder, 'fhirDB');
  const script = join(folder, 'script.sql');
  const lines = [`connect 'jdbc:derby:${database};create=true'`, 'autocommit off', ...statements, 'commit', 'exit'];
  writeFileSync(script, lines.map((line) => `${line};\n`).join(''));
  const log = `-Dderby.stream.error.file=${join(folder, 'derby.log')}`;
  const said = execFileSync('java', ['-cp', classPath, log, 'org.apache.derby.tools.ij', script], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  const error = /^ERROR .*$/m.exec(said)?.[0];
  if (error !== undefined) throw new Error(error);
  return database;
}
