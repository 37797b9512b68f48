import { Client } from 'pg';
import { payloadBlobName, readBlobName, type PayloadKey } from '../../../src/payloads/blobName';
import type { AuditBucket, FhirDatabase } from '../../../src/payloads/database/fhirDatabase';
import type { ResourceType } from '../../../src/payloads/database/resourceTypes';
import { eventually } from '../../support/eventually';
import { goldenExpected, goldenNames, grantReading, loadGolden } from './golden';
import { openSchema, startPostgres, type PostgresServer } from './postgresServer';

const before = new Date('2027-01-01T00:00:00Z');
let server: PostgresServer;
let owner: Client;
let database: FhirDatabase;
let types: ReadonlyMap<number, ResourceType>;

beforeAll(async () => {
  server = await startPostgres();
  await loadGolden(server.connection);
  await grantReading(server.connection, 'reader');
  owner = new Client(server.connection);
  await owner.connect();
  database = openSchema({ ...server.connection, user: 'reader' });
  types = await database.resourceTypes();
}, 60_000);

afterAll(async () => {
  await database.close();
  await owner.end();
  await server.stop();
});

const patient = () => types.get(104)!;

function payloadsOf(typeId: number): readonly PayloadKey[] {
  return goldenNames
    .map(readBlobName)
    .flatMap((reading) => (reading.kind === 'payload' && reading.payload.typeId === typeId ? [reading.payload] : []));
}

/** As a scan adds them up over its pages. */
function added(all: readonly AuditBucket[]): ReadonlyMap<number, { count: number; sum: bigint }> {
  const totals = new Map<number, { count: number; sum: bigint }>();
  for (const { bucket, count, sum } of all) {
    const total = totals.get(bucket) ?? { count: 0, sum: 0n };
    totals.set(bucket, { count: total.count + count, sum: total.sum + sum });
  }
  return totals;
}

async function scanned(type: ResourceType, auditBefore: Date, pageSize: number): Promise<readonly AuditBucket[]> {
  const payloads = payloadsOf(type.id);
  const found: AuditBucket[] = [];
  for (let start = 0; start < payloads.length; start += pageSize) {
    const page = payloads.slice(start, start + pageSize);
    // The canaries of a page were counted with their own page.
    const canaries =
      start === 0
        ? []
        : [
            payloads.find(
              (payload) => payloadBlobName(payload) === '104/pat-0001/1/0257adb5-4fbc-4431-9ada-28eb679b7dc4',
            )!,
          ];
    const look = await database.look({
      type,
      payloads: page,
      canaries: type.id === 104 ? canaries : [],
      deciding: false,
      auditBefore,
    });
    found.push(...look.buckets);
  }
  return found;
}

