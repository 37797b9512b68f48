import { HttpRequest } from '@azure/functions';
import { ContainerClient } from '@azure/storage-blob';
import { Client } from 'pg';
import { reconcileApi } from '../../../src/api/reconcileApi';
import type { AzureContainerOptions } from '../../../src/payloads/container/azureContainer';
import { createQuarantineContainer } from '../../../src/payloads/container/quarantine';
import type { FhirDatabase } from '../../../src/payloads/database/fhirDatabase';
import { openPostgres } from '../../../src/payloads/database/postgresDatabase';
import { createPostgresFhirDatabase } from '../../../src/payloads/database/postgresFhirDatabase';
import type { PayloadStore } from '../../../src/payloads/payloadStore';
import { advance } from '../../../src/payloads/runs/advance';
import type { RunMode, RunRequest } from '../../../src/payloads/runs/run';
import type { ReconcileServices } from '../../../src/payloads/runs/services';
import { startRun } from '../../../src/payloads/runs/startRun';
import { shardSlice, type FollowUp } from '../../../src/payloads/runs/steps';
import { tableRunStore } from '../../../src/payloads/runs/tableRunStore';
import { createReconcile } from '../../../src/reconcile';
import { readReconcileSettings } from '../../../src/reconcileSettings';
import { useAzurite } from '../../support/azurite';
import { eventually } from '../../support/eventually';
import { recordingTelemetry } from '../../support/recordingTelemetry';
import { startGate, type Fault, type GatedRequest, type RequestGate, type Verdict } from '../../support/requestGate';
import { loadSmall, okNames, orphanNames, runsWith, storeWith } from './deleteRig';
import { openSchema, startPostgres, type PostgresServer } from './postgresServer';
import {
  finished,
  limitsOfTests,
  namesIn,
  reconcileServices,
  reportRequest,
  untilTheTestEnds,
  type FinishedRun,
} from './reconcileRig';
import { TestClock } from './sliceDriver';

/** Storage and database fail at the worst moments: a run goes on afterwards, or ends and says why; nothing wrong is ever deleted. */

const azurite = useAzurite();
let server: PostgresServer;
let gate: RequestGate;
let database: FhirDatabase;

beforeAll(async () => {
  server = await startPostgres();
  await loadSmall(server.connection);
  database = openSchema(server.connection);
  gate = await startGate({ blobs: azurite.running.blobUrl });
}, 120_000);

afterEach(() => {
  gate.decide = () => 'forward';
});

afterAll(async () => {
  await database.close();
  await gate.stop();
  await server.stop();
});

const gone = orphanNames.length;
const [victim] = orphanNames as [string];
const limits = { ...limitsOfTests, fanOut: false, pageSize: 5, sweepBatch: 2 };
const pipeline = { retryOptions: { maxTries: 2, retryDelayInMs: 1, maxRetryDelayInMs: 2 } };
const undisturbed = {
  report: { listed: okNames.length + gone, ok: okNames.length, orphans: gone },
  delete: { listed: okNames.length + gone, ok: okNames.length, orphans: gone, deleted: gone },
};

const isList = ({ method, path }: GatedRequest): boolean => method === 'GET' && path.includes('comp=list');
const isLaterPage = (request: GatedRequest): boolean => isList(request) && request.path.includes('marker=');
const isDelete = ({ method, path }: GatedRequest): boolean => method === 'DELETE' && path.includes('/104');

interface Stored {
  /** past the gate */
  readonly client: ContainerClient;
  readonly store: PayloadStore;
}

async function stored(on: FhirDatabase = database, options: AzureContainerOptions = {}): Promise<Stored> {
  const client = await azurite.container();
  const throughGate = (container: ContainerClient): ContainerClient =>
    new ContainerClient(gate.through(container.url), container.credential);
  const store = await storeWith(throughGate(client), on, undefined, { pipeline, ...options });
  const quarantine = createQuarantineContainer(
    { payloads: throughGate(client), quarantine: throughGate(await azurite.container()) },
    pipeline,
  );
  return { client, store: { ...store, quarantine } };
}

const servicesOf = (store: PayloadStore, change: Partial<ReconcileServices> = {}): ReconcileServices =>
  reconcileServices(store, { limits, ...change });

