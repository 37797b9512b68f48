import { BlobServiceClient } from '@azure/storage-blob';
import { databasePassword } from './identity/databasePassword';
import { managedIdentity } from './identity/managedIdentity';
import type { StorageAccount } from './identity/storageAccount';
import { createPayloadContainer } from './payloads/container/azureContainer';
import { createQuarantineContainer } from './payloads/container/quarantine';
import { openPostgres, type PostgresConnection } from './payloads/database/postgresDatabase';
import { createPostgresFhirDatabase } from './payloads/database/postgresFhirDatabase';
import type { PayloadStore } from './payloads/payloadStore';
import { createReconcile, type Reconcile } from './reconcile';
import type { ReconcileSettings } from './reconcileSettings';
import type { Telemetry } from './telemetry/telemetry';

/** The part of the composition root that is about Reconcile: settings -> clients -> service. Its table is there afterwards. */
export async function buildReconcile(
  settings: ReconcileSettings,
  storage: StorageAccount,
  telemetry: Telemetry,
): Promise<Reconcile> {
  const runsTable = storage.table(`${settings.TABLE_PREFIX}ReconcileRuns`);
  await runsTable.createTable();
  const reports = storage.container('reconcile-reports');
  const slices = storage.queue('reconcile-slices');
  return createReconcile(settings, { stores: payloadStores(settings), runsTable, reports, slices }, telemetry);
}

function payloadStores(settings: ReconcileSettings): readonly PayloadStore[] {
  const { FHIR_DATABASE_HOST: host, FHIR_DATABASE_NAME: name, RECONCILE_DELETES: deletes } = settings;
  const database = openPostgres({ connection: databaseConnection(settings) });
  const account = payloadAccount(settings);
  return Object.entries(settings.PAYLOAD_STORES ?? {}).map(([key, { container, schema, quarantine }]) => {
    const [tenantId = '', dsId = ''] = key.split('/');
    const payloads = account.getContainerClient(container);
    const description = `${host ?? ''}/${name}, schema ${schema}`;
    return {
      tenantId,
      dsId,
      container: createPayloadContainer(payloads, { deletes }),
      database: createPostgresFhirDatabase(database, { schema, description }),
      ...(quarantine !== undefined && {
        quarantine: createQuarantineContainer({ payloads, quarantine: account.getContainerClient(quarantine) }),
      }),
    };
  });
}

function payloadAccount({ PAYLOAD_STORAGE, PAYLOAD_STORAGE_URL, IDENTITY_CLIENT_ID }: ReconcileSettings) {
  if (PAYLOAD_STORAGE !== undefined) return BlobServiceClient.fromConnectionString(PAYLOAD_STORAGE);
  return new BlobServiceClient(PAYLOAD_STORAGE_URL ?? '', managedIdentity(IDENTITY_CLIENT_ID));
}

function databaseConnection(settings: ReconcileSettings): PostgresConnection {
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
