import type { ContainerClient } from '@azure/storage-blob';
import { createPayloadContainer } from '../../../src/payloads/container/azureContainer';
import type { PayloadContainer } from '../../../src/payloads/container/payloadContainer';
import type { FhirDatabase } from '../../../src/payloads/database/fhirDatabase';
import { writeToken } from '../../../src/payloads/runs/continuationToken';
import { memoryRunStore } from '../../../src/payloads/runs/memoryRunStore';
import type { Finding } from '../../../src/payloads/runs/reportStore';
import type { RunRequest } from '../../../src/payloads/runs/run';
import type { ReconcileServices } from '../../../src/payloads/runs/services';
import { startRun } from '../../../src/payloads/runs/startRun';
import { addCounts, type Counts } from '../../../src/payloads/runs/totals';
import { useAzurite } from '../../support/azurite';
import { goldenNames, loadGolden, storeGolden } from './golden';
import { openSchema, startPostgres, type PostgresServer } from './postgresServer';
import {
  limitsOfTests,
  nextSecondOfStorage,
  reconcileServices,
  reportRequest,
  runToTheEnd,
  type FinishedRun,
} from './reconcileRig';

const azurite = useAzurite();
let server: PostgresServer;
let database: FhirDatabase;
let container: PayloadContainer;

beforeAll(async () => {
  server = await startPostgres();
  await loadGolden(server.connection);
  const real = openSchema(server.connection);
  const [types, state] = [await real.resourceTypes(), await real.state()];
  // There are hundreds of runs, and none of them is about these.
  database = {
    ...real,
    resourceTypes: () => Promise.resolve(types),
    state: () => Promise.resolve(state),
    drain: () => Promise.resolve({ oldestAgeMs: 0 }),
    sampleRows: () => Promise.resolve([]),
    otherSchemas: () => Promise.resolve([]),
  };
  const client: ContainerClient = await azurite.container();
  await storeGolden(azurite.running, client);
  await nextSecondOfStorage(client);
  container = createPayloadContainer(client);
}, 120_000);

afterAll(async () => {
  await database.close();
  await server.stop();
});

const servicesOf = (change: Partial<ReconcileServices['limits']>, of: PayloadContainer = container) => {
  const store = { tenantId: 'default', dsId: 'default', container: of, database };
  // Each look at the clock takes a millisecond, so that the shortest time is always up.
  let nowMs = Date.now();
  return reconcileServices(store, { limits: { ...limitsOfTests, ...change }, clock: () => new Date((nowMs += 1)) });
};

const plainly = (findings: readonly Finding[]) => findings.map(({ name, verdict }) => `${name} ${verdict}`).sort();

interface Walked {
  readonly runs: readonly FinishedRun[];
  readonly totals: Counts;
  readonly findings: readonly string[];
}

/** Continues until a run is complete. */
async function walkOn(
  services: ReconcileServices,
  request: Partial<RunRequest>,
  keepsRows: boolean,
  pages: number,
): Promise<Walked> {
  const runs: FinishedRun[] = [];
  let continuationToken: string | undefined;
  do {
    if (runs.length > pages) throw new Error('It does not get on');
    const runsStore = keepsRows ? services.runs : memoryRunStore();
    const run = await runToTheEnd({ ...services, runs: runsStore }, { ...request, continuationToken });
    runs.push(run);
    ({ continuationToken } = run.view);
    expect(run.view.state).toBe(continuationToken === undefined ? 'complete' : 'time-limit');
    // With shards, what is lowest may hold no name; without, each run judges a page.
    if (!services.limits.fanOut) expect(run.view.totals.listed).toBeGreaterThan(0);
  } while (continuationToken !== undefined);
  return {
    runs,
    totals: runs.map(({ view: { totals } }) => totals).reduce<Counts>(addCounts, {}),
    findings: plainly(runs.flatMap(({ findings }) => findings)),
  };
}

const cases = [
  { maxScanMs: 0, fanOut: true, keepsRows: true },
  { maxScanMs: 0, fanOut: true, keepsRows: false },
  { maxScanMs: 0, fanOut: false, keepsRows: true },
  { maxScanMs: 0, fanOut: false, keepsRows: false },
  { maxScanMs: 1, fanOut: true, keepsRows: true },
  { maxScanMs: -5, fanOut: false, keepsRows: true },
];

