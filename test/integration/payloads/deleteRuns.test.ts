import { createQuarantineContainer } from '../../../src/payloads/container/quarantine';
import type { FhirDatabase } from '../../../src/payloads/database/fhirDatabase';
import type { PayloadStore } from '../../../src/payloads/payloadStore';
import { memoryRunStore } from '../../../src/payloads/runs/memoryRunStore';
import { cancelRun, startRun } from '../../../src/payloads/runs/startRun';
import type { RunRequest } from '../../../src/payloads/runs/run';
import type { RunStore } from '../../../src/payloads/runs/runStore';
import type { ReconcileServices } from '../../../src/payloads/runs/services';
import { workThrough } from '../../../src/payloads/runs/workThrough';
import { useAzurite } from '../../support/azurite';
import { insertPatient, loadSmall, okNames, orphanNames, query, runsWith, storeWith } from './deleteRig';
import { openSchema, startPostgres, type PostgresServer } from './postgresServer';
import {
  finished,
  limitsOfTests,
  namesIn,
  reconcileServices,
  reportRequest,
  runToTheEnd,
  untilTheTestEnds,
  type FinishedRun,
} from './reconcileRig';

const azurite = useAzurite();
let server: PostgresServer;
let database: FhirDatabase;

beforeAll(async () => {
  server = await startPostgres();
  await loadSmall(server.connection);
  database = openSchema(server.connection);
}, 120_000);

afterAll(async () => {
  await database.close();
  await server.stop();
});

afterEach(() => forget());

const small = { ...limitsOfTests, fanOut: false, pageSize: 5, sweepBatch: 1 };
const run = (
  store: PayloadStore,
  request: Partial<RunRequest> = {},
  change: Partial<ReconcileServices> = {},
): Promise<FinishedRun> =>
  runToTheEnd(reconcileServices(store, { limits: small, ...change }), { mode: 'delete', ...request });

const stored = async () => {
  const client = await azurite.container();
  return { client, store: await storeWith(client, database) };
};
const gone = orphanNames.length;
const [victim] = orphanNames as [string];

describe('a delete run', () => {
  it('goes on when one blob cannot be deleted, and says why', async () => {
    const { client, store } = await stored();
    await client.getBlobClient(victim).getBlobLeaseClient().acquireLease(60);
    const { view, findings } = await run(store);
    expect(view).toMatchObject({ state: 'complete', totals: { deleted: gone - 1, failed: 1 } });
    expect(findings.find(({ name }) => name === victim)).toMatchObject({ outcome: 'failed', code: 'LeaseIdMissing' });
    expect(await namesIn(client)).toEqual([...okNames, victim].sort());
  });

  it('leaves a blob that was written again since it was listed, and takes one that is gone for what it is', async () => {
    const { client, store } = await stored();
    const runs = runsWith('sweeping', async () => {
      await client.getBlockBlobClient(victim).upload('{"again":true}', 14);
      await client.deleteBlob(orphanNames[1]!);
    });
    const { view, findings } = await run(store, {}, { runs });
    expect(view).toMatchObject({ state: 'complete', totals: { deleted: gone - 2, changed: 1, gone: 1 } });
    expect(findings.find(({ name }) => name === victim)?.outcome).toBe('changed');
    expect(await namesIn(client)).toContain(victim);
  });

  it('leaves a payload that has its row by the time of the sweep', async () => {
    const { client, store } = await stored();
    const [, id, , key] = victim.split('/');
    const runs = runsWith('sweeping', () => query(server.connection, insertPatient(8_200_000, id!, key!)));
    const { view } = await run(store, {}, { runs });
    expect(view).toMatchObject({ state: 'complete', totals: { deleted: gone - 1, live: 1 } });
    expect(await namesIn(client)).toContain(victim);
  });

  it('shares the work with another one at the same time', async () => {
    const { client, store } = await stored();
    const both = await Promise.all([run(store), run(store)]);
    const [one, other] = both.map(({ view }) => view.totals);
    expect(both.map(({ view }) => view.state)).toEqual(['complete', 'complete']);
    expect((one!.deleted ?? 0) + (other!.deleted ?? 0)).toBe(gone);
    expect(await namesIn(client)).toEqual([...okNames].sort());
  });
});

const forget = () =>
  query(
    server.connection,
    'delete from fhirdata.patient_resources where resource_id >= 8200000; delete from fhirdata.patient_logical_resources where logical_resource_id >= 8200000',
  );

