import { BlobServiceClient } from '@azure/storage-blob';
import { databasePassword } from './identity/databasePassword';
import { managedIdentity } from './identity/managedIdentity';
import type { StorageAccount } from './identity/storageAccount';
import { readDatabaseProperties } from './payloads/configuration/databaseProperties';
import { InvalidConfiguration } from './payloads/configuration/invalidConfiguration';
import { listPayloadDatasources } from './payloads/configuration/payloadDatasources';
import { postgresConnection } from './payloads/configuration/postgresConnection';
import { createPayloadContainer } from './payloads/container/azureContainer';
import { createQuarantineContainer } from './payloads/container/quarantine';
import type { Database } from './payloads/database/database';
import { openPostgres, type PostgresConnection } from './payloads/database/postgresDatabase';
import { createPostgresFhirDatabase } from './payloads/database/postgresFhirDatabase';
import type { PayloadStore } from './payloads/payloadStore';
import { createReconcile, type Reconcile } from './reconcile';
import type { ReconcileSettings } from './reconcileSettings';
import { SettingsError } from './settings';
import type { Telemetry } from './telemetry/telemetry';

/** The queue of the messages that say what of a run is to be worked on. */
export const RECONCILE_SLICES = 'reconcile-slices';

/** The part of the composition root that is about Reconcile: settings -> clients -> service. Its table is there afterwards. */
export async function buildReconcile(
  settings: ReconcileSettings,
  storage: StorageAccount,
  telemetry: Telemetry,
): Promise<Reconcile> {
  const { TABLE_PREFIX } = settings;
  const runsTable = storage.table(`${TABLE_PREFIX}ReconcileRuns`);
  await runsTable.createTable();
  const reports = storage.container('reconcile-reports');
  const slices = storage.queue(RECONCILE_SLICES);
  const poison = storage.queue('reconcile-slices-poison');
  const connection = await databaseConnection(settings);
  const places = await storePlaces(settings);
  requireQuarantinesApart(places);
  const stores = places.map((place) => payloadStore(settings, place, connection));
  return createReconcile(settings, { stores, runsTable, reports, slices, poison }, telemetry);
}

/** @throws SettingsError for a quarantine that is the container of somebody's payloads: what is in quarantine is deleted in the end */
function requireQuarantinesApart(places: readonly StorePlace[]): void {
  const containers = new Set(places.map(({ account, container }) => `${account.url}/${container}`));
  const wrong = places.find(({ account, quarantine }) => containers.has(`${account.url}/${quarantine ?? ''}`));
  if (wrong !== undefined)
    throw new SettingsError([
      `PAYLOAD_STORES: the quarantine ${wrong.quarantine ?? ''} is also a container of payloads; expected one of its own`,
    ]);
}

/** Where one tenant and datasource has its payloads and its rows. */
interface StorePlace {
  readonly tenantId: string;
  readonly dsId: string;
  readonly account: BlobServiceClient;
  readonly container: string;
  readonly quarantine: string | undefined;
  readonly schema: string | undefined;
}

/** @throws InvalidConfiguration for a file of the FHIR server that cannot be used */
async function storePlaces(settings: ReconcileSettings): Promise<readonly StorePlace[]> {
  const { FHIR_CONFIG_DIR: configDir, PAYLOAD_STORES: stores = {} } = settings;
  if (configDir !== undefined) return configuredPlaces(configDir);
  const account = payloadAccount(settings);
  return Object.entries(stores).map(([key, store]) => {
    const [tenantId = '', dsId = ''] = key.split('/');
    return { tenantId, dsId, account, quarantine: undefined, schema: undefined, ...store };
  });
}

async function configuredPlaces(configDir: string): Promise<readonly StorePlace[]> {
  return (await listPayloadDatasources(configDir, process.env)).map((datasource) => {
    if (datasource.kind === 'unusable') throw new InvalidConfiguration(configDir, undefined, datasource.problem);
    const { tenantId, dsId, connectionString, containerName: container } = datasource.configuration;
    const account = BlobServiceClient.fromConnectionString(connectionString);
    return { tenantId, dsId, account, container, quarantine: `${container}-quarantine`, schema: undefined };
  });
}

interface ReconcileDatabase {
  readonly database: Database;
  readonly name: string;
  readonly schema: string;
}

function payloadStore(
  { RECONCILE_DELETES: deletes }: ReconcileSettings,
  { tenantId, dsId, account, container, quarantine, schema }: StorePlace,
  { database, name, schema: defaultSchema }: ReconcileDatabase,
): PayloadStore {
  const payloads = account.getContainerClient(container);
  const ofTenant = schema ?? defaultSchema;
  const description = `${name}, schema ${ofTenant}`;
  return {
    tenantId,
    dsId,
    container: createPayloadContainer(payloads, { deletes }),
    database: createPostgresFhirDatabase(database, { schema: ofTenant, description }),
    ...(quarantine !== undefined && {
      quarantine: createQuarantineContainer({ payloads, quarantine: account.getContainerClient(quarantine) }),
    }),
  };
}

function payloadAccount({ PAYLOAD_STORAGE, PAYLOAD_STORAGE_URL, IDENTITY_CLIENT_ID }: ReconcileSettings) {
  if (PAYLOAD_STORAGE !== undefined) return BlobServiceClient.fromConnectionString(PAYLOAD_STORAGE);
  return new BlobServiceClient(PAYLOAD_STORAGE_URL ?? '', managedIdentity(IDENTITY_CLIENT_ID));
}

const DEFAULT_SCHEMA = 'fhirdata';

/** @throws InvalidConfiguration for a properties file that cannot be used */
async function databaseConnection(settings: ReconcileSettings): Promise<ReconcileDatabase> {
  const { FHIR_DATABASE_PROPERTIES: file } = settings;
  if (file === undefined) {
    const connection = connectionOf(settings);
    return {
      database: openPostgres({ connection }),
      name: `${connection.host}/${connection.database}`,
      schema: DEFAULT_SCHEMA,
    };
  }
  const read = await readDatabaseProperties(file, 'postgresql');
  if (read.kind !== 'postgresql') throw new TypeError('The properties were read as of PostgreSQL');
  const connection = await postgresConnection(read, file);
  return { database: openPostgres({ connection }), name: `${read.host}/${read.database}`, schema: read.schema };
}

function connectionOf(settings: ReconcileSettings): PostgresConnection {
  const { FHIR_DATABASE_PASSWORD: password, FHIR_DATABASE_CA: sslRootCertificate } = settings;
  const isIdentity = settings.FHIR_DATABASE_AUTH === 'managed-identity';
  const secret = isIdentity ? databasePassword(managedIdentity(settings.IDENTITY_CLIENT_ID)) : password;
  return {
    host: settings.FHIR_DATABASE_HOST ?? '',
    port: settings.FHIR_DATABASE_PORT,
    database: settings.FHIR_DATABASE_NAME,
    user: settings.FHIR_DATABASE_USER ?? '',
    sslMode: settings.FHIR_DATABASE_SSL,
    ...(secret !== undefined && { password: secret }),
    ...(sslRootCertificate !== undefined && { sslRootCertificate }),
  };
}
