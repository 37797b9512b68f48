import { Client } from 'pg';
import { sampleTables } from '../../local/samples/reconcile/samplePayloads';
import { startPostgres } from '../../test/integration/payloads/postgresServer';
import { generatedPayloads, isOrphan, TYPES } from './generatedPayloads';

export interface DatabaseAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
}

/** A real PostgreSQL with a database for each set of payloads: the tables of a FHIR server, and a row for each payload that is no orphan. */
export interface PayloadDatabases {
  open(payloads: number, orphanShare: number): Promise<DatabaseAddress>;
  stop(): Promise<void>;
}

const ROWS_AT_ONCE = 20_000;

export async function startPayloadDatabases(): Promise<PayloadDatabases> {
  // Maintenance in the background would fall into the measures of one contestant only.
  const server = await startPostgres(['autovacuum=off', 'shared_buffers=256MB']);
  const { host, port, user } = server.connection;
  const made = new Map<string, Promise<DatabaseAddress>>();
  const make = async (database: string, payloads: number, share: number): Promise<DatabaseAddress> => {
    await withClient(server.connection, (client) => client.query(`create database ${database}`));
    const address = { host, port, user, database };
    await withClient(address, (client) => fill(client, payloads, share));
    return address;
  };
  return {
    open(payloads, orphanShare) {
      const name = `payloads_${payloads}_${Math.round(orphanShare * 1000)}`;
      const address = made.get(name) ?? make(name, payloads, orphanShare);
      made.set(name, address);
      return address;
    },
    stop: () => server.stop(),
  };
}

async function withClient(address: DatabaseAddress, work: (client: Client) => Promise<unknown>): Promise<void> {
  const client = new Client(address);
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

async function fill(client: Client, count: number, share: number): Promise<void> {
  await client.query(sampleTables());
  for (const { id, name } of TYPES)
    await client.query(`insert into fhirdata.resource_types values ($1, $2, 'N')`, [id, name]);
  const rows = generatedPayloads(count)
    .map((payload, index) => ({ ...payload, index }))
    .filter(({ index }) => !isOrphan(index, share));
  for (const { id, name } of TYPES) {
    const ofType = rows.filter(({ typeId }) => typeId === id);
    for (let at = 0; at < ofType.length; at += ROWS_AT_ONCE)
      await insert(client, { id, name }, ofType.slice(at, at + ROWS_AT_ONCE));
  }
  await client.query('vacuum analyze');
}

type GeneratedRow = ReturnType<typeof generatedPayloads>[number] & { readonly index: number };

/** Of yesterday, as the payloads are; the first resource is of an hour ago, so that the database does not look like an old copy. */
async function insert(
  client: Client,
  type: { readonly id: number; readonly name: string },
  rows: readonly GeneratedRow[],
): Promise<void> {
  const table = type.name.toLowerCase();
  const values = [
    rows.map(({ index }) => index + 1),
    rows.map(({ index }) => Math.floor(index / 2) + 1),
    ...[
      rows.map(({ logicalId }) => logicalId),
      rows.map(({ version }) => version),
      rows.map(({ key }) => key),
      type.id,
    ],
  ];
  const source = `unnest($1::bigint[], $2::bigint[], $3::text[], $4::int[], $5::text[]) as u(rid, lid, id, v, k)`;
  const time = `(now() at time zone 'UTC') - case lid when 1 then interval '1 hour' else interval '24 hours' end`;
  await client.query(
    `with rows as (select * from ${source}), resources as (
       insert into fhirdata.${table}_resources (resource_id, logical_resource_id, version_id, last_updated, is_deleted, resource_payload_key)
       select rid, lid, v, ${time}, 'N', k from rows), every_type as (
       insert into fhirdata.logical_resources (logical_resource_id, resource_type_id, logical_id, last_updated, is_deleted)
       select lid, $6, max(id), ${time}, 'N' from rows group by lid on conflict (logical_resource_id) do nothing)
     insert into fhirdata.${table}_logical_resources (logical_resource_id, logical_id, current_resource_id, is_deleted, last_updated, version_id)
     select lid, max(id), max(rid), 'N', ${time}, max(v) from rows group by lid on conflict (logical_resource_id) do nothing`,
    values,
  );
}
