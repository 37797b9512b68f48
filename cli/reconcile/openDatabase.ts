import { readFile } from 'node:fs/promises';
import { readDatabaseProperties } from '../../src/payloads/configuration/databaseProperties';
import type { Environment } from '../../src/payloads/configuration/environmentReferences';
import { InvalidConfiguration } from '../../src/payloads/configuration/invalidConfiguration';
import type { PostgresSettings } from '../../src/payloads/configuration/postgresSettings';
import type { Database } from '../../src/payloads/database/database';
import { DatabaseFailure } from '../../src/payloads/database/databaseFailure';
import type { FhirDatabase } from '../../src/payloads/database/fhirDatabase';
import { openPostgres } from '../../src/payloads/database/postgresDatabase';
import { createPostgresFhirDatabase } from '../../src/payloads/database/postgresFhirDatabase';
import type { SslMode } from '../../src/payloads/database/postgresTls';
import type { DatabaseOption } from './commandLine';
import type { Console } from './console';
import { openDerby } from './derby/derbyBridge';
import { derbyFhirDatabase } from './derby/derbyFhirDatabase';
import { derbyClassPath } from './derby/derbyJars';

/**
 * @throws InvalidConfiguration
 * @throws DatabaseFailure
 * @throws DerbyFailure
 */
export async function openDatabase(
  { propertiesFile, type }: DatabaseOption,
  environment: Environment,
  { tell }: Console,
): Promise<FhirDatabase> {
  const settings = await readDatabaseProperties(propertiesFile, type);
  switch (settings.kind) {
    case 'derby': {
      const classPath = await derbyClassPath(environment, tell);
      return derbyFhirDatabase(await openDerby(settings, classPath, environment), settings);
    }
    case 'postgresql': {
      for (const key of settings.ignored) tell(`WARNING: ${propertiesFile}: ${key} has no meaning here`);
      const { host, port, database: name, schema } = settings;
      const description = `PostgreSQL ${host}:${port}/${name}, schema ${schema}`;
      return createPostgresFhirDatabase(await connect(settings, propertiesFile, tell), { schema, description });
    }
  }
}

async function connect(settings: PostgresSettings, propertiesFile: string, tell: Console['tell']): Promise<Database> {
  const { host, port, database, user, password, sslMode, rootCertificateFile } = settings;
  const certificate =
    rootCertificateFile === undefined ? undefined : await readCertificate(rootCertificateFile, propertiesFile);
  const open = (mode: SslMode): Database =>
    openPostgres({
      connection: {
        ...{ host, port, database, user, sslMode: mode },
        ...(password === undefined ? {} : { password }),
        ...(certificate === undefined ? {} : { sslRootCertificate: certificate }),
      },
    });
  if (sslMode !== 'prefer') return open(sslMode);
  const encrypted = open('require');
  try {
    await encrypted.readOnly((run) => run('select 1'));
    return encrypted;
  } catch (error) {
    await encrypted.close();
    if (!(error instanceof DatabaseFailure) || error.code !== 'tls') throw error;
    tell(
      'WARNING: the connection to the database is not encrypted, because the server does not offer it (sslmode=prefer)',
    );
    return open('disable');
  }
}

async function readCertificate(path: string, propertiesFile: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    throw new InvalidConfiguration(propertiesFile, 'sslrootcert', `expected a PEM file, but ${path} cannot be read`);
  }
}
