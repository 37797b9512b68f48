import type { ContainerClient } from '@azure/storage-blob';
import { Client } from 'pg';
import { createPayloadContainer } from '../../src/payloads/container/azureContainer';
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

/** of its lists, in names */
export const OLD_PAGE_SIZE = 1000;

export interface JavaToolsOptions {
  readonly deletes: boolean;
  /** After so many pages it ends: its rate does not change from page to page. */
  readonly mostPages: number;
  /** Whose reading of the lists: the SDK's takes a JavaScript program more CPU time than the tool's own takes it. */
  readonly lists: 'SDK' | 'lean';
}

export async function javaToolsWay(
  container: ContainerClient,
  address: DatabaseAddress,
  { deletes, mostPages, lists }: JavaToolsOptions,
): Promise<WorkDone> {
  const client = await oldConnection(address);
  const done = { names: 0, orphans: 0, deleted: 0 };
  let pagesDone = 0;
  try {
    for await (const names of lists === 'SDK' ? sdkPages(container) : leanPages(container)) {
      await client.query('begin');
      const orphans = await orphansOf(client, names);
      for (const name of deletes ? orphans : []) {
        await container.getBlobClient(name).deleteIfExists({ deleteSnapshots: 'include' });
        done.deleted += 1;
      }
      await client.query('commit');
      done.names += names.length;
      done.orphans += orphans.length;
      pagesDone += 1;
      if (pagesDone >= mostPages) break;
    }
  } finally {
    await client.end();
  }
  return done;
}

async function* sdkPages(container: ContainerClient): AsyncGenerator<readonly string[]> {
  for await (const { segment } of container.listBlobsFlat().byPage({ maxPageSize: OLD_PAGE_SIZE }))
    yield segment.blobItems.map(({ name }) => name);
}

async function* leanPages(container: ContainerClient): AsyncGenerator<readonly string[]> {
  const payloads = createPayloadContainer(container);
  const { signal } = new AbortController();
  let marker: string | undefined;
  do {
    const { blobs, nextMarker } = await payloads.list({ pageSize: OLD_PAGE_SIZE, marker }, signal);
    yield blobs.map(({ name }) => name);
    marker = nextMarker;
  } while (marker !== undefined);
}

/**
 * The tool's driver prepares a statement on the server once it was used five times, and the server plans it once and for all after five
 * more. Here both hold from the start, so that a short run shows the rate of a long one.
 */
export async function oldConnection(address: DatabaseAddress): Promise<Client> {
  const client = new Client(address);
  await client.connect();
  await client.query('set plan_cache_mode = force_generic_plan');
  return client;
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
  const { rows } = await client.query<{ key: string }>({
    name: `${table} ${payloads.length}`,
    text: `select r.resource_payload_key as key from fhirdata.${table}_resources r
       join fhirdata.${table}_logical_resources lr on r.logical_resource_id = lr.logical_resource_id
      where ${terms.join(' or ')}`,
    values: payloads.flatMap(({ logicalId, version, key }) => [logicalId, version, key]),
  });
  return rows.map(({ key }) => key);
}
