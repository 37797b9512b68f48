import { quoteIdentifier } from './database';
import type { ResourceType } from './resourceTypes';

/** The two tables of a resource type, quoted with their schema. Names are in lower case in the catalogue. */
export interface TypeTables {
  readonly resources: string;
  readonly logicalResources: string;
}

export function typeTables(schema: string, { name }: ResourceType): TypeTables {
  const qualified = (suffix: string): string =>
    `${quoteIdentifier(schema)}.${quoteIdentifier(`${name.toLowerCase()}${suffix}`)}`;
  return { resources: qualified('_resources'), logicalResources: qualified('_logical_resources') };
}
