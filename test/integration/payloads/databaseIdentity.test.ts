import { Client } from 'pg';
import type { DatabaseState } from '../../../src/payloads/database/databaseIdentity';
import { guardDatabase } from '../../../src/payloads/guards/database';
import { loadGolden } from './golden';
import { openSchema, startPostgres, type PostgresServer } from './postgresServer';

const DAY_MS = 86_400_000;
let server: PostgresServer;
let original: DatabaseState;

async function stateOf(name: string): Promise<DatabaseState> {
  const database = openSchema({ ...server.connection, database: name });
  try {
    return await database.state();
  } finally {
    await database.close();
  }
}

async function asOwner(statement: string): Promise<void> {
  const client = new Client({ ...server.connection, database: 'template1' });
  await client.connect();
  await client.query(statement);
  await client.end();
}

const guards = (state: DatabaseState, last: DatabaseState | undefined, cutoff: Date): readonly string[] =>
  guardDatabase(state, last?.identity, cutoff, DAY_MS).map(({ guard }) => guard);

beforeAll(async () => {
  server = await startPostgres();
  await loadGolden(server.connection);
  original = await stateOf('postgres');
}, 60_000);

afterAll(() => server.stop());

describe('the guards of the database', () => {
  const longAgo = new Date('2026-11-01T00:00:00Z');

  it('find nothing wrong with the same database as last time', async () => {
    expect(Object.values(original.identity)).not.toContain(undefined);
    expect(guards(await stateOf('postgres'), original, longAgo)).toEqual([]);
  });

  it('tell a clone from the database of the last run', async () => {
    await asOwner('create database clone template postgres');
    expect(guards(await stateOf('clone'), original, longAgo)).toEqual(['database-restored']);
    expect(guards(await stateOf('clone'), undefined, longAgo)).toEqual([]);
  });

  it('tell a database whose tables were loaded again', async () => {
    await asOwner('create database reloaded');
    await loadGolden({ ...server.connection, database: 'reloaded' });
    expect(guards(await stateOf('reloaded'), original, longAgo)).toEqual(['database-restored']);
  });

  it('do not believe a database about times after its newest row less the grace', () => {
    const newest = original.newest!;
    expect(newest.toISOString()).toMatch(/^2026-11-23T/);
    expect(guards(original, original, new Date(newest.getTime() - DAY_MS))).toEqual([]);
    expect(guards(original, original, new Date(newest.getTime() - DAY_MS + 1))).toEqual(['stale-database']);
    expect(guards({ ...original, newest: undefined }, original, longAgo)).toEqual(['stale-database']);
  });

  it('report a standby, a subscriber and a changed collation each by its name', () => {
    const state = { ...original, isStandby: true, subscribedTables: 2, collationChanged: true };
    expect(guards(state, original, longAgo)).toEqual(['standby', 'logical-subscriber', 'collation-changed']);
  });
});