describe('a payload whose row comes back after it was deleted', () => {
  /** Somebody restores the row once the payload is gone. */
  const revived = (): { reporter: ReconcileServices['reporter']; runs: RunStore } => {
    const [, id, , key] = victim.split('/');
    const runs = memoryRunStore();
    let isBack = false;
    return {
      reporter: {},
      runs: {
        ...runs,
        replaceShard: async (runId, before, next) => {
          const saved = await runs.replaceShard(runId, before, next);
          if (next.sweep.done && !isBack) {
            isBack = true;
            await query(server.connection, insertPatient(8_200_000, id!, key!));
          }
          return saved;
        },
      },
    };
  };

  it('is noticed by the look after the sweep: no run deletes in the container until a person has looked', async () => {
    const { client, store } = await stored();
    const services = reconcileServices(store, { limits: small, ...revived() });
    const { view } = await runToTheEnd(services, { mode: 'delete' });
    expect(view).toMatchObject({ state: 'failed', wronglyDeleted: 1, problem: { code: 'wrongly-deleted' } });

    const next = await run(store);
    expect(next.view).toMatchObject({ state: 'stopped-by-guard', guards: [{ guard: 'wrongly-deleted' }] });
    const report = await run(store, { mode: 'report' });
    expect(report.view.guards.map(({ guard }) => guard)).toContain('wrongly-deleted');
    // The person restores the payload; another orphan has come meanwhile.
    await client.getBlockBlobClient(victim).upload('{}', 2);
    await client.getBlockBlobClient('104/orphan-9/1/00000000-0000-4000-8000-000000000009').upload('{}', 2);
    const told = await run(store, { overrides: { 'wrongly-deleted': view.runId } });
    expect(told.view).toMatchObject({ state: 'complete', totals: { deleted: 1 } });
    expect((await run(store)).view.state).toBe('complete');
  });

  it('is noticed at the start of the next run, when its row came later still', async () => {
    const { client, store } = await stored();
    const services = reconcileServices(store, { limits: small });
    const first = await runToTheEnd(services, { mode: 'delete' });
    expect(first.view).toMatchObject({ state: 'complete', totals: { deleted: gone } });
    const [, id, , key] = victim.split('/');
    await query(server.connection, insertPatient(8_200_000, id!, key!));
    const second = await runToTheEnd(services, { mode: 'delete' });
    expect(second.view).toMatchObject({ state: 'stopped-by-guard', guards: [{ guard: 'wrongly-deleted' }] });
    expect(second.view.guards[0]?.override?.value).toBe(first.view.runId);

    await client.getBlockBlobClient(victim).upload('{}', 2);
    const told = await runToTheEnd(services, { mode: 'delete', overrides: { 'wrongly-deleted': first.view.runId } });
    expect(told.view.state).toBe('complete');
    const after = await runToTheEnd(services, { mode: 'delete' });
    expect(after.view).toMatchObject({ state: 'complete', guards: [] });
  });

  it('is taken back from quarantine', async () => {
    const { client, store } = await stored();
    const quarantine = createQuarantineContainer({ payloads: client, quarantine: await azurite.container() });
    const { view } = await run({ ...store, quarantine }, { mode: 'quarantine' }, revived());
    expect(view).toMatchObject({ state: 'failed', wronglyDeleted: 1, totals: { quarantined: gone } });
    expect(await namesIn(client)).toEqual([...okNames, victim].sort());
  });
});

describe('a run that is cancelled', () => {
  const cancelledAt = async (
    store: PayloadStore,
    change: (cancel: () => Promise<unknown>) => Partial<ReconcileServices>,
  ) => {
    let runId = '';
    const runs = memoryRunStore();
    const cancel = () => cancelRun({ runs }, runId, untilTheTestEnds);
    const services = reconcileServices(store, { limits: small, runs, ...change(cancel) });
    const started = await startRun(services, { ...reportRequest, mode: 'delete' });
    runId = started.run.id;
    await workThrough(services, started.followUps, untilTheTestEnds);
    return finished(services, runId);
  };

  it('ends at once when it was not planned yet', async () => {
    const { client, store } = await stored();
    const services = reconcileServices(store, { limits: small });
    const { run: begun, followUps } = await startRun(services, { ...reportRequest, mode: 'delete' });
    expect(await cancelRun(services, begun.id, untilTheTestEnds)).toBe(true);
    await workThrough(services, followUps, untilTheTestEnds);
    expect((await finished(services, begun.id)).view).toMatchObject({ state: 'cancelled', totals: { orphans: 0 } });
    expect(await namesIn(client)).toHaveLength(okNames.length + gone);
  });

  it('during the scan keeps its totals and deletes nothing; what it left is scanned again', async () => {
    const { client, store } = await stored();
    const { view } = await cancelledAt(store, (cancel) => ({ reporter: { pageScanned: () => void cancel() } }));
    expect(view.state).toBe('cancelled');
    expect(view.totals.listed).toBeLessThan(okNames.length + gone);
    expect(await namesIn(client)).toHaveLength(okNames.length + gone);
  });

  it('while the guards look deletes nothing', async () => {
    const { client, store } = await stored();
    const { view } = await cancelledAt(
      { ...store, database: { ...database, sampleRows: (...asked) => database.sampleRows(...asked) } },
      (cancel) => ({ reporter: { pageScanned: ({ shard }) => void (shard.scanned && cancel()) } }),
    );
    expect(view).toMatchObject({ state: 'cancelled', totals: { listed: okNames.length + gone } });
    expect(await namesIn(client)).toHaveLength(okNames.length + gone);
  });

  it('during the sweep ends after the batch, with what it deleted counted; what it left is no part of a token', async () => {
    const { client, store } = await stored();
    const { view } = await cancelledAt(store, (cancel) => ({ reporter: { batchSwept: () => void cancel() } }));
    expect(view).toMatchObject({ state: 'cancelled', totals: { deleted: 1 } });
    expect(await namesIn(client)).toHaveLength(okNames.length + gone - 1);
    expect(view.continuationToken).toBeUndefined();
    expect((await run(store)).view).toMatchObject({ state: 'complete', totals: { deleted: gone - 1 } });
  });

  it('stays as it is when it has ended', async () => {
    const { store } = await stored();
    const services = reconcileServices(store, { limits: small });
    const { view } = await runToTheEnd(services, { mode: 'delete' });
    expect(await cancelRun(services, view.runId, untilTheTestEnds)).toBe(true);
    expect((await finished(services, view.runId)).view.state).toBe('complete');
    expect(await cancelRun(services, 'no such run', untilTheTestEnds)).toBe(false);
  });
});
