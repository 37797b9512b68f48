import { z } from 'zod';
import { payloadBlobName, type PayloadKey } from '../blobName';
import { readRows, type Database } from './database';
import { payloadColumns, payloadOf } from './payloadRow';
import type { ResourceType } from './resourceTypes';
import { typeTables, type TypeTables } from './typeTables';
import { asUtc } from './utc';

/** Where payloads were stored long ago only, many rows without a key are passed over. */
const SAMPLE_TIMEOUT_MS = 120_000;

/**
 * Live rows with a key that are older than `before`: the newest ones by the index on last_updated, and as many from random places of
 * the primary key. A row that is found twice is given once.
 */
export async function readSampleRows(
  database: Database,
  schema: string,
  type: ResourceType,
  before: Date,
  count: number,
): Promise<readonly PayloadKey[]> {
  const tables = typeTables(schema, type);
  const values = [before.toISOString(), count];
  const rows = await database.readOnly(
    async (run) => [...(await run(newestStatement(tables), values)), ...(await run(randomStatement(tables), values))],
    SAMPLE_TIMEOUT_MS,
  );
  const payloads = readRows(z.object(payloadColumns), rows, 'sample rows').map((row) => payloadOf(type, row));
  return [...new Map(payloads.map((payload) => [payloadBlobName(payload), payload])).values()];
}

const ELIGIBLE = `r.is_deleted = 'N' and r.resource_payload_key is not null and r.last_updated < ${asUtc('$1')}`;

function newestStatement(tables: TypeTables): string {
  return named(
    tables,
    `select r.logical_resource_id, r.version_id, r.resource_payload_key from ${tables.resources} r
      where ${ELIGIBLE} order by r.last_updated desc limit $2`,
  );
}

/** From each random id upwards to the next row that qualifies, or else downwards. */
function randomStatement(tables: TypeTables): string {
  const next = (comparison: string, order: string): string =>
    `(select r.resource_id from ${tables.resources} r
       where r.resource_id ${comparison} s.start and ${ELIGIBLE} order by r.resource_id ${order} limit 1)`;
  return named(
    tables,
    `select r.logical_resource_id, r.version_id, r.resource_payload_key
       from (select min(resource_id) as lowest, max(resource_id) as highest from ${tables.resources}) ends
       cross join lateral (select ends.lowest + floor(random() * (ends.highest - ends.lowest + 1))::bigint as start
                             from generate_series(1, $2::int)) s
       join ${tables.resources} r on r.resource_id = coalesce(${next('>=', 'asc')}, ${next('<', 'desc')})`,
  );
}

function named({ logicalResources }: TypeTables, sample: string): string {
  return `select lr.logical_id as id, x.version_id as version, x.resource_payload_key as key
  from (${sample}) x join ${logicalResources} lr using (logical_resource_id)`;
}
