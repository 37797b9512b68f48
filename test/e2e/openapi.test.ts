import { openApiDocument } from '../../src/api/description/openapi';
import { type CastApp, startCastApp } from '../support/castApp';
import { answersNotMet } from '../support/describedApi';
import { type HostProcess, startHostProcess } from '../support/hostProcess';
import { type SamplePayloads, startSamplePayloads } from '../support/samplePayloads';

/** `host.http` holds every answer against the description; here each answer of Reconcile is brought about once. */

interface RunAnswer {
  readonly runId: string;
  readonly state: string;
  readonly totals: Readonly<Record<string, number>>;
}

const tooLong = { padding: 'x'.repeat(65_536) };

describe('the OpenAPI description', () => {
  let store: SamplePayloads;
  let app: CastApp;
  let quarantined: RunAnswer;

  beforeAll(async () => {
    store = await startSamplePayloads();
    app = await startCastApp(store, { ...store.settings, RECONCILE_SWEEP_SCHEDULE: '0 0 0 1 1 *' });
  }, 60_000);

  afterAll(async () => {
    await app.stop();
    await store.stop();
  });

  const send = async (request: string, status: number, body?: unknown): Promise<unknown> => {
    const [method = '', path = ''] = request.split(' ');
    const answer = await app.host.http(`/api${path}`, { method, ...(body !== undefined && { body }) });
    expect({ request, status: answer.status, text: answer.text }).toMatchObject({ status });
    return /json(;|$)/.test(answer.headers.get('content-type') ?? '') && !answer.text.includes('\n{')
      ? answer.json()
      : answer.text;
  };

  it('is served as it is generated', async () => {
    expect(await send('GET /openapi.json', 200)).toEqual(JSON.parse(JSON.stringify(openApiDocument())));
  });

  it('holds for a run that ends while the caller waits, and for one that goes on', async () => {
    const report = (await send('POST /reconcile', 200, { audit: true, wait: 60 })) as RunAnswer;
    expect(report.state).toBe('complete');
    expect(report.totals.orphans).toBeGreaterThan(0);
    await send('POST /reconcile', 202);
    quarantined = (await send('POST /reconcile', 200, { dryRun: false, quarantine: true, wait: 60 })) as RunAnswer;
    expect(quarantined).toMatchObject({ state: 'complete', totals: { quarantined: report.totals.orphans } });
  });

  it('holds for guards that stop a run, and for what lets them pass', async () => {
    const overrides = { 'stale-database': '2026-01-31T10:15:00Z', 'orphan-count': 1, unproven: ['Patient'] };
    await send('POST /reconcile', 200, { overrides, wait: 60, resourceTypes: ['Patient'], maxScanSeconds: 30 });
  });

  it.each([
    ['POST /reconcile', { colour: 'red' }],
    ['POST /reconcile', { dryRun: false, minAgeHours: 0.1 }],
    ['POST /reconcile', { tenantId: 'nobody' }],
    ['POST /reconcile', { continuationToken: 'x' }],
    ['GET /reconcile?top=0', undefined],
    ['GET /reconcile/nonsense', undefined],
    ['GET /reconcile/nonsense/report', undefined],
    ['POST /reconcile/nonsense/cancel', undefined],
    ['POST /quarantine/restore', {}],
    ['GET /payloads/Nothing/p-1', undefined],
    ['GET /payloads/1/p-1/0', undefined],
    ['GET /payloads/1/p-1/1/a%20b', undefined],
    ['GET /payloads/1/p-1?tenantId=nobody', undefined],
    ['PUT /payload-container', { dryRun: 'yes' }],
  ])('holds for wrong input: %s %j', async (request, body) => {
    await send(request, 400, body);
  });

  it.each(['POST /reconcile', 'POST /quarantine/restore', 'PUT /payload-container'])(
    'holds for a body that is too long: %s',
    async (request) => {
      await send(request, 413, tooLong);
    },
  );

  it('holds for runs, their reports and their ends', async () => {
    const { items } = (await send('GET /reconcile?top=2', 200)) as { readonly items: readonly RunAnswer[] };
    expect(items).toHaveLength(2);
    const { runId } = quarantined;
    await send(`GET /reconcile/${runId}`, 200);
    const report = (await send(`GET /reconcile/${runId}/report`, 200)) as string;
    expect(report).toContain('"outcome":"quarantined"');
    await send(`GET /reconcile/${runId}/report?continuationToken=!`, 400);
    await send(`POST /reconcile/${runId}/cancel`, 202);
    for (const request of ['GET /reconcile/2Z-a', 'GET /reconcile/2Z-a/report', 'POST /reconcile/2Z-a/cancel'])
      await send(request, 404);
  });

  it('holds for payloads, one and several', async () => {
    const report = (await send(`GET /reconcile/${quarantined.runId}/report`, 200)) as string;
    const orphan = JSON.parse(report.split('\n').find((line) => line.includes('"quarantined"')) ?? '') as Named;
    await send(`GET /payloads/${orphan.name}`, 404);
    const { runId } = quarantined;
    expect(await send('POST /quarantine/restore', 200, { runId, names: [orphan.name] })).toMatchObject({ restored: 1 });
    await send('POST /quarantine/restore', 200, { runId, names: [orphan.name], dryRun: false, keep: true });
    const [type, id, version] = orphan.name.split('/');
    await send(`GET /payloads/${orphan.name}`, 200);
    for (const path of [`${type}/${id}`, `${type}/${id}/${version}`]) {
      const { items } = (await send(`GET /payloads/${path}`, 200)) as { readonly items: readonly Named[] };
      expect(items.map(({ name }) => name)).toContain(orphan.name);
    }
  });

  it('holds for the container', async () => {
    expect(await send('PUT /payload-container', 200)).toMatchObject({ existed: true, created: false });
  });

  it('holds where Reconcile is off and where the key is missing, and no answer was left out', async () => {
    const host = await startGuardedHost(store.connectionString);
    try {
      for (const { method, path } of routesOf(['Reconcile', 'Description'])) {
        expect((await host.http(path, { method })).status).toBe(401);
        const { status } = await host.http(path, { method, headers: { 'x-functions-key': 'of-the-host' } });
        expect(status).toBe(path === '/api/openapi.json' ? 200 : 503);
      }
    } finally {
      await host.stop();
    }
    const unreachable = { ' 500': 'a defect, or storage that is gone' };
    expect(answersNotMet('Reconcile', unreachable)).toEqual([]);
    expect(answersNotMet('Description', unreachable)).toEqual([]);
  });
});

interface Named {
  readonly name: string;
}

function routesOf(tags: readonly string[]): readonly { readonly method: string; readonly path: string }[] {
  return Object.entries(openApiDocument().paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([, { tags: own }]) => tags.some((tag) => (own as readonly string[]).includes(tag)))
      .map(([method]) => ({ method: method.toUpperCase(), path: `/api${path.replaceAll(/\{\w+\}/g, '1')}` })),
  );
}

/** Asks for keys, and has no PAYLOAD_STORES. */
function startGuardedHost(connectionString: string): Promise<HostProcess> {
  const never = '0 0 0 1 1 *';
  return startHostProcess({
    settings: {
      AzureWebJobsStorage: connectionString,
      DICOM_URL: 'http://127.0.0.1:1/dicom',
      FHIR_URL: 'http://127.0.0.1:1/fhir',
      CHANGE_FEED_SCHEDULE: never,
      MARK_SWEEP_SCHEDULE: never,
      RECONCILE_SWEEP_SCHEDULE: never,
    },
    commandLine: ['--enable-auth', '--host-key', 'of-the-host'],
  });
}
