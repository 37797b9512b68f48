import { z } from 'zod';
import { CONTAINER_NAME_RULE, isContainerName } from './payloads/configuration/containerName';
import { checkSettings, describeSchema, settingsSchema, type SettingDescription } from './settings';
import { parseJson } from './http/json';
import { flag, wholeNumber } from './settingValues';

/** Every app setting of Reconcile. An installation without Reconcile sets none of them. */

const EXAMPLE = '{"default/default":{"container":"fhir-payload","schema":"fhirdata"}}';

const store = z.strictObject({
  container: z.string().refine(isContainerName, `expected ${CONTAINER_NAME_RULE}`),
  schema: z.string().min(1).optional(),
  quarantine: z.string().refine(isContainerName, `expected ${CONTAINER_NAME_RULE}`).optional(),
});

/** Where the payloads of one tenant and datasource are, and in which schema their rows. */
export type ConfiguredStore = z.output<typeof store>;

const stores = z.string().transform((text, context): Readonly<Record<string, ConfiguredStore>> => {
  const parsed = z.record(z.string().regex(/^[\w-]+\/[\w-]+$/), store).safeParse(parseJson(text));
  if (parsed.success && Object.keys(parsed.data).length > 0) return parsed.data;
  context.addIssue({
    code: 'custom',
    message: `expected a JSON object from tenant/datasource to container and schema, such as ${EXAMPLE}`,
  });
  return z.NEVER;
});

const schema = z.object({
  PAYLOAD_STORES: stores
    .optional()
    .describe(
      `JSON object from tenant/datasource to the container of its payloads, the schema of its rows (default fhirdata) and, where runs may quarantine, the container for that, such as ${EXAMPLE}. Without it and FHIR_CONFIG_DIR Reconcile is off.`,
    ),
  FHIR_CONFIG_DIR: z
    .string()
    .optional()
    .describe(
      'Folder of the FHIR server with config/TENANT/fhir-server-config.json, in place of PAYLOAD_STORES and PAYLOAD_STORAGE: its containers, with CONTAINER-quarantine for quarantine.',
    ),
  FHIR_DATABASE_PROPERTIES: z
    .string()
    .optional()
    .describe('File database.properties of the FHIR server, in place of the other settings FHIR_DATABASE_....'),
  PAYLOAD_STORAGE: z
    .string()
    .optional()
    .describe('Connection string of the storage account with the payloads; use a Key Vault reference.'),
  PAYLOAD_STORAGE_URL: z
    .url({ protocol: /^https$/, error: 'expected an absolute https URL' })
    .optional()
    .describe(
      'URL of the blob service with the payloads, reached with the managed identity, instead of PAYLOAD_STORAGE.',
    ),
  FHIR_DATABASE_HOST: z
    .string()
    .optional()
    .describe('Host name of the PostgreSQL server of the FHIR server: the primary.'),
  FHIR_DATABASE_PORT: wholeNumber(5432, 1, 65_535).describe('Port of the PostgreSQL server.'),
  FHIR_DATABASE_NAME: z.string().default('fhirdb').describe('Name of the database.'),
  FHIR_DATABASE_USER: z
    .string()
    .optional()
    .describe('Role that Reconcile reads as: USAGE on the schema and SELECT on its tables are enough.'),
  FHIR_DATABASE_AUTH: z
    .enum(['password', 'managed-identity'], 'expected password or managed-identity')
    .default('password')
    .describe('How Reconcile shows the database who it is.'),
  FHIR_DATABASE_PASSWORD: z
    .string()
    .optional()
    .describe('Password of the role (FHIR_DATABASE_AUTH=password); use a Key Vault reference.'),
  FHIR_DATABASE_SSL: z
    .enum(['disable', 'require', 'verify-ca', 'verify-full'], 'expected disable, require, verify-ca or verify-full')
    .default('verify-full')
    .describe('TLS to the database, in the words of libpq.'),
  FHIR_DATABASE_CA: z
    .string()
    .optional()
    .describe('Certificates (PEM) that the server of the database is checked against, instead of the public ones.'),
  RECONCILE_PAGE_SIZE: wholeNumber(5000, 1, 5000).describe('Names of one page of the listing.'),
  RECONCILE_FAN_OUT: flag(true).describe(
    'false: the names of a container are walked one page after the other, for accounts that do not list them in order.',
  ),
  RECONCILE_DELETES: z
    .enum(['single', 'batch'], 'expected single or batch')
    .default('single')
    .describe('batch: up to 256 deletes in one request; not for accounts with versioning or hierarchical namespace.'),
  RECONCILE_MAX_ORPHAN_PERCENT: wholeNumber(10, 1, 100).describe(
    'Part of the payloads, in percent, beyond which a run does not delete.',
  ),
  RECONCILE_MAX_ORPHANS: wholeNumber(10_000, 1, 1_000_000_000).describe(
    'Number of orphans beyond which a run does not delete.',
  ),
  RECONCILE_DRAIN_SECONDS: wholeNumber(60, 0, 240).describe(
    'Seconds that a run waits at its start for open transactions of the database to end.',
  ),
  QUARANTINE_RETENTION_DAYS: wholeNumber(30, 1, 3650).describe(
    'Days that payloads stay in quarantine. They may hold what someone ordered destroyed.',
  ),
  RECONCILE_SWEEP_SCHEDULE: z
    .string()
    .regex(/^(\S+\s+){5}\S+$/, 'expected six NCRONTAB fields, such as 0 */15 * * * *')
    .default('0 */15 * * * *')
    .describe(
      'When sweep-reconcile runs: it takes up abandoned runs and ends the quarantine. Six NCRONTAB fields, UTC. Must be set: the binding reads it.',
    ),
});