describe('a run whose time is up', () => {
  it.each(cases)(
    'has done a page, and going on visits every name once ($maxScanMs ms, fan-out $fanOut, earlier rows kept $keepsRows)',
    async ({ maxScanMs, fanOut, keepsRows }) => {
      const limits = { fanOut, pageSize: 150 };
      const whole = await runToTheEnd(servicesOf(limits));
      const walked = await walkOn(servicesOf(limits), { maxScanMs }, keepsRows, 60);
      expect(walked.runs.length).toBeGreaterThan(3);
      expect(walked.findings).toEqual(plainly(whole.findings));
      expect(addCounts(walked.totals, {})).toEqual(addCounts(whole.view.totals, {}));
    },
    60_000,
  );

  it('goes on within the types that were asked for', async () => {
    const limits = { fanOut: true, pageSize: 150 };
    const request = { resourceTypes: ['Patient', 'Basic', 'Observation'] };
    const whole = await runToTheEnd(servicesOf(limits), request);
    const walked = await walkOn(servicesOf(limits), { ...request, maxScanMs: 0 }, false, 60);
    expect(walked.findings).toEqual(plainly(whole.findings));
    expect(addCounts(walked.totals, {})).toEqual(addCounts(whole.view.totals, {}));
  }, 60_000);

  it.each([true, false])(
    'gets on over pages without names, which are not the end (fan-out %s)',
    async (fanOut) => {
      const limits = { fanOut, pageSize: 200 };
      const whole = await runToTheEnd(servicesOf(limits));
      const walked = await walkOn(servicesOf(limits, withEmptyPages(container)), { maxScanMs: 0 }, true, 60);
      expect(walked.findings).toEqual(plainly(whole.findings));
      expect(walked.totals.listed).toBe(goldenNames.length);
    },
    60_000,
  );
});

/** Before each page comes one without names, as Azure may give. */
function withEmptyPages(inner: PayloadContainer): PayloadContainer {
  const asked = new Map<string, Parameters<PayloadContainer['list']>[0]>();
  return {
    ...inner,
    list: (request, signal) => {
      const held = asked.get(request.marker ?? '');
      if (held !== undefined) return inner.list(held, signal);
      const marker = `empty-${asked.size}`;
      asked.set(marker, request);
      return Promise.resolve({ blobs: [], nextMarker: marker });
    },
  };
}

describe('a continuation token', () => {
  const firstToken = async (change: Partial<RunRequest> = {}): Promise<string> =>
    (await runToTheEnd(servicesOf({ pageSize: 100 }), { maxScanMs: 0, ...change })).view.continuationToken!;

  it('is refused where it would skip names: another container, tenant, datasource, mode, or other types', async () => {
    const token = await firstToken();
    const refused = (request: Partial<RunRequest>, of?: PayloadContainer) =>
      expect(startRun(servicesOf({}, of), { ...reportRequest, continuationToken: token, ...request })).rejects;
    await refused({}, createPayloadContainer(await azurite.container())).toMatchObject({
      code: 'InvalidToken',
      message: 'The token is of another container.',
    });
    await refused({ tenantId: 'other' }).toThrow('another tenant');
    await refused({ dsId: 'other' }).toThrow('another tenant or datasource');
    await refused({ mode: 'delete' }).toThrow('mode report');
    await refused({ resourceTypes: ['Patient'] }).toThrow('other resource types');
  });

  it('is refused when it is damaged, or a marker of the Java tool', async () => {
    const token = await firstToken();
    const start = (continuationToken: string) => startRun(servicesOf({}), { ...reportRequest, continuationToken });
    await expect(start('8/crash-9-3-1/1/3d858afa-0405-41ff-912d-e934646eea63')).rejects.toThrow('Java tool');
    await expect(start(token.slice(0, -3))).rejects.toThrow('damaged');
    const body = JSON.parse(Buffer.from(token.slice(3), 'base64url').toString()) as { point: { after: string } };
    body.point.after = '97/zzz';
    const forged = `r1.${Buffer.from(JSON.stringify(body)).toString('base64url')}`;
    await expect(start(forged)).rejects.toThrow('damaged');
  });

  it('skips no name of a run whose rows are gone and that was cut otherwise', async () => {
    const { account, name } = container;
    const target = { account, container: name, tenantId: 'default', dsId: 'default', mode: 'report' } as const;
    const sorted = [...goldenNames].sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
    for (const place of [10, 400, 900, 1200]) {
      const continuationToken = writeToken({ ...target, after: sorted[place]!, runId: 'gone' });
      const { view } = await runToTheEnd(servicesOf({ fanOut: true, pageSize: 500 }), { continuationToken });
      expect(view.totals.listed).toBe(sorted.length - place - 1);
    }
  });
});
