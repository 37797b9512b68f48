import { z } from 'zod';
import { payloadBlobName, readBlobName, type PayloadKey } from '../blobName';
import { BUCKET_BITS, bucketColumns } from './audit';
import { InvalidDatabaseAnswer, readRows, type Database } from './database';
import { requirePrimaryOf } from './databaseIdentity';
import type { AuditBucket, LookAnswer, LookQuery } from './fhirDatabase';
import { typeTables, type TypeTables } from './typeTables';
import { UntrustedLook } from './untrustedLook';
import { asUtc } from './utc';
import type { OrphanReason } from '../verdict';

/**
 * Looks up the payloads of one type by type, id, version and key together.
 * The statement returns the orphans, not the found ones; a failure or a time-out throws.
 * @throws UntrustedLook when a canary is missing, or when a deciding look reached a standby or another database
 */
export async function lookUp(database: Database, schema: string, query: LookQuery): Promise<LookAnswer> {
  const { payloads, canaries = [], type, auditBefore } = query;
  const all = [...payloads, ...canaries];
  requireCanonical(all, type.id);
  if (payloads.length === 0) return { orphans: new Map(), buckets: [] };

  const statement = lookStatement(typeTables(schema, type), auditBefore !== undefined);
  const values = [all.map(({ logicalId }) => logicalId), all.map(({ version }) => version), all.map(({ key }) => key)];
  const audit = auditBefore === undefined ? [] : [auditBefore.toISOString(), payloads.length];
  const rows = await database.readOnly(async (run) => {
    if (query.deciding) await requirePrimaryOf(run, schema, query.identity);
    return run(statement, [...values, ...audit]);
  });
  return readAnswer(readRows(answerRow, rows, 'payloads'), payloads.length, canaries.length);
}

const answerRow = z.union([
  z.object({ n: z.int(), reason: z.enum(['no-row', 'other-key', 'deleted-version']) }),
  z.object({ n: z.null(), ...bucketColumns }),
]);

function readAnswer(rows: readonly z.infer<typeof answerRow>[], payloadCount: number, canaryCount: number): LookAnswer {
  const orphans = new Map<number, OrphanReason>();
  const buckets: AuditBucket[] = [];
  for (const row of rows) {
    if (row.n === null) {
      buckets.push({ bucket: row.bucket, count: row.count, sum: row.sum });
      continue;
    }
    if (row.n < 1 || row.n > payloadCount + canaryCount)
      throw new InvalidDatabaseAnswer('The look answered with a payload that was not asked for');
    if (row.n > payloadCount) throw new UntrustedLook('canary-missing');
    orphans.set(row.n - 1, row.reason);
  }
  return { orphans, buckets };
}

/** One value that the database cannot take, such as a NUL, would fail the whole page. */
function requireCanonical(payloads: readonly PayloadKey[], typeId: number): void {
  for (const payload of payloads) {
    if (payload.typeId !== typeId) throw new TypeError('A look is about the payloads of one type');
    if (readBlobName(payloadBlobName(payload)).kind !== 'payload')
      throw new TypeError('A look is about payloads with a canonical name');
  }
}

/**
 * The two materialized parts keep the planner from visiting all versions of a resource once for each of its blobs.
 * Live rows are counted once, however often their payload is among the names; canaries are not counted again.
 */
function lookStatement({ resources, logicalResources }: TypeTables, isAudited: boolean): string {
  return `with b as materialized (
  select n, id, v, k from unnest($1::text[], $2::int[], $3::text[]) with ordinality as u(id, v, k, n)
), have as materialized (
  select i.id, r.version_id as v, r.resource_payload_key as k, r.is_deleted as d
    ${isAudited ? `, r.resource_id as rid, r.last_updated < ${asUtc('$4')} as old` : ''}
    from (select distinct id from b) i
    join ${logicalResources} lr on lr.logical_id = i.id
    join ${resources} r on r.logical_resource_id = lr.logical_resource_id
)
select b.n::int as n,
       case when bool_or(h.k = b.k) then 'deleted-version' when count(h.v) > 0 then 'other-key' else 'no-row' end as reason
       ${isAudited ? ', null as bucket, null::int as count, null as sum' : ''}
  from b left join have h on h.id = b.id and h.v = b.v
 group by b.n
having bool_or(h.k = b.k and h.d = 'N') is not true
${isAudited ? LOOKED_BUCKETS : ''}`;
}

const LOOKED_BUCKETS = `union all
select null, null, (rid >> ${BUCKET_BITS})::text, count(*)::int, sum(rid)::text
  from (select distinct h.rid from b join have h on h.id = b.id and h.v = b.v and h.k = b.k
         where b.n <= $5 and h.d = 'N' and h.old) live
 group by rid >> ${BUCKET_BITS}`;
