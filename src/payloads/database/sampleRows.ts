import { z } from 'zod';
import { payloadBlobName, type PayloadKey } from '../blobName';
import { asUtc } from './utc';
import { readRow, readRows, type Database, type Row, type RunStatement } from './database';
import { payloadColumns, payloadOf } from './payloadRow';
import type { ResourceType } from './resourceTypes';
import { typeTables, type TypeTables } from './typeTables';

/** Where payloads were stored long ago only, many rows without a key are passed over. */
const SAMPLE_TIMEOUT_MS = 120_000;

/** So many pages of the table are read at first; each holds some fifty rows. */
const FIRST_PAGES = 20;

/**
 * Live rows with a key that are older than `before`: the newest ones by the index on last_updated, and as many from random pages of the
 * table. Random resource ids would not do: sequences leave gaps of a thousand, so most ids would lead to the same few rows.
 * A row that is found twice is given once.
 */
export async function readSampleRows(
  database: Database,
  schema: string,
  type: ResourceType,
  before: Date,
  count: number,
): Promise<readonly PayloadKey[]> {
  const tables = typeTables(schema, type);
  const rows = await database.readOnly(
    async (run) => [
      ...(await run(newestStatement(tables), [before.toISOString(), count])),
      ...(await readRandom(run, tables, before, count)),
    ],
    SAMPLE_TIMEOUT_MS,
  );
  const payloads = readRows(z.object(payloadColumns), rows, 'sample rows').map((row) => payloadOf(type, row));
  return [...new Map(payloads.map((payload) => [payloadBlobName(payload), payload])).values()];
}

const ELIGIBLE = `r.is_deleted = 'N' and r.resource_payload_key is not null and r.last_updated < ${asUtc('$1')}`;

function newestStatement({ resources, logicalResources }: TypeTables): string {
  return named(
    logicalResources,
    `select r.logical_resource_id, r.version_id, r.resource_payload_key from ${resources} r
      where ${ELIGIBLE} order by r.last_updated desc limit $2`,
  );
}

/** Reads ten times as many pages while too few rows qualify: only where hardly any does is the whole table read. */
async function readRandom(
  run: RunStatement,
  { resources, logicalResources }: TypeTables,
  before: Date,
  count: number,
): Promise<readonly Row[]> {
  const size = await run(
    "select pg_relation_size($1::regclass)::float8 / current_setting('block_size')::int as pages",
    [resources],
  );
  const { pages } = readRow(z.object({ pages: z.number() }), size, 'the size of a table');
  const statement = named(
    logicalResources,
    `select r.logical_resource_id, r.version_id, r.resource_payload_key from ${resources} r tablesample system ($3::real)
      where ${ELIGIBLE} order by random() limit $2`,
  );
  for (let wanted = FIRST_PAGES; ; wanted *= 10) {
    const percent = wanted >= pages ? 100 : (wanted / pages) * 100;
    const rows = await run(statement, [before.toISOString(), count, percent]);
    if (rows.length >= count || percent === 100) return rows;
  }
}

function named(logicalResources: string, sample: string): string {
  return `select lr.logical_id as id, x.version_id as version, x.resource_payload_key as key
  from (${sample}) x join ${logicalResources} lr using (logical_resource_id)`;
}
