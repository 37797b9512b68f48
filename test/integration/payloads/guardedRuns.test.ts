import { Client } from 'pg';
import type { FhirDatabase } from '../../../src/payloads/database/fhirDatabase';
import type { PayloadStore } from '../../../src/payloads/payloadStore';
import { memoryRunStore } from '../../../src/payloads/runs/memoryRunStore';
import type { RunRequest } from '../../../src/payloads/runs/run';
import type { ReconcileServices } from '../../../src/payloads/runs/services';
import { addTotals } from '../../../src/payloads/runs/totals';
import { useAzurite } from '../../support/azurite';
import { eventually } from '../../support/eventually';
import { insertPatient, loadSmall, okNames, orphanNames, query, runsWith, storeWith } from './deleteRig';
import { grantReading } from './golden';
import { openSchema, startPostgres, type PostgresServer } from './postgresServer';
import { limitsOfTests, namesIn, putBlobs, reconcileServices, runToTheEnd, type FinishedRun } from './reconcileRig';

const azurite = useAzurite();
let server: PostgresServer;
let database: FhirDatabase;
let clone: FhirDatabase;
const cloned = (): typeof server.connection => ({ ...server.connection, database: 'clone' });

beforeAll(async () => {
  server = await startPostgres();
  await loadSmall(server.connection);
  await grantReading(server.connection, 'reader');
  await query(server.connection, 'create database clone');
  await loadSmall(cloned());
  database = openSchema({ ...server.connection, user: 'reader' });
  clone = openSchema(cloned());
}, 120_000);

afterAll(async () => {
  await database.close();
  await clone.close();
  await server.stop();
});

const run = (
  store: PayloadStore,
  request: Partial<RunRequest> = {},
  change: Partial<ReconcileServices> = {},
): Promise<FinishedRun> => runToTheEnd(reconcileServices(store, change), { mode: 'delete', ...request });

const stored = async (names?: readonly string[], on = database) => {
  const client = await azurite.container();
  return { client, store: await storeWith(client, on, names) };
};

/** A delete run is stopped, and nothing is deleted; a report says the same beforehand. */
async function expectStop(store: PayloadStore, guard: string, names: () => Promise<readonly string[]>) {
  const before = await names();
  const report = await run(store, { mode: 'report' });
  expect(report.view.state).toBe('complete');
  expect(report.view.guards.map((finding) => finding.guard)).toContain(guard);
  const { view } = await run(store);
  expect(view.state).toBe('stopped-by-guard');
  expect(view.totals.deleted ?? 0).toBe(0);
  expect(await names()).toEqual(before);
  const finding = view.guards.find((found) => found.guard === guard);
  expect(finding?.problem).not.toBe('');
  return finding!;
}

const gone = orphanNames.length;

