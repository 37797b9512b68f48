import { z } from 'zod';
import { InvalidDatabaseAnswer, quoteIdentifier, readRows, type Database, type RunStatement } from './database';
import { DatabaseFailure } from './databaseFailure';

export interface ResourceType {
  readonly id: number;
  readonly name: string;
}

/**
 * The types whose tables exist, by their id. Abstract and retired types have no tables whatever the column `retired` says, so their blobs count as of an unknown type.
 * @throws InvalidDatabaseAnswer when there is not one: such a schema says nothing of any blob
 * @throws DatabaseFailure when the role may not read all of the tables
 */
export function readResourceTypes(database: Database, schema: string): Promise<ReadonlyMap<number, ResourceType>> {
  return database.readOnly(async (run) => {
    const types = await queryResourceTypes(run, schema);
    if (types.size === 0) throw new InvalidDatabaseAnswer('The schema has no resource type with tables');
    return types;
  });
}

const typeRow = z.object({ id: z.int(), name: z.string(), is_readable: z.boolean() });

/** As `readResourceTypes`, within a transaction; also none. */
export async function queryResourceTypes(
  run: RunStatement,
  schema: string,
): Promise<ReadonlyMap<number, ResourceType>> {
  const rows = await run(
    `select id, name, has_any_column_privilege(versions, 'select') and has_any_column_privilege(resources, 'select') as is_readable
  from (select resource_type_id as id, resource_type as name,
          to_regclass(format('%I.%I', $1::text, lower(resource_type) || '_resources')) as versions,
          to_regclass(format('%I.%I', $1::text, lower(resource_type) || '_logical_resources')) as resources
          from ${quoteIdentifier(schema)}.resource_types) t
 where versions is not null and resources is not null`,
    [schema],
  );
  const types = readRows(typeRow, rows, 'resource types');
  const hidden = types.filter((type) => !type.is_readable).map(({ name }) => name);
  if (hidden.length > 0)
    throw new DatabaseFailure('no-rights', `SELECT is missing on the tables of: ${hidden.join(', ')}`);
  return new Map(types.map(({ id, name }) => [id, { id, name }]));
}
