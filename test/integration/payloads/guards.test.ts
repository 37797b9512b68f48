import { Client } from 'pg';
import { payloadBlobName, type PayloadKey } from '../../../src/payloads/blobName';
import type { DatabaseIdentity } from '../../../src/payloads/database/databaseIdentity';
import type { FhirDatabase } from '../../../src/payloads/database/fhirDatabase';
import type { ResourceType } from '../../../src/payloads/database/resourceTypes';
import { guardDatabase, identityDigest } from '../../../src/payloads/guards/database';
import { applyOverrides, type Overrides } from '../../../src/payloads/guards/guards';
import { guardOtherTenant } from '../../../src/payloads/guards/otherTenant';
import { guardPair, sparedTypes, unprovenFinding } from '../../../src/payloads/guards/pair';
import { findingOf } from '../../../src/payloads/guards/refusals';
import { eventually } from '../../support/eventually';
import { goldenNames, grantReading, loadGolden } from './golden';
import { openSchema, startPostgres, startStandby, type PostgresServer } from './postgresServer';

const DAY_MS = 86_400_000;
const OBSERVATION: ResourceType = { id: 97, name: 'Observation' };
/** Before the newest golden row, less a day. */
const longAgo = new Date('2026-11-01T00:00:00Z');
const later = new Date('2027-01-01T00:00:00Z');

let server: PostgresServer;
let original: DatabaseIdentity;
const open: FhirDatabase[] = [];

/** As a role that may only select. */
function reading(database = 'postgres', from = server): FhirDatabase {
  const opened = openSchema({ ...from.connection, user: 'reader', database });
  open.push(opened);
  return opened;
}

