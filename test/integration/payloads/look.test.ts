import { Client } from 'pg';
import { readBlobName, type PayloadKey } from '../../../src/payloads/blobName';
import type { Database } from '../../../src/payloads/database/database';
import { lookUp } from '../../../src/payloads/database/look';
import { openPostgres } from '../../../src/payloads/database/postgresDatabase';
import { readResourceTypes, type ResourceType } from '../../../src/payloads/database/resourceTypes';
import { judgeLook, judgeName, type ListedBlob, type Verdict } from '../../../src/payloads/verdict';
import { goldenExpected, goldenNames, loadGolden } from './golden';
import { startPostgres, type PostgresServer } from './postgresServer';

const KEY = '0257adb5-4fbc-4431-9ada-28eb679b7dc4';
const GHOST = '104/ghost-1/1/00000000-0000-4000-8000-000000000002';
const cutoff = new Date('2027-01-01T00:00:00Z');
const listed = (name: string): ListedBlob => ({ name, etag: '"0x1"', lastModified: new Date(0) });

let server: PostgresServer;
let database: Database;
let types: ReadonlyMap<number, ResourceType>;

beforeAll(async () => {
  server = await startPostgres();
  await loadGolden(server.connection);
  database = openPostgres({ connection: server.connection });
  types = await readResourceTypes(database, 'fhirdata');
}, 60_000);

afterAll(async () => {
  await database.close();
  await server.stop();
});

function payload(name: string): PayloadKey {
  const reading = readBlobName(name);
  if (reading.kind !== 'payload') throw new Error(`not a payload: ${name}`);
  return reading.payload;
}

async function judge(names: readonly string[]): Promise<ReadonlyMap<string, Verdict>> {
  const verdicts = new Map<string, Verdict>();
  const byType = new Map<number, { name: string; payload: PayloadKey }[]>();
  for (const name of names) {
    const first = judgeName(listed(name), new Set(types.keys()));
    if (first.kind === 'decided') verdicts.set(name, first.verdict);
    else
      byType.set(first.payload.typeId, [...(byType.get(first.payload.typeId) ?? []), { name, payload: first.payload }]);
  }
  for (const [typeId, entries] of byType) {
    const payloads = entries.map((entry) => entry.payload);
    const reasons = await lookUp(database, { schema: 'fhirdata', type: types.get(typeId)!, payloads, deciding: true });
    entries.forEach(({ name }, place) => verdicts.set(name, judgeLook(listed(name), reasons.get(place), cutoff)));
  }
  return verdicts;
}

/** In the words of the golden data, which know no difference between malformed and non-canonical. */
const exactWord = (verdict: Verdict): string =>
  ({ ok: 'referenced', tombstone: 'tombstone_payload', 'non-canonical': 'malformed' })[verdict.kind as string] ??
  verdict.kind;

describe('the look at the golden data', () => {
  it('says of every blob exactly what is true', async () => {
    const verdicts = await judge(goldenNames);
    const counts: Record<string, number> = {};
    for (const verdict of verdicts.values()) counts[exactWord(verdict)] = (counts[exactWord(verdict)] ?? 0) + 1;
    expect(counts).toEqual(goldenExpected.exact_verdict_counts);
    for (const { name, exact } of goldenExpected.added_blobs)
      expect([name, exactWord(verdicts.get(name)!)]).toEqual([name, exact]);
  });

  it('tells 15 orphans without a row from 8 whose row has another key', async () => {
    const orphans = [...(await judge(goldenNames)).values()].filter((verdict) => verdict.kind === 'orphan');
    expect(orphans.filter(({ reason }) => reason === 'no-row')).toHaveLength(15);
    expect(orphans.filter(({ reason }) => reason === 'other-key')).toHaveLength(8);
  });

  it('never takes a live payload for an orphan because its key also stands under another type', async () => {
    const live = goldenNames.find((name) => name.startsWith('104/pat-0001/1/') && name.endsWith(KEY))!;
    const copy = `97/anything/1/${KEY}`;
    const verdicts = await judge([live, copy]);
    expect(verdicts.get(live)).toEqual({ kind: 'ok' });
    expect(verdicts.get(copy)).toEqual({ kind: 'orphan', reason: 'no-row' });
  });

  it('knows the types that have tables, and no abstract or retired one', () => {
    expect([...types.keys()].sort((a, b) => a - b)).toEqual([8, 46, 62, 97, 104, 109]);
  });
});

describe('a look that cannot be trusted', () => {
  const patient = () => types.get(104)!;
  const request = (payloads: readonly PayloadKey[], canaries: readonly PayloadKey[]) => ({
    schema: 'fhirdata',
    type: patient(),
    payloads,
    canaries,
    deciding: true,
  });

  it('ends when a canary has no row, and not when it has one', async () => {
    const live = payload(`104/pat-0001/1/${KEY}`);
    await expect(lookUp(database, request([payload(GHOST)], [payload(GHOST)]))).rejects.toMatchObject({
      code: 'canary-missing',
    });
    await expect(lookUp(database, request([payload(GHOST)], [live]))).resolves.toEqual(new Map([[0, 'no-row']]));
  });

  it('fails instead of calling everything an orphan when row-level security hides the rows', async () => {
    const owner = new Client(server.connection);
    await owner.connect();
    await owner.query(`create role reader login; grant usage on schema fhirdata to reader; grant select on all tables in schema fhirdata to reader;
      alter table fhirdata.patient_resources enable row level security`);
    const reader = openPostgres({ connection: { ...server.connection, user: 'reader' } });
    try {
      const live = payload(`104/pat-0001/1/${KEY}`);
      await expect(lookUp(reader, request([live], []))).rejects.toMatchObject({ code: '42501' });
    } finally {
      await reader.close();
      await owner.query('alter table fhirdata.patient_resources disable row level security');
      await owner.end();
    }
  });

  it('fails for a schema without types, and can change nothing', async () => {
    await expect(readResourceTypes(database, 'no_such_schema')).rejects.toMatchObject({ code: '42P01' });
    await expect(database.readOnly((run) => run('delete from fhirdata.patient_resources'))).rejects.toMatchObject({
      code: '25006',
    });
  });
});

it('stays fast for a resource of 100,000 versions', async () => {
  const client = new Client(server.connection);
  await client.connect();
  await client.query(`insert into fhirdata.basic_logical_resources (logical_resource_id, logical_id) values (900000000, 'many');
    insert into fhirdata.basic_resources select 900000000 + v, 900000000, v, now(), 'N', null, gen_random_uuid()::text from generate_series(1, 100000) v`);
  await client.end();
  const payloads = Array.from({ length: 5000 }, (_, place) => ({
    typeId: 8,
    logicalId: 'many',
    version: place + 1,
    key: KEY,
  }));
  const started = performance.now();
  for (let time = 0; time < 7; time += 1) {
    const reasons = await lookUp(database, { schema: 'fhirdata', type: types.get(8)!, payloads, deciding: true });
    expect(reasons.size).toBe(5000);
  }
  // A generic plan, from the sixth time on, would take 24 s for each.
  expect(performance.now() - started).toBeLessThan(10_000);
});
