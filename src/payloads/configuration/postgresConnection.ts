import { readFile } from 'node:fs/promises';
import type { PostgresConnection } from '../database/postgresDatabase';
import { InvalidConfiguration } from './invalidConfiguration';
import type { PostgresSettings } from './postgresSettings';

/**
 * What the pool needs for the settings of a properties file, with the certificate that they name.
 * @throws InvalidConfiguration when it cannot be read
 */
export async function postgresConnection(
  { host, port, database, user, password, sslMode, rootCertificateFile }: PostgresSettings,
  propertiesFile: string,
): Promise<PostgresConnection> {
  const certificate =
    rootCertificateFile === undefined ? undefined : await readCertificate(rootCertificateFile, propertiesFile);
  return {
    ...{ host, port, database, user, sslMode },
    ...(password !== undefined && { password }),
    ...(certificate !== undefined && { sslRootCertificate: certificate }),
  };
}

async function readCertificate(path: string, propertiesFile: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    throw new InvalidConfiguration(propertiesFile, 'sslrootcert', `expected a PEM file, but ${path} cannot be read`);
  }
}
