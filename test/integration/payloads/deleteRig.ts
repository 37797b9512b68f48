import type { ContainerClient } from '@azure/storage-blob';
import { Client, type ClientConfig } from 'pg';
import { createPayloadContainer, type AzureContainerOptions } from '../../../src/payloads/container/azureContainer';
import type { PayloadContainer } from '../../../src/payloads/container/payloadContainer';
import type { FhirDatabase } from '../../../src/payloads/database/fhirDatabase';
import type { PayloadStore } from '../../../src/payloads/payloadStore';
import { memoryRunStore } from '../../../src/payloads/runs/memoryRunStore';
import type { Run } from '../../../src/payloads/runs/run';
import type { RunStore } from '../../../src/payloads/runs/runStore';
import { goldenExpected, goldenNames, loadGolden, makeCurrent } from './golden';
import { putBlobs } from './reconcileRig';

const added = new Set(goldenExpected.added_blobs.map(({ name }) => name));
const ofType = (type: string, count: number): readonly string[] =>
  goldenNames.filter((name) => !added.has(name) && name.startsWith(type)).slice(0, count);

/** Payloads with rows, of Patient and Observation. */
export const okNames: readonly string[] = [...ofType('104/', 8), ...ofType('97/', 4)];

export const orphanNames: readonly string[] = [1, 2, 3, 4, 5, 6].map(
  (n) => `${n < 5 ? '104' : '97'}/orphan-${n}/1/00000000-0000-4000-8000-00000000000${n}`,
);

export async function query(connection: ClientConfig, ...statements: readonly string[]): Promise<void> {
  const client = new Client(connection);
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

/** A database with the rows of `okNames` and no others, whose newest row is newer than every blob. */
export async function loadSmall(connection: ClientConfig): Promise<void> {
  await loadGolden(connection);
  await makeCurrent(connection);
  const keys = okNames.map((name) => `'${name.split('/')[3]!}'`).join(', ');
  const types = ['basic', 'endpoint', 'imagingstudy', 'observation', 'patient', 'practitioner'];
  await query(
    connection,
    ...types.map(
      (type) =>
        `delete from fhirdata.${type}_resources where resource_payload_key is null or resource_payload_key not in (${keys})`,
    ),
  );
}

/** One more patient with a row, whose blob is nowhere. */
export function insertPatient(
  rowId: number,
  logicalId: string,
  key: string,
  schema = 'fhirdata',
  when = 'now()',
): string {
  return `insert into ${schema}.patient_logical_resources values (${rowId}, '${logicalId}', ${rowId}, 'N', ${when}, 1);
    insert into ${schema}.patient_resources values (${rowId}, ${rowId}, 1, ${when}, 'N', null, '${key}')`;
}

/** Every blob of the container is old. */
export function oldContainer(client: ContainerClient, options: AzureContainerOptions = {}): PayloadContainer {
  const container = createPayloadContainer(client, options);
  const old = new Date('2026-01-01T00:00:00Z');
  return {
    ...container,
    list: async (request, signal) => {
      const { blobs, nextMarker } = await container.list(request, signal);
      return { nextMarker, blobs: blobs.map((blob) => ({ ...blob, lastModified: old })) };
    },
  };
}

export async function storeWith(
  client: ContainerClient,
  database: FhirDatabase,
  names: readonly string[] = [...okNames, ...orphanNames],
  options: AzureContainerOptions = {},
): Promise<PayloadStore> {
  await putBlobs(client, names);
  return { tenantId: 'default', dsId: 'default', container: oldContainer(client, options), database };
}

/** Something happens when a run comes to a state. */
export function runsWith(state: Run['state'], happens: (run: Run) => Promise<unknown>): RunStore {
  const runs = memoryRunStore();
  return {
    ...runs,
    replace: async (before, next) => {
      const saved = await runs.replace(before, next);
      if (saved !== undefined && next.state === state && before.value.state !== state) await happens(next);
      return saved;
    },
  };
}
