import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseJson } from '../../http/json';
import { substituteEnvironment, UnusableVariable, type Environment } from './environmentReferences';
import { InvalidConfiguration } from './invalidConfiguration';

const FILE_NAME = 'fhir-server-config.json';

/** What the FHIR server takes as the id of a tenant or of a datasource. It becomes part of a path. */
export const CONFIGURATION_ID = /^[a-zA-Z0-9_-]+$/;

/** @returns the path of a tenant's file under `--fhir-config-dir` */
export function tenantFile(configDir: string, tenantId: string): string {
  if (!CONFIGURATION_ID.test(tenantId)) throw new RangeError('A tenant id is letters, digits, _ and -');
  return join(configDir, 'config', tenantId, FILE_NAME);
}

/**
 * @returns the JSON of the file, with environment variables in place
 * @throws InvalidConfiguration
 */
export async function readServerConfiguration(file: string, environment: Environment): Promise<unknown> {
  const json = parseJson(substitute(file, await readText(file), environment));
  if (json === undefined) throw new InvalidConfiguration(file, undefined, 'expected JSON, and it is not');
  return json;
}

async function readText(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).replace(/^\uFEFF/, '');
  } catch (error) {
    throw new InvalidConfiguration(
      file,
      undefined,
      `expected the configuration of a tenant, but ${whyUnreadable(error)}`,
    );
  }
}

function substitute(file: string, text: string, environment: Environment): string {
  try {
    return substituteEnvironment(text, environment);
  } catch (error) {
    if (error instanceof UnusableVariable) throw new InvalidConfiguration(file, undefined, error.message);
    throw error;
  }
}

/** @returns the end of a sentence that tells why a file could not be read */
export function whyUnreadable(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'unknown error';
  return code === 'ENOENT' ? 'there is no such file' : `it cannot be read (${code})`;
}
