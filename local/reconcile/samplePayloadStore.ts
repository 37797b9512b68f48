import { BlobServiceClient } from '@azure/storage-blob';
import type { RunningAzurite } from '../azurite/azurite';
import { LOST_PAYLOADS, samplePayloads, sampleRows, sampleTables } from '../samples/reconcile/samplePayloads';
import type { EmbeddedDatabase } from './embeddedDatabase';

/** A FHIR server's database and payload container with orphans among its payloads, for Reconcile to find. */
export interface SamplePayloadStore {
  readonly payloads: number;
  /** app settings that lead Reconcile here */
  readonly settings: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

const CONTAINER = 'sample-payloads';
/** The server is to have stored everything a month ago, and to be in use: what is new is left alone. */
const STORED_DAYS_AGO = 30;
const DAY_MS = 86_400_000;
const UPLOADS_AT_ONCE = 16;

/** @param database empty; it is stopped with the store */
export async function startSamplePayloadStore(
  azurite: RunningAzurite,
  database: EmbeddedDatabase,
): Promise<SamplePayloadStore> {
  try {
    await database.run(sampleTables());
    await database.run(sampleRows());
    await database.run(AS_OF_LAST_MONTH);
    const payloads = await storePayloads(azurite);
    return { payloads, settings: settingsOf(azurite, database), stop: () => database.stop() };
  } catch (error) {
    await database.stop();
    throw error;
  }
}

async function storePayloads(azurite: RunningAzurite): Promise<number> {
  const container = BlobServiceClient.fromConnectionString(azurite.connectionString).getContainerClient(CONTAINER);
  await container.create();
  const payloads = samplePayloads();
  const waiting = [...payloads];
  const upload = async (): Promise<void> => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop())
      await container.getBlockBlobClient(next.name).upload(next.body, Buffer.byteLength(next.body));
  };
  await Promise.all(Array.from({ length: UPLOADS_AT_ONCE }, upload));
  azurite.backdateBlobs(CONTAINER, new Date(Date.now() - STORED_DAYS_AGO * DAY_MS));
  return payloads.length;
}

const AS_OF_LAST_MONTH = `do $$
declare
  moved interval := (now() at time zone 'UTC') - interval '${STORED_DAYS_AGO} days' - (select max(last_updated) from fhirdata.logical_resources);
  name text;
begin
  for name in select table_name from information_schema.columns
               where table_schema = 'fhirdata' and column_name = 'last_updated' loop
    execute format('update fhirdata.%I set last_updated = last_updated + $1', name) using moved;
  end loop;
  -- Three payloads are lost. Were they among the newest rows, the guard that samples those would often stop the run.
  update fhirdata.patient_resources set last_updated = last_updated - interval '30 days'
   where resource_payload_key in (${LOST_PAYLOADS.map((name) => `'${name.split('/').at(-1) ?? ''}'`).join(', ')});
  update fhirdata.logical_resources set last_updated = now() at time zone 'UTC'
   where logical_resource_id = (select max(logical_resource_id) from fhirdata.logical_resources);
end $$`;

function settingsOf(azurite: RunningAzurite, database: EmbeddedDatabase): Readonly<Record<string, string>> {
  const store = { container: CONTAINER, schema: 'fhirdata', quarantine: `${CONTAINER}-quarantine` };
  return {
    PAYLOAD_STORES: JSON.stringify({ 'default/default': store }),
    PAYLOAD_STORAGE: azurite.connectionString,
    FHIR_DATABASE_HOST: database.host,
    FHIR_DATABASE_PORT: String(database.port),
    FHIR_DATABASE_NAME: database.name,
    FHIR_DATABASE_USER: database.user,
    FHIR_DATABASE_PASSWORD: 'not asked for',
    FHIR_DATABASE_SSL: 'disable',
    RECONCILE_SWEEP_SCHEDULE: '0 */15 * * * *',
  };
}