interface Played extends FinishedRun {
  /** what slices threw; each was delivered again */
  readonly errors: readonly unknown[];
}

/** Delivers every message of a run, again where its slice throws. */
async function play(
  services: ReconcileServices,
  request: Partial<RunRequest>,
  onError: (error: unknown) => unknown = () => undefined,
): Promise<Played> {
  const { run, followUps } = await startRun(services, { ...reportRequest, ...request });
  const errors = await deliver(services, followUps, onError);
  return { ...(await finished(services, run.id)), errors };
}

async function deliver(
  services: ReconcileServices,
  first: readonly FollowUp[],
  onError: (error: unknown) => unknown = () => undefined,
): Promise<readonly unknown[]> {
  const waiting = [...first];
  const errors: unknown[] = [];
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
    try {
      waiting.push(...(await advance(services, next.message, untilTheTestEnds)));
    } catch (error) {
      errors.push(error);
      if (errors.length > 20) throw error;
      await onError(error);
      waiting.push(next);
    }
  return errors;
}

/** The first requests that fit meet a fault. */
function failFirst(times: number, fits: (request: GatedRequest) => boolean, fault: Fault): void {
  let left = times;
  gate.decide = (request) => {
    if (left === 0 || !fits(request)) return 'forward';
    left -= 1;
    return fault;
  };
}

/** The first request that fits waits. */
function hold(fits: (request: GatedRequest) => boolean): { readonly arrived: Promise<void>; release(): void } {
  let release = (): void => undefined;
  let arrive = (): void => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  const arrived = new Promise<void>((resolve) => (arrive = resolve));
  let isHeld = false;
  gate.decide = async (request): Promise<Verdict> => {
    if (isHeld || !fits(request)) return 'forward';
    isHeld = true;
    arrive();
    await released;
    return 'forward';
  };
  return { arrived, release };
}

const serverError = { status: 500, code: 'InternalError' };
const serverBusy = { status: 503, code: 'ServerBusy' };

describe('a listing that fails', () => {
  it.each([
    ['500', serverError],
    ['503', serverBusy],
    ['the end of the connection', 'reset'],
    ['the end of the connection with the reply', 'forward-and-reset'],
  ] as const)('with %s for a while only delays a run', async (_, fault) => {
    const { client, store } = await stored();
    failFirst(5, isLaterPage, fault);
    const { view, errors } = await play(servicesOf(store), { mode: 'delete' });
    expect(errors).toHaveLength(2);
    expect(view).toMatchObject({ state: 'complete', totals: undisturbed.delete });
    expect(await namesIn(client)).toEqual([...okNames].sort());
  });

  it('from the first to the last page ends with the totals of a run without it, when it fails before each page', async () => {
    const { store } = await stored();
    let lists = 0;
    gate.decide = (request) => (isList(request) && (lists += 1) % 3 !== 0 ? serverBusy : 'forward');
    const { view, errors } = await play(servicesOf(store), { mode: 'report' });
    expect(errors.length).toBeGreaterThan(3);
    expect(view).toMatchObject({ state: 'complete', totals: undisturbed.report });
  });

  it('for ever fails the run when the host gives its message up, before anything is deleted', async () => {
    const { client, store } = await stored();
    gate.decide = (request) => (isLaterPage(request) ? serverError : 'forward');
    const [runsTable, reports, slices] = [await azurite.table(), await azurite.container(), await azurite.queue()];
    const services = servicesOf(store, { runs: tableRunStore(runsTable) });
    const { run, followUps } = await startRun(services, { ...reportRequest, mode: 'delete' });
    await expect(deliver(services, followUps)).rejects.toMatchObject({ statusCode: 500 });

    const clients = { stores: [store], runsTable, reports, slices, poison: slices };
    const reconcile = createReconcile(readReconcileSettings({}), clients, recordingTelemetry());
    await reconcile.handlePoison({ slice: { run: run.id } }, untilTheTestEnds);
    const { view } = await finished(services, run.id);
    expect(view).toMatchObject({ state: 'failed', problem: { code: 'slice-failed' } });
    expect(view.problem?.message).toContain('failed again and again');
    expect(await namesIn(client)).toHaveLength(okNames.length + gone);
  });
});

