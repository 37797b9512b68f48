import { resolve } from 'node:path';
import { InvalidConfiguration } from './invalidConfiguration';
import { requiredProperty, type Properties } from './properties';

export interface DerbySettings {
  readonly kind: 'derby';
  /** absolute */
  readonly folder: string;
  readonly schema: string;
  readonly user: string | undefined;
  /** a secret */
  readonly password: string | undefined;
  /** what an encrypted database needs to be opened; secrets */
  readonly encryption: Readonly<Record<string, string>>;
}

const DEFAULT_SCHEMA = 'APP';
const ENCRYPTION = ['bootPassword', 'encryptionAlgorithm', 'encryptionKey', 'encryptionProvider'];
const USED = new Set(['db.database', 'db.default.schema', 'user', 'password', ...ENCRYPTION]);

/**
 * Attributes that make, upgrade or restore a database are refused: what a scan is compared with is the server's database as it is.
 * @throws InvalidConfiguration
 */
export function derbySettings(file: string, properties: Properties): DerbySettings {
  if (isYes(properties.get('db.create')))
    throw new InvalidConfiguration(
      file,
      'db.create',
      'expected N: every payload is an orphan to a database that is new',
    );
  if (isYes(properties.get('db.derby.memory')))
    throw new InvalidConfiguration(
      file,
      'db.derby.memory',
      'expected N: a database in memory is only in the process of its server',
    );
  const unknown = [...properties.keys()].find((key) => !key.startsWith('db.') && !USED.has(key));
  if (unknown !== undefined)
    throw new InvalidConfiguration(file, unknown, `not supported; expected one of ${[...USED].join(', ')}`);
  const folder = requiredProperty(file, properties, 'db.database', 'the folder of the Derby database');
  // What follows a semicolon would be attributes of the connection, such as one that creates the database.
  if (folder.includes(';'))
    throw new InvalidConfiguration(file, 'db.database', 'expected a folder without ; in its name');
  return {
    kind: 'derby',
    folder: resolve(folder),
    schema: properties.get('db.default.schema')?.trim() ?? DEFAULT_SCHEMA,
    user: properties.get('user'),
    password: properties.get('password'),
    encryption: Object.fromEntries(
      ENCRYPTION.flatMap((key) => {
        const value = properties.get(key);
        return value === undefined ? [] : [[key, value]];
      }),
    ),
  };
}

function isYes(value: string | undefined): boolean {
  return value !== undefined && ['y', 'yes', 'true'].includes(value.trim().toLowerCase());
}
