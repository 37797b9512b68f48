import { BlobServiceClient, type ContainerClient } from '@azure/storage-blob';
import { Client } from 'pg';
import { createPayloadContainer } from '../../src/payloads/container/azureContainer';
import type { PayloadContainer } from '../../src/payloads/container/payloadContainer';
import type { Database } from '../../src/payloads/database/database';
import { openPostgres } from '../../src/payloads/database/postgresDatabase';
import type { FhirDatabase } from '../../src/payloads/database/fhirDatabase';
import { readResourceTypes } from '../../src/payloads/database/resourceTypes';
import { startAzurite } from '../../local/azurite/azurite';
import { grantReading, loadGolden } from '../integration/payloads/golden';
import { startPostgres } from '../integration/payloads/postgresServer';

export const SCHEMA = 'fhirdata';
export const PATIENT = 104;
const SESSIONS = 8;
/** Of the rows that races make; golden and anchor rows are below. */
export const FIRST_RACE_ID = 9_000_000;

/** A real PostgreSQL with two payloads that stay, and a real container, shared by all seeds. */
export interface World {
  readonly container: PayloadContainer;
  readonly blobs: ContainerClient;
  /** as the engine connects: a role that may only select */
  readonly database: Database;
  /** as the FHIR server connects */
  readonly sessions: readonly Client[];
  /** to look at what happens */
  readonly observer: Client;
  /** an own session, for what a mutant of the engine does */
  readonly mutant: Client;
  /** of the schema, which does not change */
  readonly types: ReturnType<FhirDatabase['resourceTypes']>;
  stop(): Promise<void>;
}

export async function startWorld(): Promise<World> {
  const [azurite, server] = await Promise.all([startAzurite(), startPostgres(['max_prepared_transactions=10'])]);
  await loadGolden(server.connection);
  await grantReading(server.connection, 'reader');
  const connect = async (application: string): Promise<Client> => {
    const client = new Client({ ...server.connection, application_name: application });
    await client.connect();
    return client;
  };
  const observer = await connect('observer');
  const mutant = await connect('mutant');
  const sessions = await Promise.all(Array.from({ length: SESSIONS }, () => connect('fhir server')));
  const blobs = BlobServiceClient.fromConnectionString(azurite.connectionString).getContainerClient('race');
  await blobs.create();
  // Nothing but what a race needs: two payloads of which all is well, and a newest row that leaves the cutoff to the storage's date.
  await observer.query(`delete from ${SCHEMA}.patient_resources; delete from ${SCHEMA}.patient_logical_resources;
    update ${SCHEMA}.logical_resources set last_updated = '2030-01-01'`);
  for (const [place, name] of ANCHORS.entries()) {
    const [, id, , key] = name.split('/');
    await observer.query(insertRow(1000 + place, id!, key!, '2020-01-01'));
    await blobs.getBlockBlobClient(name).upload('{}', 2);
  }
  const database = openPostgres({ connection: { ...server.connection, user: 'reader' }, maxConnections: 8 });
  return {
    container: createPayloadContainer(blobs),
    blobs,
    database,
    sessions,
    observer,
    mutant,
    types: readResourceTypes(database, SCHEMA),
    stop: async () => {
      await Promise.all([observer, mutant, ...sessions].map((client) => client.end()));
      await database.close();
      await Promise.all([server.stop(), azurite.stop()]);
    },
  };
}

export const ANCHORS = [1, 2].map((n) => `${PATIENT}/anchor-${n}/1/00000000-0000-4000-8000-00000000000${n}`);

/** One statement that makes the rows of the first version of a resource. */
export function insertRow(rowId: number, logicalId: string, key: string, lastUpdated: string): string {
  return `with resource as (insert into ${SCHEMA}.patient_logical_resources
      values (${rowId}, '${logicalId}', ${rowId}, 'N', '${lastUpdated}', 1))
    insert into ${SCHEMA}.patient_resources values (${rowId}, ${rowId}, 1, '${lastUpdated}', 'N', null, '${key}')`;
}

/** Names of the live rows that races have made. */
export async function liveNames(observer: Client): Promise<readonly string[]> {
  const { rows } = await observer.query<{ name: string }>(
    `select '${PATIENT}/' || lr.logical_id || '/1/' || r.resource_payload_key as name
       from ${SCHEMA}.patient_resources r join ${SCHEMA}.patient_logical_resources lr using (logical_resource_id)
      where r.is_deleted = 'N'`,
  );
  return rows.map(({ name }) => name);
}
