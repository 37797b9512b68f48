import { z } from 'zod';
import { readRows, type Database } from './database';
import { queryResourceTypes, type ResourceType } from './resourceTypes';

/** Rows per type as the statistics of the last ANALYZE estimate them; types that were never analyzed are left out. */
export function readEstimatedRows(database: Database, schema: string): Promise<ReadonlyMap<number, number>> {
  return database.readOnly(async (run) => {
    const types = await queryResourceTypes(run, schema);
    const rows = await run(
      `select c.relname as name, c.reltuples::float8 as rows from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = $1 and c.reltuples >= 0`,
      [schema],
    );
    const estimates = new Map(
      readRows(z.object({ name: z.string(), rows: z.number() }), rows, 'estimates').map((row) => [row.name, row.rows]),
    );
    return new Map(
      [...types].flatMap(([id, { name }]): readonly [number, number][] => {
        const estimate = estimates.get(`${name.toLowerCase()}_resources`);
        return estimate === undefined ? [] : [[id, estimate]];
      }),
    );
  });
}

/** Some hundred values at equal distances in the order of the database; empty without statistics. */
export async function readLogicalIdBounds(
  database: Database,
  schema: string,
  type: ResourceType,
): Promise<readonly string[]> {
  const rows = await database.readOnly((run) =>
    run(
      `select histogram_bounds::text::text[] as bounds from pg_stats
  where schemaname = $1 and tablename = $2 and attname = 'logical_id' and not inherited and histogram_bounds is not null`,
      [schema, `${type.name.toLowerCase()}_logical_resources`],
    ),
  );
  return readRows(z.object({ bounds: z.array(z.string()) }), rows, 'statistics').flatMap(({ bounds }) => bounds);
}