/** Settings that Cast reads as well. */
const shared = settingsSchema.pick({
  TABLE_PREFIX: true,
  IDENTITY_CLIENT_ID: true,
  FUNCTION_TIMEOUT_SECONDS: true,
  APPLICATIONINSIGHTS_CONNECTION_STRING: true,
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: true,
  TRACE_SAMPLING_PERCENT: true,
});

export type ReconcileSettings = z.output<typeof schema> & z.output<typeof shared>;

/** Whether the installation has Reconcile at all. */
export function isReconcileOn({ PAYLOAD_STORES, FHIR_CONFIG_DIR }: ReconcileSettings): boolean {
  return PAYLOAD_STORES !== undefined || FHIR_CONFIG_DIR !== undefined;
}

/** @throws SettingsError naming every wrong setting at once */
export function readReconcileSettings(environment: Readonly<Record<string, string | undefined>>): ReconcileSettings {
  return checkSettings(schema.extend(shared.shape), environment, (given) =>
    given.PAYLOAD_STORES === undefined && given.FHIR_CONFIG_DIR === undefined ? [] : missing(given),
  );
}

/** Every setting of Reconcile alone, in the order of the schema. */
export function describeReconcileSettings(): readonly SettingDescription[] {
  return describeSchema(schema);
}

type Given = Readonly<Record<string, string | undefined>>;

/** What Reconcile needs once it is on, or says twice. */
function missing(given: Given): readonly string[] {
  const both = (first: string, second: string): readonly string[] =>
    given[first] !== undefined && given[second] !== undefined
      ? [`${second}: expected nothing, because ${first} is set`]
      : [];
  return [
    ...both('FHIR_CONFIG_DIR', 'PAYLOAD_STORES'),
    ...both('FHIR_DATABASE_PROPERTIES', 'FHIR_DATABASE_HOST'),
    ...(given.FHIR_CONFIG_DIR === undefined ? missingStorage(given) : []),
    ...(given.FHIR_DATABASE_PROPERTIES === undefined ? missingDatabase(given) : []),
  ];
}

function missingStorage(given: Given): readonly string[] {
  return given.PAYLOAD_STORAGE === undefined && given.PAYLOAD_STORAGE_URL === undefined
    ? ['PAYLOAD_STORAGE: is needed with PAYLOAD_STORES, or PAYLOAD_STORAGE_URL']
    : [];
}

function missingDatabase(given: Given): readonly string[] {
  const needed = ['FHIR_DATABASE_HOST', 'FHIR_DATABASE_USER'];
  if (given.FHIR_DATABASE_AUTH !== 'managed-identity') needed.push('FHIR_DATABASE_PASSWORD');
  return needed
    .filter((name) => given[name] === undefined)
    .map((name) => `${name}: is needed by Reconcile, or FHIR_DATABASE_PROPERTIES`);
}
