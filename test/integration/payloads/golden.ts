import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ContainerClient } from '@azure/storage-blob';
import { Client, type ClientConfig } from 'pg';
import type { RunningAzurite } from '../../../local/azurite/azurite';

import { samplePayloads, sampleRows, sampleTables } from '../../../local/samples/reconcile/samplePayloads';

const folder = join(__dirname, '..', '..', 'fixtures', 'reconcile');

export interface GoldenExpected {
  readonly reference_orphans: readonly string[];
  readonly rows_live_with_key_but_no_blob: readonly string[];
  readonly exact_verdict_counts: Readonly<Record<string, number>>;
  readonly added_blobs: readonly {
    readonly class: string;
    readonly name: string;
    readonly reference: string;
    readonly exact: string;
  }[];
}

export const goldenExpected = JSON.parse(readFileSync(join(folder, 'golden-expected.json'), 'utf8')) as GoldenExpected;

export const goldenNames: readonly string[] = samplePayloads().map(({ name }) => name);

/** Makes the tables of a FHIR server and fills them with the golden rows. */
export async function loadGolden(connection: ClientConfig): Promise<void> {
  const client = new Client(connection);
  await client.connect();
  try {
    await client.query(sampleTables());
    await client.query(sampleRows());
  } finally {
    await client.end();
  }
}

/** Stores an empty payload of each golden name. */
export async function storeGolden(azurite: RunningAzurite, container: ContainerClient): Promise<void> {
  const [first = '', ...others] = goldenNames;
  await container.getBlockBlobClient(first).upload('{}', 2);
  azurite.addCopies(container.containerName, first, others);
}

/** Makes a role with the rights that an operator is asked to give: to read the schema, and nothing else. */
export async function grantReading(connection: ClientConfig, role: string, schema = 'fhirdata'): Promise<void> {
  const client = new Client(connection);
  await client.connect();
  try {
    await client.query(`create role ${role} login;
      grant usage on schema ${schema} to ${role}; grant select on all tables in schema ${schema} to ${role}`);
  } finally {
    await client.end();
  }
}

/** As if the newest row were of now: a delete run judges no blob that is younger than the newest row. */
export async function makeCurrent(connection: ClientConfig): Promise<void> {
  const client = new Client(connection);
  await client.connect();
  try {
    await client.query(
      "update fhirdata.logical_resources set last_updated = (now() + interval '1 day') at time zone 'UTC'",
    );
  } finally {
    await client.end();
  }
}