describe('a guard stops a run before its first delete, unless it is told its value:', () => {
  it('orphan-share', async () => {
    const many = Array.from({ length: 55 }, (_, n) => `104/more-${n}/1/00000000-0000-4000-8000-0000000000${n + 10}`);
    const { client, store } = await stored([...okNames, ...many]);
    const finding = await expectStop(store, 'orphan-share', () => namesIn(client));
    const { view } = await run(store, { overrides: { 'orphan-share': finding.override?.value as number } });
    expect(view).toMatchObject({ state: 'complete', totals: { deleted: many.length } });
    expect(await namesIn(client)).toEqual([...okNames].sort());
  });

  it('orphan-count', async () => {
    const { client, store } = await stored();
    const inflated = (): Partial<ReconcileServices> => {
      const runs = memoryRunStore();
      const limits = { ...limitsOfTests, fanOut: false };
      const more = { all: { parsed: 1_000_000, noRow: 10_000 }, byType: {} };
      return {
        limits,
        runs: {
          ...runs,
          readShards: async (id, signal) =>
            (await runs.readShards(id, signal)).map((row) => ({
              ...row,
              value: row.value.scanned ? { ...row.value, totals: addTotals(row.value.totals, more) } : row.value,
            })),
        },
      };
    };
    const stopped = await run(store, {}, inflated());
    expect(stopped.view).toMatchObject({ state: 'stopped-by-guard', guards: [{ guard: 'orphan-count' }] });
    expect(await namesIn(client)).toHaveLength(okNames.length + gone);
    const { view } = await run(store, { overrides: { 'orphan-count': 20_000 } }, inflated());
    expect(view).toMatchObject({ state: 'complete', totals: { deleted: gone } });
  });

  it('orphan-count, also when many shards delete at once: what was agreed to is never exceeded', async () => {
    const { client, store } = await stored();
    const runs = memoryRunStore();
    const agreed = 3;
    const limits = { ...limitsOfTests, fanOut: true, sweepBatch: 1 };
    const bounded: typeof runs = {
      ...runs,
      replace: (before, next) =>
        runs.replace(
          before,
          next.state === 'sweeping' && next.deleteBound === gone ? { ...next, deleteBound: agreed } : next,
        ),
    };
    const { view } = await run(store, {}, { runs: bounded, limits });
    expect(view).toMatchObject({ state: 'stopped-by-guard', totals: { deleted: agreed } });
    expect(view.guards.map(({ guard }) => guard)).toContain('orphan-count');
    expect(await namesIn(client)).toHaveLength(okNames.length + gone - agreed);
    expect(view.continuationToken).toBeUndefined();
  });

  it('wrong-pair, of a clone that was written to since', async () => {
    // As many as the newest rows that are sampled in any case: what is sampled at random differs from run to run.
    const rows = Array.from({ length: 8 }, (_, n) =>
      insertPatient(
        8_000_000 + n,
        `new-${n}`,
        `00000000-0000-4000-a000-0000000000${n + 10}`,
        'fhirdata',
        "now() - interval '1 hour'",
      ),
    );
    await query(cloned(), ...rows);
    const { client, store } = await stored(undefined, clone);
    const finding = await expectStop(store, 'wrong-pair', () => namesIn(client));
    const { view } = await run(store, { overrides: { 'wrong-pair': finding.override?.value as readonly string[] } });
    expect(view.guards.map(({ guard }) => guard)).toEqual([]);
    expect(view).toMatchObject({ state: 'complete', totals: { deleted: gone } });
    await query(cloned(), 'delete from fhirdata.patient_resources where resource_id >= 8000000');
  });

  it('database-restored, where another database comes to a container', async () => {
    const { client, store } = await stored();
    expect((await run(store)).view.state).toBe('complete');
    await putBlobs(client, orphanNames);
    const finding = await expectStop({ ...store, database: clone }, 'database-restored', () => namesIn(client));
    const overrides = { 'database-restored': finding.override?.value as string };
    const { view } = await run({ ...store, database: clone }, { overrides });
    expect(view).toMatchObject({ state: 'complete', totals: { deleted: gone } });
    expect((await run(store)).view).toMatchObject({ state: 'stopped-by-guard' });
  });

  it('unproven: the orphans of a type without rows are spared, and the others are deleted', async () => {
    const unproven = '109/nobody/1/00000000-0000-4000-8000-000000000099';
    const { client, store } = await stored([...okNames, ...orphanNames, unproven]);
    const report = await run(store, { mode: 'report' });
    expect(report.view.guards.map(({ guard }) => guard)).toContain('unproven');
    const { view } = await run(store);
    expect(view).toMatchObject({
      state: 'complete',
      totals: { deleted: gone, unproven: 1 },
      unprovenTypes: ['Practitioner'],
    });
    expect(await namesIn(client)).toContain(unproven);
    const told = await run(store, { overrides: { unproven: ['Practitioner'] } });
    expect(told.view).toMatchObject({ state: 'complete', totals: { deleted: 1 } });
    expect(await namesIn(client)).toEqual([...okNames].sort());
  });

  it('other-tenant, where the row is in another schema', async () => {
    const tables = ['resource_types', 'logical_resources', 'patient_resources', 'patient_logical_resources'];
    const [, id, , key] = orphanNames[0]!.split('/');
    await query(
      server.connection,
      'create schema tenant2',
      ...tables.map((table) => `create table tenant2.${table} (like fhirdata.${table} including all)`),
      "insert into tenant2.resource_types select * from fhirdata.resource_types where resource_type = 'Patient'",
      insertPatient(1, id!, key!, 'tenant2'),
      'grant usage on schema tenant2 to reader; grant select on all tables in schema tenant2 to reader',
    );
    const { client, store } = await stored();
    await expectStop(store, 'other-tenant', () => namesIn(client));
    const { view } = await run(store, { overrides: { 'other-tenant': ['tenant2'] } });
    expect(view).toMatchObject({ state: 'complete', totals: { deleted: gone } });
    await query(server.connection, 'drop schema tenant2 cascade');
  });

  it('canary-missing, where rows are hidden between scan and sweep', async () => {
    const ofPatients = orphanNames.filter((name) => name.startsWith('104/'));
    const { client, store } = await stored([...okNames, ...ofPatients]);
    await withPatientsKept(async () => {
      const runs = runsWith('sweeping', () => query(server.connection, 'delete from fhirdata.patient_resources'));
      const { view } = await run(store, {}, { runs });
      expect(view).toMatchObject({ state: 'stopped-by-guard', guards: [{ guard: 'canary-missing' }] });
      expect(view.totals.deleted ?? 0).toBe(0);
      expect(await namesIn(client)).toHaveLength(okNames.length + ofPatients.length);
    });
    expect((await run(store)).view).toMatchObject({ state: 'complete', totals: { deleted: ofPatients.length } });
  });

  it('no guard, where a canary was erased with its payload', async () => {
    const { client, store } = await stored();
    const [, , , key] = okNames[0]!.split('/');
    await withPatientsKept(async () => {
      const runs = runsWith('sweeping', async () => {
        await query(server.connection, `delete from fhirdata.patient_resources where resource_payload_key = '${key!}'`);
        await client.deleteBlob(okNames[0]!);
      });
      const { view } = await run(store, {}, { runs });
      expect(view).toMatchObject({ state: 'complete', guards: [], totals: { deleted: gone } });
    });
  });
});

