import { Client } from 'pg';
import { setTimeout as delay } from 'node:timers/promises';
import { cutoffAfterDrain } from '../../../src/payloads/database/cutoff';
import type { DatabaseIdentity } from '../../../src/payloads/database/databaseIdentity';
import type { DrainRequest, FhirDatabase } from '../../../src/payloads/database/fhirDatabase';
import { findingOf } from '../../../src/payloads/guards/refusals';
import { grantReading, loadGolden } from './golden';
import { openSchema, startPostgres, type PostgresServer } from './postgresServer';

let server: PostgresServer;
let database: FhirDatabase;
let identity: DatabaseIdentity;
const clients: Client[] = [];

async function connected(user = 'postgres'): Promise<Client> {
  const client = new Client({ ...server.connection, user, application_name: 'writer of the test' });
  await client.connect();
  clients.push(client);
  return client;
}

const request = (change: Partial<DrainRequest> = {}): DrainRequest => ({
  identity,
  drainMs: 300,
  pollMs: 20,
  signal: AbortSignal.timeout(20_000),
  ...change,
});

/** The role may only select: of other sessions it sees nothing but their locks. */
beforeAll(async () => {
  server = await startPostgres(['max_prepared_transactions=5']);
  await loadGolden(server.connection);
  await grantReading(server.connection, 'reader');
  const owner = await connected();
  await owner.query('create table held (id int); insert into held values (1)');
  database = openSchema({ ...server.connection, user: 'reader' });
  ({ identity } = await database.state());
}, 60_000);

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.end()));
});

afterAll(async () => {
  await database.close();
  await server.stop();
});

describe('the drain of a run', () => {
  it('is over at once when nothing is open', async () => {
    await expect(database.drain(request())).resolves.toEqual({ oldestAgeMs: 0 });
  });

  it('waits for a writer that waits in a lock and has no transaction id yet', async () => {
    const [holder, writer] = [await connected(), await connected()];
    await holder.query('begin; select * from held for update');
    const written = writer.query('select * from held for update');
    await expect(database.drain(request())).rejects.toMatchObject({ code: 'open-transaction', state: 'running' });

    const drained = database.drain(request({ drainMs: 15_000 }));
    let isDrained = false;
    void drained.then(() => (isDrained = true));
    await delay(200);
    expect(isDrained).toBe(false);
    await holder.query('commit');
    await written;
    await expect(drained).resolves.toEqual({ oldestAgeMs: 0 });
  });

  it('tells the operator who holds the transaction that does not end', async () => {
    const writer = await connected();
    await writer.query('begin; select * from held for update');
    const refused: unknown = await database.drain(request()).catch((error: unknown) => error);
    const { rows } = await writer.query<{ pid: number }>('select pg_backend_pid() as pid');
    expect(findingOf(refused)).toMatchObject({ guard: 'open-transaction' });
    expect(findingOf(refused)?.problem).toContain(`pid ${rows[0]!.pid}, role postgres, application writer of the test`);
    expect(findingOf(refused)?.override).toBeUndefined();
  });

  it('goes on without a transaction whose age it may see, with a cutoff before its start', async () => {
    const own = await connected('reader');
    await own.query('begin');
    await own.query('select 1');
    await delay(50);
    const storageDate = new Date();
    const { oldestAgeMs } = await database.drain(request());
    const { rows } = await own.query<{ started: Date }>('select now() as started');
    const cutoff = cutoffAfterDrain(storageDate, 60_000, { oldestAgeMs });
    expect(cutoff.getTime()).toBeLessThan(rows[0]!.started.getTime() - 60_000 - 999);
    await own.query('commit');
  });

  it('does not go on when the age of even one is hidden', async () => {
    const [own, other] = [await connected('reader'), await connected()];
    await own.query('begin');
    await other.query('begin');
    await expect(database.drain(request())).rejects.toMatchObject({
      transactions: [expect.stringContaining('postgres')],
    });
  });

  it('names a prepared transaction that stays', async () => {
    const writer = await connected();
    await writer.query('begin');
    await writer.query('insert into held values (2)');
    await writer.query("prepare transaction 'in-doubt-1'");
    const refused: unknown = await database.drain(request()).catch((error: unknown) => error);
    expect(refused).toMatchObject({ state: 'prepared', transactions: ['in-doubt-1'] });
    expect(findingOf(refused)?.problem).toContain('in-doubt-1');
    await writer.query("rollback prepared 'in-doubt-1'");
    await expect(database.drain(request())).resolves.toEqual({ oldestAgeMs: 0 });
  });

  it('does not wait for transactions that began later, nor for those of another database', async () => {
    const [early, late] = [await connected(), await connected()];
    const elsewhere = new Client({ ...server.connection, database: 'template1' });
    await elsewhere.connect();
    clients.push(elsewhere);
    await elsewhere.query('begin');
    await early.query('begin');
    const drained = database.drain(request({ drainMs: 10_000 }));
    await delay(150);
    await late.query('begin');
    await early.query('commit');
    await expect(drained).resolves.toEqual({ oldestAgeMs: 0 });
  });

  it('ends when it is told to', async () => {
    const writer = await connected();
    await writer.query('begin');
    await expect(database.drain(request({ drainMs: 10_000, signal: AbortSignal.timeout(100) }))).rejects.toMatchObject({
      name: 'AbortError',
    });
  });

  it('says nothing about another database than the one that is meant', async () => {
    await expect(database.drain(request({ identity: { ...identity, timeline: '00000009' } }))).rejects.toMatchObject({
      code: 'other-database',
    });
  });
});

