import { readFile } from 'node:fs/promises';
import { parse } from 'dot-properties';
import { derbySettings, type DerbySettings } from './derbySettings';
import { InvalidConfiguration } from './invalidConfiguration';
import type { Properties } from './properties';
import { postgresSettings, type PostgresSettings } from './postgresSettings';
import { whyUnreadable } from './serverConfiguration';

/** Where the database of a tenant and datasource is, and how to connect to it. */
export type DatabaseSettings = PostgresSettings | DerbySettings;

/**
 * Reads a Java .properties file with the connection of the database, as `--db-properties` of the FHIR server's tools.
 * Its encoding is ISO 8859-1 with `\uXXXX` escapes, which is how Java reads it.
 * @throws InvalidConfiguration
 */
export async function readDatabaseProperties(file: string, type: DatabaseSettings['kind']): Promise<DatabaseSettings> {
  const properties = parseProperties(await readText(file));
  switch (type) {
    case 'postgresql':
      return postgresSettings(file, properties);
    case 'derby':
      return derbySettings(file, properties);
  }
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'latin1');
  } catch (error) {
    throw new InvalidConfiguration(file, undefined, `expected database properties, but ${whyUnreadable(error)}`);
  }
}

/** Like in Java, the last of several values of a key counts. */
function parseProperties(text: string): Properties {
  const entries = Object.entries(parse(text));
  return new Map(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}
