import { Client } from 'pg';
import { setTimeout as delay } from 'node:timers/promises';
import { fixCutoff, type CutoffRequest } from '../../../src/payloads/database/cutoff';
import type { Database } from '../../../src/payloads/database/database';
import { openPostgres } from '../../../src/payloads/database/postgresDatabase';
import { startPostgres, type PostgresServer } from './postgresServer';

let server: PostgresServer;
let database: Database;
const clients: Client[] = [];

async function connected(): Promise<Client> {
  const client = new Client(server.connection);
  await client.connect();
  clients.push(client);
  return client;
}

const request = (change: Partial<CutoffRequest> = {}): CutoffRequest => ({
  storageDate: new Date('2026-01-02T00:00:00Z'),
  graceMs: 3_600_000,
  drainMs: 300,
  pollMs: 20,
  signal: AbortSignal.timeout(20_000),
  ...change,
});

/** A role with no rights sees nothing of what other sessions do, except their locks. */
beforeAll(async () => {
  server = await startPostgres(['max_prepared_transactions=5']);
  const owner = await connected();
  await owner.query('create role reader login; create table held (id int); insert into held values (1)');
  database = openPostgres({ connection: { ...server.connection, user: 'reader' } });
}, 60_000);

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.end()));
});

afterAll(async () => {
  await database.close();
  await server.stop();
});

describe('the cutoff of a run', () => {
  it('is the date of the storage less the grace when nothing is open', async () => {
    await expect(fixCutoff(database, request())).resolves.toEqual(new Date('2026-01-01T23:00:00Z'));
  });

  it('waits for a writer that waits in a lock and has no transaction id yet', async () => {
    const [holder, writer] = [await connected(), await connected()];
    await holder.query('begin; select * from held for update');
    const written = writer.query('select * from held for update');
    await expect(fixCutoff(database, request())).rejects.toMatchObject({ code: 'open-transaction', state: 'running' });

    const cutoff = fixCutoff(database, request({ drainMs: 15_000 }));
    let isFixed = false;
    void cutoff.then(() => (isFixed = true));
    await delay(200);
    expect(isFixed).toBe(false);
    await holder.query('commit');
    await written;
    await expect(cutoff).resolves.toEqual(new Date('2026-01-01T23:00:00Z'));
  });

  it('names a prepared transaction that stays', async () => {
    const writer = await connected();
    await writer.query('begin');
    await writer.query('insert into held values (2)');
    await writer.query("prepare transaction 'in-doubt-1'");
    await expect(fixCutoff(database, request())).rejects.toMatchObject({
      state: 'prepared',
      transactions: ['in-doubt-1'],
    });
    await writer.query("rollback prepared 'in-doubt-1'");
    await expect(fixCutoff(database, request())).resolves.toBeInstanceOf(Date);
  });

  it('does not wait for transactions that began later', async () => {
    const [early, late] = [await connected(), await connected()];
    await early.query('begin');
    const cutoff = fixCutoff(database, request({ drainMs: 10_000 }));
    await delay(150);
    await late.query('begin');
    await early.query('commit');
    await expect(cutoff).resolves.toBeInstanceOf(Date);
    await late.query('rollback');
  });

  it('ends when it is told to, and takes no date that is none', async () => {
    const writer = await connected();
    await writer.query('begin');
    await expect(
      fixCutoff(database, request({ drainMs: 10_000, signal: AbortSignal.timeout(100) })),
    ).rejects.toMatchObject({ name: 'AbortError' });
    await expect(fixCutoff(database, request({ storageDate: new Date(Number.NaN) }))).rejects.toThrow(RangeError);
  });
});
