import { InvalidDatabaseAnswer, quoteIdentifier } from '../../../src/payloads/database/database';
import type { ResourceType } from '../../../src/payloads/database/resourceTypes';
import type { DerbyBridge } from './derbyBridge';
import { integerOf, textOf } from './derbyValues';

/** The server's statements have no quotes around names, which makes them upper case in the catalogue of Derby. */
export function tableOf(schema: string, typeName: string, suffix: '_RESOURCES' | '_LOGICAL_RESOURCES'): string {
  return `${quoteIdentifier(schema)}.${quoteIdentifier(`${typeName.toUpperCase()}${suffix}`)}`;
}

/** @returns schemas with the tables of a FHIR server */
export async function schemasOfServers(derby: DerbyBridge): Promise<readonly string[]> {
  const [rows = []] = await derby.query(
    `select s.schemaname from sys.sysschemas s join sys.systables t on t.schemaid = s.schemaid
      where t.tablename = 'RESOURCE_TYPES' and t.tabletype = 'T' order by s.schemaname`,
    [[]],
  );
  return rows.map(([name]) => textOf(name));
}

/**
 * The types whose tables exist, by their id.
 * @throws InvalidDatabaseAnswer when there is not one
 */
export async function readDerbyTypes(derby: DerbyBridge, schema: string): Promise<ReadonlyMap<number, ResourceType>> {
  const schemas = await schemasOfServers(derby);
  if (!schemas.includes(schema))
    throw new InvalidDatabaseAnswer(
      `The schema "${schema}" has no table RESOURCE_TYPES; schemas that have one: ${schemas.join(', ') || 'none'}`,
    );
  const [tables = []] = await derby.query(
    'select t.tablename from sys.systables t join sys.sysschemas s on s.schemaid = t.schemaid where s.schemaname = ?',
    [[schema]],
  );
  const names = new Set(tables.map(([name]) => textOf(name)));
  const [rows = []] = await derby.query(
    `select resource_type_id, resource_type from ${quoteIdentifier(schema)}.RESOURCE_TYPES`,
    [[]],
  );
  const hasTables = ({ name }: ResourceType): boolean =>
    names.has(`${name.toUpperCase()}_RESOURCES`) && names.has(`${name.toUpperCase()}_LOGICAL_RESOURCES`);
  const types = rows.map(([id, name]) => ({ id: integerOf(id), name: textOf(name) })).filter(hasTables);
  if (types.length === 0) throw new InvalidDatabaseAnswer('The schema has no resource type with tables');
  return new Map(types.map((type) => [type.id, type]));
}