describe('a delete that fails', () => {
  it.each([
    ['500', serverError, 'InternalError'],
    ['503', serverBusy, 'ServerBusy'],
    ['the end of the connection', 'reset', 'ECONNRESET'],
  ] as const)('with %s is counted with its code and stops nothing; the next run deletes', async (_, fault, code) => {
    const { client, store } = await stored();
    gate.decide = ({ method, path }) => (method === 'DELETE' && path.includes(victim) ? fault : 'forward');
    const { view, findings } = await play(servicesOf(store), { mode: 'delete' });
    expect(view).toMatchObject({ state: 'complete', totals: { deleted: gone - 1, failed: 1 } });
    expect(findings.find(({ name }) => name === victim)).toMatchObject({ outcome: 'failed', code });
    expect(await namesIn(client)).toEqual([...okNames, victim].sort());

    gate.decide = () => 'forward';
    expect((await play(servicesOf(store), { mode: 'delete' })).view.totals).toMatchObject({ orphans: 1, deleted: 1 });
    expect(await namesIn(client)).toEqual([...okNames].sort());
  });

  it('each time leaves every payload, and says so', async () => {
    const { client, store } = await stored();
    gate.decide = ({ method }) => (method === 'DELETE' ? serverBusy : 'forward');
    const { view } = await play(servicesOf(store), { mode: 'delete' });
    expect(view).toMatchObject({ state: 'complete', totals: { orphans: gone, failed: gone } });
    expect(await namesIn(client)).toHaveLength(okNames.length + gone);
  });

  it('with its reply only is known as gone', async () => {
    const { client, store } = await stored();
    failFirst(1, isDelete, 'forward-and-reset');
    const { view } = await play(servicesOf(store), { mode: 'delete' });
    expect(view).toMatchObject({ state: 'complete', totals: { deleted: gone - 1, gone: 1 } });
    expect(await namesIn(client)).toEqual([...okNames].sort());
  });

  it('as a batch is followed by single ones', async () => {
    const { client, store } = await stored(database, { deletes: 'batch' });
    gate.decide = ({ path }) => (path.includes('comp=batch') ? serverBusy : 'forward');
    const { view } = await play(servicesOf(store), { mode: 'delete' });
    expect(view).toMatchObject({ state: 'complete', totals: undisturbed.delete });
    expect(await namesIn(client)).toEqual([...okNames].sort());
  });

  it('after a copy to quarantine leaves the payload where it is', async () => {
    const { client, store } = await stored();
    gate.decide = ({ method, path }) => (method === 'DELETE' && path.includes(victim) ? serverError : 'forward');
    const { view } = await play(servicesOf(store), { mode: 'quarantine' });
    expect(view).toMatchObject({ state: 'complete', totals: { quarantined: gone - 1, failed: 1 } });
    expect(await namesIn(client)).toEqual([...okNames, victim].sort());
  });
});

/** Nobody can read the rows of patients until it is released, or until the server ends the connection. */
async function lockPatients(): Promise<Client> {
  const locker = new Client(server.connection);
  locker.on('error', () => undefined);
  await locker.connect();
  await locker.query('begin; lock table fhirdata.patient_resources in access exclusive mode');
  return locker;
}

/** Returns when a statement waits in the lock. */
async function somebodyWaits(): Promise<void> {
  const watcher = new Client(server.connection);
  await watcher.connect();
  await eventually(async () => {
    const { rows } = await watcher.query('select from pg_locks where not granted');
    return rows.length > 0 ? true : undefined;
  });
  await watcher.end();
}

/** As a restart for maintenance: what is asked in the meantime finds no server. */
async function restartUnderStatement(): Promise<void> {
  await somebodyWaits();
  await server.restart();
}

const unreachable = expect.objectContaining({ code: 'unreachable', isTransient: true }) as unknown;

