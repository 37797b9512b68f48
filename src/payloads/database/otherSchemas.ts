import { z } from 'zod';
import type { PayloadKey } from '../blobName';
import { readRows, type Database, type RunStatement } from './database';
import { queryResourceTypes, type ResourceType } from './resourceTypes';
import { typeTables } from './typeTables';

/** Schemas of the database that hold the tables of another FHIR server or tenant, whether this role may read them or not. */
export async function readOtherSchemas(database: Database, schema: string): Promise<readonly string[]> {
  const rows = await database.readOnly((run) =>
    run(
      `select n.nspname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relname = 'resource_types' and c.relkind in ('r', 'p', 'f', 'v', 'm') and n.nspname <> $1
    and exists (select from pg_class l where l.relnamespace = n.oid and l.relname = 'logical_resources')
  order by 1`,
      [schema],
    ),
  );
  return readRows(z.object({ name: z.string() }), rows, 'other schemas').map(({ name }) => name);
}

/**
 * The other schema numbers its types itself, so its own numbers are used.
 * @returns places in `payloads` that have a row with their key there, live or not
 */
export function findInSchema(
  database: Database,
  schema: string,
  payloads: readonly PayloadKey[],
): Promise<ReadonlySet<number>> {
  return database.readOnly(async (run) => {
    const found = new Set<number>();
    for (const [id, type] of await queryResourceTypes(run, schema)) {
      const places = payloads.flatMap(({ typeId }, place) => (typeId === id ? [place] : []));
      if (places.length === 0) continue;
      const ofType = places.map((place) => payloads[place]).filter((payload) => payload !== undefined);
      for (const n of await findOfType(run, schema, type, ofType)) {
        const place = places[n - 1];
        if (place !== undefined) found.add(place);
      }
    }
    return found;
  });
}

async function findOfType(
  run: RunStatement,
  schema: string,
  type: ResourceType,
  payloads: readonly PayloadKey[],
): Promise<readonly number[]> {
  const { resources, logicalResources } = typeTables(schema, type);
  const rows = await run(
    `with b as materialized (
  select n, id, v, k from unnest($1::text[], $2::int[], $3::text[]) with ordinality as u(id, v, k, n)
), have as materialized (
  select i.id, r.version_id as v, r.resource_payload_key as k
    from (select distinct id from b) i
    join ${logicalResources} lr on lr.logical_id = i.id
    join ${resources} r on r.logical_resource_id = lr.logical_resource_id
)
select distinct b.n::int as n from b join have h on h.id = b.id and h.v = b.v and h.k = b.k`,
    [
      payloads.map(({ logicalId }) => logicalId),
      payloads.map(({ version }) => version),
      payloads.map(({ key }) => key),
    ],
  );
  return readRows(z.object({ n: z.int() }), rows, 'payloads of another schema').map(({ n }) => n);
}