async function asOwner(statements: readonly string[], database = 'postgres', at = server): Promise<void> {
  const client = new Client({ ...at.connection, database });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

/** A clone can only be made while nobody is connected to what is cloned. */
async function clone(name: string): Promise<void> {
  await Promise.all(open.splice(0).map((database) => database.close()));
  await asOwner([`create database ${name} template postgres`], 'template1');
}

/** @param last null: at the first run on the container */
async function guards(
  database: FhirDatabase,
  cutoff = longAgo,
  last: DatabaseIdentity | null = original,
  overrides: Overrides = {},
) {
  const findings = guardDatabase(await database.state(), last ?? undefined, cutoff, DAY_MS);
  return applyOverrides(findings, overrides).map(({ guard }) => guard);
}

const store = (names: Iterable<string>) => {
  const blobs = new Set(names);
  return { blobs, head: (name: string) => Promise.resolve(blobs.has(name)) };
};

async function write(database: string, id: number, count: number, lastUpdated: string): Promise<readonly string[]> {
  await asOwner(
    [
      `insert into fhirdata.observation_logical_resources (logical_resource_id, logical_id, current_resource_id)
         select ${id} + n, 'later-${id}-' || n, ${id} + n from generate_series(1, ${count}) n`,
      `insert into fhirdata.observation_resources select ${id} + n, ${id} + n, 1, '${lastUpdated}', 'N', null,
         ('00000000-0000-4000-8000-' || lpad((${id} + n)::text, 12, '0')) from generate_series(1, ${count}) n`,
    ],
    database,
  );
  return Array.from(
    { length: count },
    (_, n) => `97/later-${id}-${n + 1}/1/00000000-0000-4000-8000-${String(id + n + 1).padStart(12, '0')}`,
  );
}

beforeAll(async () => {
  server = await startPostgres(['wal_level=logical']);
  await loadGolden(server.connection);
  await grantReading(server.connection, 'reader');
  original = (await reading().state()).identity;
}, 60_000);

afterEach(async () => {
  await Promise.all(open.splice(0).map((database) => database.close()));
});

afterAll(() => server.stop());

describe('a copy that may be behind', () => {
  it('is a logical subscriber', async () => {
    await asOwner(['create database subscriber'], 'template1');
    const at = { ...server.connection, database: 'subscriber' };
    await loadGolden(at);
    const rights = [
      'grant usage on schema fhirdata to reader',
      'grant select on all tables in schema fhirdata to reader',
    ];
    await asOwner(rights, 'subscriber');
    await asOwner([
      'create publication payloads for tables in schema fhirdata',
      "select pg_create_logical_replication_slot('payloads', 'pgoutput')",
    ]);
    const { host, port, user } = server.connection;
    await asOwner(
      [
        `create subscription payloads connection 'host=${host} port=${port} user=${user} dbname=postgres'
           publication payloads with (create_slot = false, slot_name = 'payloads', copy_data = false)`,
      ],
      'subscriber',
    );
    const found = await guards(reading('subscriber'), longAgo, null);
    // The slot keeps the log and the publisher from ending.
    await asOwner(
      [
        'alter subscription payloads disable',
        'alter subscription payloads set (slot_name = none)',
        'drop subscription payloads',
      ],
      'subscriber',
    );
    await eventually(async () => {
      const dropped = asOwner(["select pg_drop_replication_slot('payloads')"]);
      return dropped.then(() => true).catch(() => undefined);
    });
    await asOwner(['drop publication payloads']);
    expect(found).toEqual(['logical-subscriber']);
    await expect(guards(reading('subscriber'), longAgo, null)).resolves.toEqual([]);
  });

  it('is a standby, also after its promotion', async () => {
    const standby = await startStandby(server);
    try {
      const database = reading('postgres', standby);
      const live = await reading().sampleRows(OBSERVATION, later, 1);
      const look = (deciding: boolean) =>
        database
          .look({ type: OBSERVATION, payloads: live, ...(deciding ? { deciding, identity: original } : { deciding }) })
          .catch(findingOf);
      await expect(guards(database)).resolves.toEqual(['standby']);
      const drain = { identity: original, drainMs: 0, pollMs: 1, signal: AbortSignal.timeout(10_000) };
      await expect(database.drain(drain).catch(findingOf)).resolves.toMatchObject({ guard: 'standby' });
      await expect(look(true)).resolves.toMatchObject({ guard: 'standby' });
      // A first look, which decides nothing, may be asked of a standby.
      await expect(look(false)).resolves.toMatchObject({ orphans: new Map() });

      await asOwner(['select pg_promote()'], 'postgres', standby);
      await expect(guards(database)).resolves.toEqual(['database-restored']);
      await expect(look(true)).resolves.toMatchObject({ guard: 'other-database' });
      await expect(database.drain(drain).catch(findingOf)).resolves.toMatchObject({ guard: 'other-database' });
    } finally {
      await Promise.all(open.splice(0).map((database) => database.close()));
      await standby.stop();
    }
  }, 60_000);
});

describe('the identity of the database', () => {
  it('is known whole to a role that may only select, and the same each time', async () => {
    expect(Object.values(original)).not.toContain(undefined);
    await expect(guards(reading())).resolves.toEqual([]);
    await expect(guards(reading(), longAgo, null)).resolves.toEqual([]);
  });

  it('is partly unknown where a service refuses its functions, and then says nothing', async () => {
    await asOwner(['revoke execute on function pg_control_system() from public']);
    const { identity } = await reading().state();
    await asOwner(['grant execute on function pg_control_system() to public']);
    expect(identity).toEqual({ ...original, cluster: undefined });
    await expect(guards(reading(), longAgo, identity)).resolves.toEqual([]);
  });

  it('tells a clone, until the operator names it by the digest of its identity', async () => {
    await clone('cloned');
    await expect(guards(reading('cloned'))).resolves.toEqual(['database-restored']);
    const { identity } = await reading('cloned').state();
    const named = { 'database-restored': identityDigest(identity) };
    await expect(guards(reading('cloned'), longAgo, original, named)).resolves.toEqual([]);
    const another = { 'database-restored': identityDigest(original) };
    await expect(guards(reading('cloned'), longAgo, original, another)).resolves.toEqual(['database-restored']);
  });

  it('tells a database whose tables were dumped and loaded again in its place', async () => {
    await clone('restored');
    const before = (await reading('restored').state()).identity;
    await asOwner(['drop schema fhirdata cascade'], 'restored');
    await loadGolden({ ...server.connection, database: 'restored' });
    await asOwner(
      ['grant usage on schema fhirdata to reader', 'grant select on all tables in schema fhirdata to reader'],
      'restored',
    );
    await expect(guards(reading('restored'), longAgo, before)).resolves.toEqual(['database-restored']);
  });
});

describe('the freshness of the database', () => {
  it('limits what it may say to times before its newest row, less the grace', async () => {
    const { newest } = await reading().state();
    expect(newest?.toISOString()).toMatch(/^2026-11-23T/);
    const last = newest!.getTime() - DAY_MS;
    await expect(guards(reading(), new Date(last))).resolves.toEqual([]);
    await expect(guards(reading(), new Date(last + 1))).resolves.toEqual(['stale-database']);
    const quiet = { 'stale-database': newest!.toISOString() };
    await expect(guards(reading(), new Date(last + 1), original, quiet)).resolves.toEqual([]);
  });

  it('is nothing in a schema without resources, whatever the operator says, and proves no type', async () => {
    await clone('emptied');
    const tables = ['logical_resources', 'observation_resources', 'observation_logical_resources'];
    await asOwner([`truncate ${tables.map((table) => `fhirdata.${table}`).join(', ')}`], 'emptied');
    const state = await reading('emptied').state();
    const [finding] = guardDatabase(state, undefined, longAgo, DAY_MS);
    expect(finding).toMatchObject({ guard: 'stale-database' });
    expect(finding?.override).toBeUndefined();

    const verdict = await guardPair({ ...reading('emptied'), ...store(goldenNames) }, [OBSERVATION], later);
    expect(verdict).toEqual({ findings: [], unproven: [OBSERVATION] });
  });
});

describe('a type without a row', () => {
  it('has its orphans spared unless it is named', () => {
    expect(sparedTypes([OBSERVATION], undefined)).toEqual([OBSERVATION]);
    expect(sparedTypes([OBSERVATION], ['Patient'])).toEqual([OBSERVATION]);
    expect(sparedTypes([OBSERVATION], ['Observation'])).toEqual([]);
    expect(unprovenFinding(OBSERVATION)).toMatchObject({
      guard: 'unproven',
      override: { name: 'unproven', value: ['Observation'] },
    });
  });
});

describe('the pair of database and container', () => {
  it('is right when the rows have their blobs', async () => {
    const asked: string[] = [];
    const { head } = store(goldenNames);
    const counting = (name: string) => (asked.push(name), head(name));
    const verdict = await guardPair({ ...reading(), head: counting }, [OBSERVATION], later);
    expect(verdict).toEqual({ findings: [], unproven: [] });
    expect(asked.length).toBeGreaterThan(10);
    expect(asked.length).toBeLessThanOrEqual(20);
  });

  it('is wrong for a clone on which others work, though all old rows of it match', async () => {
    await clone('staging');
    const production = store(goldenNames);
    for (const name of await write('postgres', 500_000_000, 30, '2026-12-01')) production.blobs.add(name);
    await write('staging', 600_000_000, 30, '2026-12-01');

    const database = reading('staging');
    const { findings } = await guardPair({ ...database, head: production.head }, [OBSERVATION], later);
    expect(findings).toMatchObject([{ guard: 'wrong-pair' }]);
    // Not even all names of the sample say anything about the next one.
    expect(applyOverrides(findings, { 'wrong-pair': [] })).toEqual(findings);
    const right = await guardPair({ ...reading(), head: production.head }, [OBSERVATION], later);
    expect(right.findings).toEqual([]);
    await asOwner([
      'delete from fhirdata.observation_resources where resource_id > 500000000',
      'delete from fhirdata.observation_logical_resources where logical_resource_id > 500000000',
    ]);
  });

  it('is wrong for the container of somebody else, and right again when each missing blob is known to be lost', async () => {
    const practitioner: ResourceType = { id: 109, name: 'Practitioner' };
    const rows = await reading().sampleRows(practitioner, later, 10);
    const { findings } = await guardPair({ ...reading(), ...store([]) }, [practitioner], later);
    expect(findings).toMatchObject([{ guard: 'wrong-pair' }]);
    expect(applyOverrides(findings, { 'wrong-pair': goldenNames })).toEqual([]);
    expect(rows.length).toBeGreaterThan(0);
  });

  it('is no question of rows that are younger than the cutoff', async () => {
    const verdict = await guardPair({ ...reading(), ...store([]) }, [OBSERVATION], new Date('2020-01-01T00:00:00Z'));
    expect(verdict).toEqual({ findings: [], unproven: [OBSERVATION] });
  });

  it('is not judged while the container does not answer', async () => {
    const head = () => Promise.reject(new Error('the storage is away'));
    await expect(guardPair({ ...reading(), head }, [OBSERVATION], later)).rejects.toThrow('the storage is away');
  });
});

describe('the schema of another tenant', () => {
  const candidate: PayloadKey = {
    typeId: 1097,
    logicalId: 'of-the-other',
    version: 1,
    key: '00000000-0000-4000-8000-00000000aaaa',
  };
  const candidates = [{ ...candidate, logicalId: 'of-nobody' }, candidate];

  beforeAll(async () => {
    const tables = ['resource_types', 'logical_resources', 'observation_resources', 'observation_logical_resources'];
    await asOwner([
      'create schema tenant2',
      ...tables.map((table) => `create table tenant2.${table} (like fhirdata.${table} including all)`),
      // The other tenant numbers its types itself, and the resource was deleted since.
      "insert into tenant2.resource_types values (1097, 'Observation', 'N')",
      "insert into tenant2.observation_logical_resources (logical_resource_id, logical_id) values (1, 'of-the-other')",
      `insert into tenant2.observation_resources values (2, 1, 1, '2026-11-01', 'Y', null, '${candidate.key}')`,
      'create schema unrelated',
      'create table unrelated.resource_types (id int)',
    ]);
  });

  afterAll(() => asOwner(['drop schema tenant2 cascade', 'drop schema unrelated cascade']));

  it('stops a run whose candidates may have their rows there, where the role may not read it', async () => {
    await expect(reading().otherSchemas()).resolves.toEqual(['tenant2']);
    const findings = await guardOtherTenant(reading(), candidates);
    expect(findings).toMatchObject([{ guard: 'other-tenant', override: { name: 'other-tenant', value: ['tenant2'] } }]);
    expect(findings[0]?.problem).toMatch(/tenant2 .* cannot be read/);
    expect(applyOverrides(findings, { 'other-tenant': ['tenant2'] })).toEqual([]);
    await expect(guardOtherTenant(reading(), candidates, ['tenant2'])).resolves.toEqual([]);
  });

  it('stops a run whose candidates have their rows there, and no other', async () => {
    await asOwner([
      'grant usage on schema tenant2 to reader',
      'grant select on all tables in schema tenant2 to reader',
    ]);
    await expect(reading().foundInSchema('tenant2', candidates)).resolves.toEqual(new Set([1]));
    const [finding] = await guardOtherTenant(reading(), candidates);
    expect(finding).toMatchObject({ guard: 'other-tenant' });
    expect(finding?.problem).toContain(payloadBlobName(candidate));
    const others = [
      { ...candidate, version: 2 },
      { ...candidate, key: '00000000-0000-4000-8000-00000000bbbb' },
      { ...candidate, typeId: 97 },
    ];
    await expect(guardOtherTenant(reading(), others)).resolves.toEqual([]);
  });
});

describe('the collation of the database', () => {
  it('stops a run when it changed since the indexes were built', async () => {
    await asOwner(
      ["create database sorted template template0 locale_provider icu icu_locale 'en' encoding 'UTF8'"],
      'template1',
    );
    await loadGolden({ ...server.connection, database: 'sorted' });
    const rights = [
      'grant usage on schema fhirdata to reader',
      'grant select on all tables in schema fhirdata to reader',
    ];
    await asOwner(rights, 'sorted');
    await expect(guards(reading('sorted'), longAgo, null)).resolves.toEqual([]);
    await asOwner(["update pg_database set datcollversion = '1.2.3' where datname = 'sorted'"], 'sorted');
    await expect(guards(reading('sorted'), longAgo, null)).resolves.toEqual(['collation-changed']);
    await asOwner(['alter database sorted refresh collation version'], 'sorted');
    await expect(guards(reading('sorted'), longAgo, null)).resolves.toEqual([]);
  });
});