/** Whatever happens to the rows of patients, they are back afterwards. */
async function withPatientsKept(happens: () => Promise<void>): Promise<void> {
  await query(server.connection, 'create table kept as select * from fhirdata.patient_resources');
  try {
    await happens();
  } finally {
    await query(
      server.connection,
      'delete from fhirdata.patient_resources; insert into fhirdata.patient_resources select * from kept; drop table kept',
    );
  }
}

describe('a write that waits in a lock while its payload is stored', () => {
  const payload = '104/waits/1/00000000-0000-4000-8000-0000000000ff';
  const connected = async (): Promise<Client> => {
    const client = new Client(server.connection);
    await client.connect();
    return client;
  };

  it('keeps its payload, whether the run gives up or waits: the loss that the Java tool brings about', async () => {
    const { client, store } = await stored([...okNames, payload]);
    const [holder, writer] = [await connected(), await connected()];
    const lock = 'select from fhirdata.logical_resource_ident order by logical_id limit 1 for update';
    await holder.query('begin');
    await holder.query(lock);
    await writer.query('begin');
    const locked = writer.query(lock);
    await eventually(async () =>
      (await holder.query('select from pg_locks where not granted')).rows.length > 0 ? true : undefined,
    );

    const limits = (drainMs: number) => ({ limits: { ...limitsOfTests, drainMs } });
    const givesUp = await run(store, {}, limits(100));
    expect(givesUp.view).toMatchObject({ state: 'stopped-by-guard', guards: [{ guard: 'open-transaction' }] });
    const report = await run(store, { mode: 'report' }, limits(100));
    expect(report.view.guards.map(({ guard }) => guard)).toContain('open-transaction');

    const waits = run(store, {}, limits(20_000));
    await holder.query('commit');
    await locked;
    await writer.query(insertPatient(8_100_000, 'waits', payload.split('/')[3]!));
    await writer.query('commit');
    expect((await waits).view).toMatchObject({ state: 'complete' });
    expect((await waits).view.totals.deleted ?? 0).toBe(0);
    expect(await namesIn(client)).toContain(payload);
    await query(server.connection, 'delete from fhirdata.patient_resources where resource_id = 8100000');
    await Promise.all([holder.end(), writer.end()]);
  });
});