describe('a database that is restarted', () => {
  it('in the middle of the look of a page only delays the run', async () => {
    const { client, store } = await stored();
    await lockPatients();
    const restarted = restartUnderStatement();
    const { view, errors } = await play(servicesOf(store), { mode: 'delete' }, () => restarted);
    expect(errors).toEqual([unreachable]);
    expect(view).toMatchObject({ state: 'complete', guards: [], totals: undisturbed.delete });
    expect(await namesIn(client)).toEqual([...okNames].sort());
  });

  it('in the middle of the look that decides on deletes only delays the run', async () => {
    const { client, store } = await stored();
    let restarted = Promise.resolve();
    const runs = runsWith('sweeping', async () => {
      await lockPatients();
      restarted = restartUnderStatement();
    });
    const { view, errors } = await play(servicesOf(store, { runs }), { mode: 'delete' }, () => restarted);
    expect(errors).toEqual([unreachable]);
    expect(view).toMatchObject({ state: 'complete', totals: undisturbed.delete });
    expect(await namesIn(client)).toEqual([...okNames].sort());
  });

  it('between look and delete changes nothing', async () => {
    const { client, store } = await stored();
    let isFirst = true;
    gate.decide = async (request): Promise<Verdict> => {
      if (isFirst && isDelete(request)) {
        isFirst = false;
        await server.restart();
      }
      return 'forward';
    };
    const { view } = await play(servicesOf(store), { mode: 'delete' });
    expect(isFirst).toBe(false);
    expect(view).toMatchObject({ state: 'complete', totals: undisturbed.delete });
    expect(await namesIn(client)).toEqual([...okNames].sort());
  });
});

describe('a statement that takes too long', () => {
  /** Statements are ended soon. */
  const impatient = (): FhirDatabase => {
    const patient = openPostgres({ connection: server.connection });
    const soon = {
      ...patient,
      readOnly: <T>(work: Parameters<typeof patient.readOnly<T>>[0]) => patient.readOnly(work, 300),
    };
    return createPostgresFhirDatabase(soon, { schema: 'fhirdata', description: 'a test' });
  };
  const timedOut = expect.objectContaining({ code: 'timed-out', sqlState: '57014' }) as unknown;

  it('is ended by the database, and the run goes on when it can be answered', async () => {
    const inAHurry = impatient();
    const { client, store } = await stored(inAHurry);
    let locker = await lockPatients();
    const runs = runsWith('sweeping', async () => {
      locker = await lockPatients();
    });
    const { view, errors } = await play(servicesOf(store, { runs }), { mode: 'delete' }, () => locker.end());
    expect(errors).toEqual([timedOut, timedOut]);
    expect(view).toMatchObject({ state: 'complete', totals: undisturbed.delete });
    expect(await namesIn(client)).toEqual([...okNames].sort());
    await inAHurry.close();
  });
});

describe('a slice whose claim ran out while it worked', () => {
  const slow = async (
    fits: (request: GatedRequest) => boolean,
    mode: RunMode,
    meanwhile?: (client: ContainerClient) => Promise<unknown>,
  ) => {
    const { client, store } = await stored();
    const clock = new TestClock();
    const services = servicesOf(store, { clock: clock.now });
    const { run, followUps } = await startRun(services, { ...reportRequest, mode });
    const held = hold(fits);
    const first = deliver(services, followUps);
    await held.arrived;
    clock.nowMs += limits.claimMs + 1;
    const [shard] = await services.runs.readShards(run.id, untilTheTestEnds);
    await deliver(services, [shardSlice(run.id, shard!.value.id)]);
    const before = await finished(services, run.id);
    await meanwhile?.(client);
    held.release();
    await first;
    const after = await finished(services, run.id);
    // What the late slice did is no part of the run.
    expect(after).toEqual({ ...before, view: { ...after.view } });
    expect(after.view.totals).toEqual(before.view.totals);
    return { client, view: after.view };
  };

  it('in the scan leaves the totals to the one that took its shard over', async () => {
    const { client, view } = await slow(isLaterPage, 'delete');
    expect(view).toMatchObject({ state: 'complete', totals: undisturbed.delete });
    expect(await namesIn(client)).toEqual([...okNames].sort());
  });

  it('in the sweep deletes nothing that was written since, and counts nothing twice', async () => {
    const written = (client: ContainerClient) => client.getBlockBlobClient(victim).upload('{"again":true}', 14);
    const { client, view } = await slow(
      ({ method, path }) => method === 'DELETE' && path.includes(victim),
      'delete',
      written,
    );
    expect(view).toMatchObject({ state: 'complete', totals: undisturbed.delete });
    expect(await namesIn(client)).toEqual([...okNames, victim].sort());
  });
});