describe('the audit of rows against blobs', () => {
  it('finds exactly the three rows without a blob, and asks the container for the rows of their buckets only', async () => {
    const blobs = new Set(goldenNames);
    const missing: string[] = [];
    let heads = 0;
    for (const type of types.values()) {
      const inContainer = added(await scanned(type, before, 100));
      for (const { bucket, count, sum } of await database.auditBuckets(type, before)) {
        const seen = inContainer.get(bucket);
        if (seen?.count === count && seen.sum === sum) continue;
        for (const { payload } of await database.auditRows(type, bucket, before)) {
          heads += 1;
          const name = payloadBlobName(payload);
          if (!blobs.has(name)) missing.push(name);
        }
      }
    }
    expect(missing.sort()).toEqual([...goldenExpected.rows_live_with_key_but_no_blob].sort());
    // Two buckets of Patient differ, of all 1196 rows.
    expect(heads).toBe(112);
  });

  it('counts a row once, however often its payload is among the names, and no canary', async () => {
    const [payload, canary] = await database.sampleRows(patient(), before, 2);
    const look = await database.look({
      type: patient(),
      payloads: [payload!, payload!],
      canaries: [canary!],
      deciding: false,
      auditBefore: before,
    });
    expect(look.buckets.map(({ count }) => count)).toEqual([1]);
  });

  it('leaves rows out that are not older than the date, in the scan and in the database alike', async () => {
    const { rows } = await owner.query<{ middle: Date }>(
      "select percentile_disc(0.5) within group (order by last_updated) at time zone 'UTC' as middle from fhirdata.patient_resources",
    );
    const counts = async (date: Date) => {
      const sum = (buckets: readonly AuditBucket[]) => buckets.reduce((total, { count }) => total + count, 0);
      return [sum(await scanned(patient(), date, 1000)), sum(await database.auditBuckets(patient(), date))];
    };
    const [scannedThen, rowsThen] = await counts(rows[0]!.middle);
    const [scannedAll, rowsAll] = await counts(before);
    expect(scannedThen).toBeGreaterThan(0);
    expect(scannedThen).toBeLessThan(scannedAll!);
    expect(rowsThen).toBeLessThan(rowsAll!);
    expect(rowsThen! - scannedThen!).toBeLessThanOrEqual(3);
  });

  it('takes last_updated for UTC wherever this process and the database are', async () => {
    await owner.query(`insert into fhirdata.practitioner_logical_resources (logical_resource_id, logical_id) values (700000000, 'zoned');
      insert into fhirdata.practitioner_resources values (700000000, 700000000, 1, '2020-06-01 12:00:00', 'N', null, gen_random_uuid()::text);
      alter role reader set timezone = 'Pacific/Auckland'`);
    const practitioner = types.get(109)!;
    const elsewhere = openSchema({ ...server.connection, user: 'reader' });
    try {
      await expect(elsewhere.auditBuckets(practitioner, new Date('2020-06-01T12:00:00Z'))).resolves.toEqual([]);
      await expect(elsewhere.auditBuckets(practitioner, new Date('2020-06-01T12:00:00.001Z'))).resolves.toEqual([
        { bucket: 170_898, count: 1, sum: 700_000_000n },
      ]);
    } finally {
      await elsewhere.close();
      await owner.query(`delete from fhirdata.practitioner_resources where resource_id = 700000000;
        delete from fhirdata.practitioner_logical_resources where logical_resource_id = 700000000; alter role reader reset timezone`);
    }
  });

  it('tells a current version from one of the history', async () => {
    const rows = [];
    for (const { bucket } of await database.auditBuckets(patient(), before))
      rows.push(...(await database.auditRows(patient(), bucket, before)));
    const versions = rows.filter(({ payload }) => payload.logicalId === 'many-versions');
    const newest = Math.max(...versions.map(({ payload }) => payload.version));
    expect(versions.length).toBeGreaterThan(5);
    for (const { payload, isCurrent } of versions) expect(isCurrent).toBe(payload.version === newest);
  });

  it('reports rows whose payload was never stored, and no tombstone and no inline one', async () => {
    const none = await database.neverStored(patient(), before, 2);
    await owner.query(`insert into fhirdata.patient_logical_resources (logical_resource_id, logical_id)
        select 600000000 + n, 'bulk-' || n from generate_series(1, 3) n;
      insert into fhirdata.patient_resources select 600000000 + n, 600000000 + n, 1, '2026-01-01', 'N', null, null from generate_series(1, 3) n`);
    const some = await database.neverStored(patient(), before, 2);
    await owner.query(`delete from fhirdata.patient_resources where resource_id > 600000000 and resource_id < 600000009;
      delete from fhirdata.patient_logical_resources where logical_resource_id > 600000000 and logical_resource_id < 600000009`);
    expect(none).toEqual({ count: 0, examples: [] });
    expect(some).toEqual({
      count: 3,
      examples: [
        { typeId: 104, logicalId: 'bulk-1', version: 1 },
        { typeId: 104, logicalId: 'bulk-2', version: 1 },
      ],
    });
  });
});

