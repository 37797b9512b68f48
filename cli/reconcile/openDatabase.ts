import { readDatabaseProperties } from '../../src/payloads/configuration/databaseProperties';
import type { Environment } from '../../src/payloads/configuration/environmentReferences';
import { postgresConnection } from '../../src/payloads/configuration/postgresConnection';
import type { FhirDatabase } from '../../src/payloads/database/fhirDatabase';
import { openPostgres } from '../../src/payloads/database/postgresDatabase';
import { createPostgresFhirDatabase } from '../../src/payloads/database/postgresFhirDatabase';
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
      if (settings.sslMode === 'prefer')
        tell('WARNING: without sslmode=require or better the connection to the database may not be encrypted');
      const connection = await postgresConnection(settings, propertiesFile);
      const { host, port, database: name, schema } = settings;
      const description = `PostgreSQL ${host}:${port}/${name}, schema ${schema}`;
      return createPostgresFhirDatabase(openPostgres({ connection }), { schema, description });
    }
  }
}