/** There is no Citus here: a function of the documented name and columns stands for it, so this shows what is asked and how the answer is read. */
describe('the workers of a cluster', () => {
  let coordinator: FhirDatabase;
  let owner: Client;
  const answer = (result: string, success = true) =>
    owner.query(`create or replace function pg_catalog.run_command_on_workers(command text)
      returns table (nodename text, nodeport int, success boolean, result text) language sql
      as $$ select 'worker-1'::text, 5432, ${String(success)}, '${result}'::text $$`);
  const drained = async () => {
    const state = await coordinator.state();
    return coordinator.drain(request({ identity: state.identity }));
  };

  beforeAll(async () => {
    const client = new Client({ ...server.connection, database: 'template1' });
    await client.connect();
    await client.query('create database coordinator');
    await client.end();
    const connection = { ...server.connection, database: 'coordinator' };
    await loadGolden(connection);
    owner = new Client({ ...connection, options: '-c allow_system_table_mods=on' });
    await owner.connect();
    await owner.query('create table pg_catalog.pg_dist_node (nodeid int)');
    coordinator = openSchema(connection);
  });

  afterAll(async () => {
    await coordinator.close();
    await owner.end();
  });

  it('are asked for prepared transactions that stay', async () => {
    await answer('["citus_0_1_2_3"]');
    await expect(drained()).rejects.toMatchObject({ state: 'prepared', transactions: ['worker-1:5432 citus_0_1_2_3'] });
    await answer('[]');
    await expect(drained()).resolves.toEqual({ oldestAgeMs: 0 });
  });

  it('have to answer', async () => {
    await answer('[]', false);
    await expect(drained()).rejects.toMatchObject({ code: 'InvalidDatabaseAnswer' });
    await answer('out of memory');
    await expect(drained()).rejects.toMatchObject({ code: 'InvalidDatabaseAnswer' });
  });
});

describe('the cutoff of a run', () => {
  const storageDate = new Date('2026-01-02T00:00:00Z');

  it('is the date of the storage less the grace and the age of what outlasted the drain', () => {
    expect(cutoffAfterDrain(storageDate, 3_600_000, { oldestAgeMs: 0 })).toEqual(new Date('2026-01-01T23:00:00Z'));
    expect(cutoffAfterDrain(storageDate, 3_600_000, { oldestAgeMs: 61_000 })).toEqual(new Date('2026-01-01T22:58:59Z'));
  });

  it('takes no date that is none, and no negative grace', () => {
    expect(() => cutoffAfterDrain(new Date(Number.NaN), 0, { oldestAgeMs: 0 })).toThrow(RangeError);
    expect(() => cutoffAfterDrain(storageDate, -1, { oldestAgeMs: 0 })).toThrow(RangeError);
  });
});