describe('a sample of rows', () => {
  const date = new Date('2026-11-23T20:31:00Z');

  it('holds the newest live rows with a key that are older than the date, and others from anywhere', async () => {
    const names = (await database.sampleRows(patient(), date, 10)).map(payloadBlobName);
    const { rows } = await owner.query<{ name: string }>(
      `select '104/' || replace(logical_id, '.', '*') || '/' || r.version_id || '/' || resource_payload_key as name
         from fhirdata.patient_resources r join fhirdata.patient_logical_resources using (logical_resource_id)
        where r.is_deleted = 'N' and resource_payload_key is not null and r.last_updated < $1::timestamptz at time zone 'UTC'
        order by r.last_updated desc`,
      [date.toISOString()],
    );
    const eligible = rows.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(eligible.slice(0, 10)));
    expect(eligible).toEqual(expect.arrayContaining(names));
    expect(names.length).toBeGreaterThan(10);
    expect(new Set(names).size).toBe(names.length);
  });

  it('goes by the time of the change, which resource ids do not follow', async () => {
    const practitioner = types.get(109)!;
    await owner.query(`insert into fhirdata.practitioner_logical_resources (logical_resource_id, logical_id)
        select 500000000 + n, 'late-' || n from generate_series(1, 300) n;
      insert into fhirdata.practitioner_resources select 500000000 + n, 500000000 + n, 1,
        '2026-12-01'::timestamp - n * interval '1 minute', 'N', null, gen_random_uuid()::text from generate_series(1, 300) n`);
    const sample = await database.sampleRows(practitioner, before, 5);
    await owner.query(`delete from fhirdata.practitioner_resources where resource_id > 500000000;
      delete from fhirdata.practitioner_logical_resources where logical_resource_id > 500000000`);
    expect(sample.slice(0, 5).map(({ logicalId }) => logicalId)).toEqual([
      'late-1',
      'late-2',
      'late-3',
      'late-4',
      'late-5',
    ]);
  });

  it('comes from other places each time', async () => {
    const samples = new Set<string>();
    for (let time = 0; time < 5; time += 1)
      samples.add(JSON.stringify((await database.sampleRows(patient(), before, 10)).slice(10)));
    expect(samples.size).toBeGreaterThan(1);
  });

  it('is empty where there is no row to sample', async () => {
    await expect(database.sampleRows(patient(), new Date('2020-01-01T00:00:00Z'), 10)).resolves.toEqual([]);
  });

  it('visits few of many rows', async () => {
    await owner.query(`insert into fhirdata.basic_logical_resources (logical_resource_id, logical_id) select 800000000 + n, 'b' || n from generate_series(1, 50000) n;
      insert into fhirdata.basic_resources select 800000000 + n, 800000000 + n, 1, '2020-01-01'::timestamp + n * interval '1 second', 'N', null, gen_random_uuid()::text from generate_series(1, 50000) n;
      analyze fhirdata.basic_resources; analyze fhirdata.basic_logical_resources`);
    // A session counts its visits at its end at the latest.
    const sessionsEnd = async () => {
      await database.close();
      await eventually(async () => {
        const { rowCount } = await owner.query("select from pg_stat_activity where usename = 'reader'");
        return rowCount === 0 ? true : undefined;
      });
    };
    await sessionsEnd();
    await owner.query('select pg_stat_reset()');
    database = openSchema({ ...server.connection, user: 'reader' });
    await database.sampleRows(types.get(8)!, before, 10);
    await sessionsEnd();
    database = openSchema({ ...server.connection, user: 'reader' });
    const { rows } = await owner.query<{ visited: number }>(
      "select sum(seq_tup_read + idx_tup_fetch)::int as visited from pg_stat_user_tables where relname like 'basic%'",
    );
    expect(rows[0]!.visited).toBeGreaterThan(10);
    expect(rows[0]!.visited).toBeLessThan(10_000);
  });
});

describe('the statistics of the database', () => {
  it('estimate the rows of each type, and say nothing of types that were never analyzed', async () => {
    await owner.query('analyze fhirdata.patient_resources; analyze fhirdata.patient_logical_resources');
    const { rows } = await owner.query<{ count: number }>(
      'select count(*)::int as count from fhirdata.patient_resources',
    );
    const estimates = await database.estimatedRows();
    expect(estimates.get(104)).toBe(rows[0]!.count);
    expect(estimates.has(62)).toBe(false);
  });

  it('cut a type into parts by its logical ids', async () => {
    await owner.query('analyze fhirdata.patient_logical_resources');
    const bounds = await database.logicalIdBounds(patient());
    const ids = new Set(payloadsOf(104).map(({ logicalId }) => logicalId));
    expect(bounds.length).toBeGreaterThan(40);
    expect(bounds.filter((bound) => ids.has(bound)).length).toBeGreaterThan(40);
    await expect(database.logicalIdBounds(types.get(62)!)).resolves.toEqual([]);
  });
});
