import type { ContainerClient } from '@azure/storage-blob';
import { Client } from 'pg';
import { readBlobName, type PayloadKey } from '../../src/payloads/blobName';
import type { DatabaseAddress } from './payloadDatabases';
import { TYPES } from './generatedPayloads';

/**
 * The way of the Java tool that Reconcile succeeds, reimplemented straight: pages of 1000 names, one after the other; for each page a
 * transaction with one statement per resource type that holds a term with OR for each name; an orphan is deleted at once, while the
 * transaction is open, without a condition, and the next one only when it is gone.
 */

export interface WorkDone {
  readonly names: number;
  readonly orphans: number;
  readonly deleted: number;
}

const PAGE_SIZE = 1000;

export interface JavaToolsOptions {
  readonly deletes: boolean;
  /** After so many pages it ends: its rate does not change from page to page. */
  readonly mostPages: number;
}

export async function javaToolsWay(
  container: ContainerClient,
  address: DatabaseAddress,
  { deletes, mostPages }: JavaToolsOptions,
): Promise<WorkDone> {
  const client = new Client(address);
  await client.connect();
  const done = { names: 0, orphans: 0, deleted: 0 };
  let pagesDone = 0;
  try {
    for await (const { segment } of container.listBlobsFlat().byPage({ maxPageSize: PAGE_SIZE })) {
      await client.query('begin');
      const orphans = await orphansOf(
        client,
        segment.blobItems.map(({ name }) => name),
      );
      for (const name of deletes ? orphans : []) {
        await container.getBlobClient(name).deleteIfExists({ deleteSnapshots: 'include' });
        done.deleted += 1;
      }
      await client.query('commit');
      done.names += segment.blobItems.length;
      done.orphans += orphans.length;
      pagesDone += 1;
      if (pagesDone >= mostPages) break;
    }
  } finally {
    await client.end();
  }
  return done;
}

async function orphansOf(client: Client, names: readonly string[]): Promise<readonly string[]> {
  const payloads = names.map(payloadOf);
  const found = new Set<string>();
  for (const { id, name } of TYPES) {
    const ofType = payloads.filter(({ typeId }) => typeId === id);
    if (ofType.length > 0) for (const key of await keysFound(client, name, ofType)) found.add(key);
  }
  return names.filter((_, place) => !found.has(payloads[place]?.key ?? ''));
}

function payloadOf(name: string): PayloadKey {
  const reading = readBlobName(name);
  if (reading.kind !== 'payload') throw new Error(`The old tool ends at a name such as ${name}`);
  return reading.payload;
}

/** One statement for all of them, with a term for each. @returns the keys that have a row */
export async function keysFound(
  client: Client,
  typeName: string,
  payloads: readonly PayloadKey[],
): Promise<readonly string[]> {
  const table = typeName.toLowerCase();
  const terms = payloads.map(
    (_, place) =>
      `(lr.logical_id = $${3 * place + 1} and r.version_id = $${3 * place + 2} and r.resource_payload_key = $${3 * place + 3} and r.is_deleted = 'N')`,
  );
  const { rows } = await client.query<{ key: string }>(
    `select r.resource_payload_key as key from fhirdata.${table}_resources r
       join fhirdata.${table}_logical_resources lr on r.logical_resource_id = lr.logical_resource_id
      where ${terms.join(' or ')}`,
    payloads.flatMap(({ logicalId, version, key }) => [logicalId, version, key]),
  );
  return rows.map(({ key }) => key);
}
