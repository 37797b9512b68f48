import { InvalidDatabaseAnswer, quoteIdentifier, type Database } from './database';

export interface ResourceType {
  readonly id: number;
  readonly name: string;
}

/**
 * The types whose tables exist, by their id. Abstract and retired types have no tables whatever the column `retired` says, so their blobs count as of an unknown type.
 * @throws InvalidDatabaseAnswer when there is not one: such a schema says nothing of any blob
 */
export async function readResourceTypes(
  database: Database,
  schema: string,
): Promise<ReadonlyMap<number, ResourceType>> {
  const rows = await database.readOnly((run) =>
    run(
      `select resource_type_id as id, resource_type as name from ${quoteIdentifier(schema)}.resource_types
        where to_regclass(format('%I.%I', $1::text, lower(resource_type) || '_resources')) is not null
          and to_regclass(format('%I.%I', $1::text, lower(resource_type) || '_logical_resources')) is not null`,
      [schema],
    ),
  );
  const types = new Map<number, ResourceType>();
  for (const { id, name } of rows) {
    if (typeof id !== 'number' || typeof name !== 'string')
      throw new InvalidDatabaseAnswer('A resource type is not an integer and a name');
    types.set(id, { id, name });
  }
  if (types.size === 0) throw new InvalidDatabaseAnswer('The schema has no resource type with tables');
  return types;
}