describe('a container that is removed', () => {
  const problem = (client: ContainerClient) => ({
    code: 'ContainerMissing',
    message: `There is no container ${client.containerName} in the account`,
  });
  const modes = ['report', 'delete', 'quarantine'] as const;

  it.each(modes)('before a run in mode %s fails it', async (mode) => {
    const { client, store } = await stored();
    await client.delete();
    const { view, errors } = await play(servicesOf(store), { mode });
    expect({ ...view, errors }).toMatchObject({ state: 'failed', problem: problem(client), errors: [] });
  });

  it.each(modes)('in the scan of a run in mode %s fails it', async (mode) => {
    const { client, store } = await stored();
    gate.decide = async (request): Promise<Verdict> => {
      if (isLaterPage(request)) await client.deleteIfExists();
      return 'forward';
    };
    const { view, errors } = await play(servicesOf(store), { mode });
    expect({ ...view, errors }).toMatchObject({ state: 'failed', problem: problem(client), errors: [] });
  });

  it.each(['guarding', 'sweeping'] as const)('while a run is %s fails it', async (state) => {
    const { client, store } = await stored();
    const runs = runsWith(state, () => client.delete());
    const { view, errors } = await play(servicesOf(store, { runs }), { mode: 'delete' });
    expect({ ...view, errors }).toMatchObject({ state: 'failed', problem: problem(client), errors: [] });
    expect(view.totals.deleted ?? 0).toBe(0);
  });

  it('between copy and delete of a payload fails the run', async () => {
    const { client, store } = await stored();
    const runs = runsWith('sweeping', () => client.delete());
    const { view } = await play(servicesOf(store, { runs }), { mode: 'quarantine' });
    expect(view).toMatchObject({ state: 'failed', problem: problem(client) });
  });

  it('and is just being removed is the same', async () => {
    const { client, store } = await stored();
    gate.decide = (request) => (isLaterPage(request) ? { status: 409, code: 'ContainerBeingDeleted' } : 'forward');
    const { view } = await play(servicesOf(store), { mode: 'delete' });
    expect(view).toMatchObject({ state: 'failed', problem: problem(client) });
    expect(await namesIn(client)).toHaveLength(okNames.length + gone);
  });
});

it('a token of another container is refused before there is a run', async () => {
  const [one, other] = [await stored(), await stored()];
  const { view } = await play(servicesOf(one.store), { maxScanMs: 0 });
  const services = servicesOf(other.store);
  await expect(
    startRun(services, { ...reportRequest, mode: 'report', continuationToken: view.continuationToken }),
  ).rejects.toMatchObject({ code: 'InvalidToken', message: 'The token is of another container.' });
  expect((await services.runs.list({ top: 10 }, untilTheTestEnds)).items).toEqual([]);
  expect(await namesIn(other.client)).toHaveLength(okNames.length + gone);
});

describe('an answer over HTTP where nothing listens', () => {
  const nobody = {
    host: '127.0.0.1',
    port: 1,
    user: 'reader',
    database: 'fhir',
    password: 'of the reader',
    sslMode: 'disable',
  } as const;
  const get = (type: string): HttpRequest =>
    new HttpRequest({ method: 'GET', url: `https://app.example/api/payloads/${type}/x`, params: { type, id: 'x' } });

  it('says which part does not answer: the database, or the storage account of the payloads', async () => {
    const { store } = await stored(openSchema(nobody));
    const api = reconcileApi({ services: servicesOf(store), send: () => Promise.resolve() });
    await expect(api.readPayload(get('Patient'), untilTheTestEnds)).rejects.toMatchObject({
      status: 502,
      message: 'The database cannot be reached, or it ended the connection: ECONNREFUSED',
    });
    gate.decide = () => 'reset';
    const down = { status: 502, message: 'The storage account of the payloads does not answer: ECONNRESET' };
    await expect(api.readPayload(get('104'), untilTheTestEnds)).rejects.toMatchObject(down);
    const put = new HttpRequest({ method: 'PUT', url: 'https://app.example/api/payload-container' });
    await expect(api.createContainer(put, untilTheTestEnds)).rejects.toMatchObject(down);
    await store.database.close();
  });
});
