import { Client } from 'pg';
import { readBlobName, type PayloadKey } from '../../../src/payloads/blobName';
import type { DatabaseIdentity } from '../../../src/payloads/database/databaseIdentity';
import type { FhirDatabase } from '../../../src/payloads/database/fhirDatabase';
import { openPostgres } from '../../../src/payloads/database/postgresDatabase';
import { createPostgresFhirDatabase } from '../../../src/payloads/database/postgresFhirDatabase';
import type { ResourceType } from '../../../src/payloads/database/resourceTypes';
import { findingOf } from '../../../src/payloads/guards/refusals';
import { judgeLook, judgeName, type ListedBlob, type Verdict } from '../../../src/payloads/verdict';
import { goldenExpected, goldenNames, grantReading, loadGolden } from './golden';
import { openSchema, startPostgres, type PostgresServer } from './postgresServer';

const KEY = '0257adb5-4fbc-4431-9ada-28eb679b7dc4';
const GHOST = '104/ghost-1/1/00000000-0000-4000-8000-000000000002';
const cutoff = new Date('2027-01-01T00:00:00Z');
const listed = (name: string): ListedBlob => ({ name, etag: '"0x1"', lastModified: new Date(0) });

let server: PostgresServer;
let database: FhirDatabase;
let identity: DatabaseIdentity;
let types: ReadonlyMap<number, ResourceType>;

beforeAll(async () => {
  server = await startPostgres();
  await loadGolden(server.connection);
  await grantReading(server.connection, 'reader');
  database = openSchema({ ...server.connection, user: 'reader' });
  types = await database.resourceTypes();
  ({ identity } = await database.state());
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
    const look = await database.look({ type: types.get(typeId)!, payloads, deciding: true, identity });
    entries.forEach(({ name }, place) => verdicts.set(name, judgeLook(listed(name), look.orphans.get(place), cutoff)));
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
  const request = (payloads: readonly PayloadKey[], canaries: readonly PayloadKey[] = []) => ({
    type: types.get(104)!,
    payloads,
    canaries,
    deciding: true as const,
    identity,
  });
  const live = payload(`104/pat-0001/1/${KEY}`);

  it('ends when a canary has no row, and not when it has one', async () => {
    await expect(database.look(request([payload(GHOST)], [payload(GHOST)]))).rejects.toMatchObject({
      code: 'canary-missing',
    });
    const { orphans } = await database.look(request([payload(GHOST)], [live]));
    expect(orphans).toEqual(new Map([[0, 'no-row']]));
  });

  it('ends when the connection leads to another database than at the start', async () => {
    for (const part of ['cluster', 'timeline', 'database', 'relation'] as const)
      await expect(
        database.look({ ...request([live]), identity: { ...identity, [part]: 'another' } }),
      ).rejects.toMatchObject({ code: 'other-database' });
    const { orphans } = await database.look({ ...request([live]), identity: { ...identity, cluster: undefined } });
    expect(orphans.size).toBe(0);
  });

  it('fails instead of calling everything an orphan when row-level security hides the rows', async () => {
    const owner = new Client(server.connection);
    await owner.connect();
    await owner.query('alter table fhirdata.patient_resources enable row level security');
    try {
      const refused: unknown = await database.look(request([live])).catch((error: unknown) => error);
      expect(refused).toMatchObject({ code: 'row-security' });
      expect(findingOf(refused)).toMatchObject({ guard: 'row-security' });
    } finally {
      await owner.query('alter table fhirdata.patient_resources disable row level security');
      await owner.end();
    }
  });

  it('is not even asked about a payload that no server writes, which would fail its whole page', async () => {
    await expect(database.look(request([live, { ...live, version: 2 ** 31 }]))).rejects.toThrow(TypeError);
    await expect(database.look(request([live, { ...live, logicalId: 'a\0b' }]))).rejects.toThrow(TypeError);
    await expect(database.look(request([{ ...live, typeId: 97 }]))).rejects.toThrow(TypeError);
  });

  it('can change nothing', async () => {
    const owner = openPostgres({ connection: server.connection });
    try {
      await expect(owner.readOnly((run) => run('delete from fhirdata.patient_resources'))).rejects.toMatchObject({
        sqlState: '25006',
      });
    } finally {
      await owner.close();
    }
  });
});

describe('a resource of 100,000 versions', () => {
  const payloads = Array.from({ length: 5000 }, (_, place) => ({
    typeId: 8,
    logicalId: 'many',
    version: place + 1,
    key: KEY,
  }));

  beforeAll(async () => {
    const client = new Client(server.connection);
    await client.connect();
    await client.query(`insert into fhirdata.basic_logical_resources (logical_resource_id, logical_id) values (900000000, 'many');
    insert into fhirdata.basic_resources select 900000000 + v, 900000000, v, now(), 'N', null, gen_random_uuid()::text from generate_series(1, 100000) v`);
    await client.end();
  });

  it('is visited once for all of its blobs, not once for each', async () => {
    const impatient = openPostgres({ connection: { ...server.connection, user: 'reader' } });
    const look = createPostgresFhirDatabase(
      // 5000 visits take some 24 s; the work of one is a tenth of a second. More than five times: a named statement would get a generic plan then.
      { ...impatient, readOnly: (work) => impatient.readOnly(work, 5000) },
      { schema: 'fhirdata', description: '' },
    ).look;
    try {
      for (let time = 0; time < 7; time += 1) {
        const answer = await look({
          type: types.get(8)!,
          payloads,
          deciding: true,
          identity,
          auditBefore: new Date('2100-01-01T00:00:00Z'),
        });
        expect(answer.orphans.size).toBe(5000);
      }
    } finally {
      await impatient.close();
    }
  });
});
