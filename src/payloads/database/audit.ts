import { z } from 'zod';
import { readRow, readRows, type Database } from './database';
import type { AuditBucket, AuditRow, NeverStored } from './fhirDatabase';
import type { ResourceType } from './resourceTypes';
import { payloadColumns, payloadOf } from './payloadRow';
import { typeTables } from './typeTables';
import { asUtc } from './utc';

/** Rows of 4096 neighbouring resource ids are one bucket. */
export const BUCKET_BITS = 12;

/** A whole table is read: some 2 million rows a second. */
const AUDIT_TIMEOUT_MS = 300_000;

/** 64-bit numbers come as text, because drivers differ in what they make of them. */
export const bucketColumns = {
  bucket: z.string().regex(/^\d+$/).transform(Number),
  count: z.int(),
  sum: z.string().regex(/^\d+$/).transform(BigInt),
};

const bucketRow = z.object(bucketColumns);

const LIVE_WITH_KEY = "r.is_deleted = 'N' and r.resource_payload_key is not null";

export async function readAuditBuckets(
  database: Database,
  schema: string,
  type: ResourceType,
  before: Date,
): Promise<readonly AuditBucket[]> {
  const { resources } = typeTables(schema, type);
  const rows = await database.readOnly(
    (run) =>
      run(
        `select (r.resource_id >> ${BUCKET_BITS})::text as bucket, count(*)::int as count, sum(r.resource_id)::text as sum
  from ${resources} r where ${LIVE_WITH_KEY} and r.last_updated < ${asUtc('$1')} group by r.resource_id >> ${BUCKET_BITS}`,
        [before.toISOString()],
      ),
    AUDIT_TIMEOUT_MS,
  );
  return readRows(bucketRow, rows, 'buckets of rows');
}

const auditRow = z.object({ ...payloadColumns, is_current: z.boolean() });

export async function readAuditRows(
  database: Database,
  schema: string,
  type: ResourceType,
  bucket: number,
  before: Date,
): Promise<readonly AuditRow[]> {
  const { resources, logicalResources } = typeTables(schema, type);
  const first = BigInt(bucket) << BigInt(BUCKET_BITS);
  const end = BigInt(bucket + 1) << BigInt(BUCKET_BITS);
  const rows = await database.readOnly(
    (run) =>
      run(
        `select lr.logical_id as id, r.version_id as version, r.resource_payload_key as key,
  lr.current_resource_id is not distinct from r.resource_id as is_current
  from ${resources} r join ${logicalResources} lr using (logical_resource_id)
 where r.resource_id >= $1::bigint and r.resource_id < $2::bigint and ${LIVE_WITH_KEY} and r.last_updated < ${asUtc('$3')}
 order by r.resource_id`,
        [String(first), String(end), before.toISOString()],
      ),
    AUDIT_TIMEOUT_MS,
  );
  return readRows(auditRow, rows, 'rows of a bucket').map((row) => ({
    payload: payloadOf(type, row),
    isCurrent: row.is_current,
  }));
}

const NEVER_STORED = "r.is_deleted = 'N' and r.resource_payload_key is null and r.data is null";

export function readNeverStored(
  database: Database,
  schema: string,
  type: ResourceType,
  before: Date,
  limit: number,
): Promise<NeverStored> {
  const { resources, logicalResources } = typeTables(schema, type);
  const condition = `${NEVER_STORED} and r.last_updated < ${asUtc('$1')}`;
  return database.readOnly(async (run) => {
    const total = await run(`select count(*)::int as count from ${resources} r where ${condition}`, [
      before.toISOString(),
    ]);
    const { count } = readRow(z.object({ count: z.int() }), total, 'rows without a payload');
    if (count === 0 || limit < 1) return { count, examples: [] };
    const rows = await run(
      `select lr.logical_id as id, r.version_id as version from ${resources} r
  join ${logicalResources} lr using (logical_resource_id) where ${condition} order by r.resource_id limit $2`,
      [before.toISOString(), limit],
    );
    const examples = readRows(z.object({ id: z.string(), version: z.int() }), rows, 'rows without a payload');
    return { count, examples: examples.map(({ id, version }) => ({ typeId: type.id, logicalId: id, version })) };
  }, AUDIT_TIMEOUT_MS);
}
