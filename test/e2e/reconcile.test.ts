import { LOST_PAYLOADS } from '../../local/samples/reconcile/samplePayloads';
import { BlobServiceClient } from '@azure/storage-blob';
import type { EmbeddedDatabase } from '../../local/reconcile/embeddedDatabase';
import { query } from '../integration/payloads/deleteRig';
import { startPostgres, type PostgresServer } from '../integration/payloads/postgresServer';
import { openApiDocument } from '../../src/api/description/openapi';
import { useAzurite } from '../support/azurite';
import { answersNotMet } from '../support/describedApi';
import { eventually } from '../support/eventually';
import { type HostProcess, startHostProcess } from '../support/hostProcess';
import { startGate, type RequestGate } from '../support/requestGate';
import { requestVerbatim } from '../support/verbatimRequest';
import { type SamplePayloadStore, startSamplePayloadStore } from '../../local/reconcile/samplePayloadStore';
import { bodies, EVERY_CHARACTER, paths } from './reconcileInputs';

/** Reconcile as an operator meets it: over HTTP, without Cast being configured at all. */

interface RunAnswer {
  readonly runId: string;
  readonly state: string;
  readonly totals: Readonly<Record<string, number>>;
  readonly url?: string;
  readonly continuationToken?: string;
  readonly guards: readonly { readonly guard: string }[];
  readonly audit?: Readonly<Record<string, number>>;
}

interface ProblemAnswer {
  readonly title: string;
  readonly errors?: readonly { readonly field: string; readonly expected: string }[];
}

const NEVER = '0 0 0 1 1 *';
const ORPHAN = '104/ghost-1/1/00000000-0000-4000-8000-000000000002';
const azurite = useAzurite();
let payloads: SamplePayloadStore;
let host: HostProcess;
let database: PostgresServer;
let gate: RequestGate;

beforeAll(async () => {
  database = await startPostgres();
  payloads = await startSamplePayloadStore(azurite.running, inPlaceOfTheEmbedded(database));
  const { blobUrl, tableUrl } = azurite.running;
  gate = await startGate({ blobs: blobUrl, tables: tableUrl });
  const storage = [blobUrl, tableUrl].reduce(
    (text, url) => text.replace(url, gate.through(url)),
    azurite.connectionString,
  );
  const { 'default/default': store } = JSON.parse(payloads.settings.PAYLOAD_STORES ?? '') as Record<string, object>;
  host = await startHostProcess({
    settings: {
      AzureWebJobsStorage: storage,
      CHANGE_FEED_SCHEDULE: NEVER,
      MARK_SWEEP_SCHEDULE: NEVER,
      AzureFunctionsJobHost__extensions__queues__maxPollingInterval: '00:00:00.100',
      ...payloads.settings,
      PAYLOAD_STORAGE: storage,
      PAYLOAD_STORES: JSON.stringify({ 'default/default': store, 'other/default': { container: 'not-there' } }),
      RECONCILE_SWEEP_SCHEDULE: NEVER,
    },
  });
}, 120_000);

afterAll(async () => {
  await host.stop();
  await gate.stop();
  await payloads.stop();
});

/** jest cannot load the WebAssembly of the embedded one. */
function inPlaceOfTheEmbedded({ connection, stop }: PostgresServer): EmbeddedDatabase {
  const { host: address, port, user, database: name } = connection;
  return { ...{ host: address, port, user, name }, run: (sql) => query(connection, sql), stop };
}

const send = (method: string, path: string, body?: object) =>
  host.http(path, { method, ...(body !== undefined && { body }) });

async function run(body: object): Promise<RunAnswer> {
  const answer = await send('POST', '/api/reconcile', { wait: 60, ...body });
  expect(answer.status).toBe(200);
  return answer.json() as RunAnswer;
}

const problemOf = (answer: { json(): unknown }): ProblemAnswer => answer.json() as ProblemAnswer;

const report = async (runId: string): Promise<readonly Record<string, unknown>[]> =>
  (await send('GET', `/api/reconcile/${runId}/report`)).text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('a run over HTTP', () => {
  it('is accepted with its URL, where its state can be read until it has ended', async () => {
    const accepted = await send('POST', '/api/reconcile', {});
    expect(accepted.status).toBe(202);
    expect(accepted.headers.get('retry-after')).toMatch(/^\d+$/);
    const url = new URL(accepted.headers.get('location') ?? '');
    const ended = await eventually(async () => {
      const now = (await send('GET', url.pathname)).json() as RunAnswer;
      return now.state === 'complete' ? now : undefined;
    }, 30_000);
    expect(ended).toMatchObject({ dryRun: true, totals: { listed: 1229, ok: 1193, orphans: 23 } });
  });

  it('changes nothing unless it is told to, and lists what it found', async () => {
    const first = await run({ audit: true });
    const again = await run({});
    expect(again.totals).toEqual(first.totals);
    expect(first.audit).toMatchObject({ missingCurrent: 1, missingHistory: 2, neverStored: 0 });
    const found = await report(first.runId);
    expect(found.filter(({ verdict }) => verdict === 'orphan')).toHaveLength(23);
    expect(found.find(({ name }) => name === ORPHAN)).toMatchObject({ verdict: 'orphan', reason: 'no-row' });
    expect(JSON.stringify(found)).not.toMatch(/"(resourceType|birthDate|family)"/);
    const { items } = (await send('GET', '/api/reconcile?top=2')).json() as { items: readonly RunAnswer[] };
    expect(items.map(({ runId }) => runId)).toEqual([again.runId, first.runId]);
  });

  it('that is told to moves the orphans to quarantine, from where they are restored', async () => {
    const { runId, totals } = await run({
      dryRun: false,
      quarantine: true,
      overrides: { 'wrong-pair': LOST_PAYLOADS },
    });
    expect(totals).toMatchObject({ orphans: 23, quarantined: 23 });
    expect((await report(runId)).find(({ name }) => name === ORPHAN)).toMatchObject({ outcome: 'quarantined' });
    expect((await run({})).totals.orphans).toBe(0);

    const dry = (await send('POST', '/api/quarantine/restore', { runId })).json();
    expect(dry).toMatchObject({ dryRun: true, restored: 23, complete: true });
    const restored = await send('POST', '/api/quarantine/restore', { runId, dryRun: false, keep: true });
    expect(restored.json()).toMatchObject({ dryRun: false, restored: 23, occupied: [], failed: [] });
    expect((await send('GET', `/api/payloads/${ORPHAN}`)).status).toBe(200);
  });

  it('stops at its time limit with a token with which another goes on', async () => {
    const first = await run({ maxScanSeconds: 0 });
    expect(first.state).toBe('time-limit');
    expect(first.totals.listed).toBeGreaterThan(0);
    let token = first.continuationToken;
    let listed = first.totals.listed ?? 0;
    for (let runs = 0; token !== undefined && runs < 20; runs += 1) {
      const next = await run({ maxScanSeconds: 0, continuationToken: token });
      listed += next.totals.listed ?? 0;
      token = next.continuationToken;
    }
    expect(listed).toBe(1229);
  }, 120_000);

  it('can be cancelled', async () => {
    const { runId } = (await send('POST', '/api/reconcile', {})).json() as RunAnswer;
    expect((await send('POST', `/api/reconcile/${runId}/cancel`)).status).toBe(202);
    const ended = await eventually(async () => {
      const now = (await send('GET', `/api/reconcile/${runId}`)).json() as RunAnswer;
      return ['cancelled', 'complete'].includes(now.state) ? now.state : undefined;
    }, 30_000);
    expect(['cancelled', 'complete']).toContain(ended);
  });
});

describe('a payload', () => {
  it('is read by its full key as it was stored', async () => {
    const { items } = (await send('GET', '/api/payloads/Patient/pat-0001/1')).json() as {
      items: readonly { name: string; key: string; payload: string }[];
    };
    const live = items.find(({ key }) => key === '0257adb5-4fbc-4431-9ada-28eb679b7dc4');
    const answer = await send('GET', `/api/payloads/${live?.name ?? ''}`);
    expect(answer.status).toBe(200);
    expect(answer.text).toBe(live?.payload);
    expect(answer.json()).toMatchObject({ resourceType: 'Patient', id: 'pat-0001' });
  });

  it('is found by type and id, the type by its id or by its name, the id with its dots', async () => {
    const byId = await send('GET', '/api/payloads/46/ep.0.');
    const byName = await send('GET', '/api/payloads/Endpoint/ep*0*');
    expect((byId.json() as { items: readonly unknown[] }).items.length).toBeGreaterThan(0);
    expect(byName.json()).toEqual(byId.json());
  });

  it('that is not there is a 404 without a word of others', async () => {
    const answer = await send('GET', '/api/payloads/104/nope/1/00000000-0000-4000-8000-000000000002');
    expect(answer.status).toBe(404);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
  });
});

it('creates the container only when it is not a dry run, and says when it was there', async () => {
  expect((await send('PUT', '/api/payload-container', {})).json()).toEqual({
    container: 'sample-payloads',
    dryRun: true,
    existed: true,
    created: false,
  });
});

describe('a wrong request names the field and what was expected', () => {
  it.each([
    ['minAgeHours', { dryRun: false, minAgeHours: 0.1 }],
    ['tenantId', { tenantId: 'nobody' }],
    ['tenantId', { tenantId: '../etc' }],
    ['dryRun', { dryRun: 'no' }],
    ['dry_run', { dry_run: false }],
    ['continuationToken', { continuationToken: '104/pat-0001/1/abc' }],
    ['audit', { audit: true, resourceTypes: ['Patient'] }],
    ['wait', { wait: 1000 }],
    ['resourceTypes.0', { resourceTypes: ['patient'] }],
    ['overrides.orphan-count', { overrides: { 'orphan-count': 'many' } }],
  ])('%s of a run', async (field, body) => {
    const answer = await send('POST', '/api/reconcile', body);
    expect(answer.status).toBe(400);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(problemOf(answer).errors?.map((error) => error.field)).toContain(field);
  });

  it.each([
    ['/api/reconcile/20260101T000000Z-12345678', 404],
    ['/api/reconcile/20260101T000000Z-12345678/report', 404],
    ['/api/reconcile/not-a-run', 400],
    ['/api/reconcile?top=0', 400],
    ['/api/payloads/Nothing/x', 400],
    ['/api/payloads/104/x/minus', 400],
    ['/api/payloads/104/x?tenantId=nobody', 400],
  ])('%s', async (path, status) => {
    const answer = await send('GET', path);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
  });
});

describe('whatever is sent', () => {
  it.each(paths)('in the path %s is answered with %s', async (path, expected, field) => {
    const answer = await requestVerbatim(host.url, `/api/${path}`);
    expect(answer.status).toBe(expected === 'no route' ? 404 : expected);
    if (expected === 'no route') expect(answer.text).toBe('');
    if (expected !== 400) return;
    expect(answer.contentType).toBe('application/problem+json');
    const { errors } = JSON.parse(answer.text) as ProblemAnswer;
    expect(errors?.map((error) => error.field)).toEqual([field]);
  });

  const routes = [
    ['POST', '/api/reconcile'],
    ['POST', '/api/quarantine/restore'],
    ['PUT', '/api/payload-container'],
  ] as const;

  it.each(bodies)('as a body of %s is refused', async (_, body) => {
    for (const [method, path] of routes) {
      const answer = await requestVerbatim(host.url, path, { method, body, contentType: 'application/json' });
      expect(answer).toMatchObject({ status: 400, contentType: 'application/problem+json' });
      expect(JSON.parse(answer.text)).toMatchObject({ errors: [{ field: 'body', expected: 'a JSON object' }] });
    }
  });

  it('as a body of megabytes is refused, also without a word on its length', async () => {
    const body = JSON.stringify({ continuationToken: 'x'.repeat(5_000_000) });
    for (const [method, path] of routes)
      expect(await requestVerbatim(host.url, path, { method, body })).toMatchObject({
        status: 413,
        contentType: 'application/problem+json',
      });
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'nonsense', undefined])(
    'as JSON with the content type %s is read as JSON, as curl sends it',
    async (contentType) => {
      const put = (body: string) =>
        requestVerbatim(host.url, '/api/payload-container', {
          method: 'PUT',
          body,
          ...(contentType && { contentType }),
        });
      expect(await put('{"dryRun":true}')).toMatchObject({ status: 200 });
      expect(await put('{"dryRun":"true"}')).toMatchObject({ status: 400 });
    },
  );

  it('a payload whose id has every character of FHIR, and the highest version, is read', async () => {
    const name = `104/${EVERY_CHARACTER.replaceAll('.', '*')}/2147483647/00000000-0000-4000-8000-000000000003`;
    const blob = BlobServiceClient.fromConnectionString(azurite.connectionString)
      .getContainerClient('sample-payloads')
      .getBlockBlobClient(name);
    await blob.upload('{}', 2);
    const { items } = (await send('GET', `/api/payloads/Patient/${EVERY_CHARACTER}/2147483647`)).json() as {
      items: readonly unknown[];
    };
    expect(items).toMatchObject([{ name, logicalId: EVERY_CHARACTER, version: 2_147_483_647, payload: '{}' }]);
    await blob.delete();
  });

  it('a token of another container is refused', async () => {
    const { continuationToken } = await run({ maxScanSeconds: 0 });
    const answer = await send('POST', '/api/reconcile', { tenantId: 'other', continuationToken });
    expect(answer.status).toBe(400);
    expect(problemOf(answer)).toMatchObject({
      title: expect.stringMatching('another') as unknown,
      errors: [{ field: 'continuationToken' }],
    });
  });
});

describe('what does not answer is told with 502, without a secret:', () => {
  const ofPayloads = [
    ['GET', '/api/payloads/Patient/pat-0001'],
    ['GET', '/api/payloads/Patient/pat-0001/1'],
    ['GET', `/api/payloads/Patient/ghost-1/1/00000000-0000-4000-8000-000000000002`],
  ] as const;

  async function titles(requests: readonly (readonly [string, string, object?])[]): Promise<readonly string[]> {
    const answers = await Promise.all(requests.map(([method, path, body]) => send(method, path, body)));
    expect(answers.map(({ status }) => status)).toEqual(requests.map(() => 502));
    expect(answers.map(({ headers }) => headers.get('content-type'))).toEqual(
      requests.map(() => 'application/problem+json'),
    );
    expect(answers.map(({ text }) => text).join()).not.toMatch(/127\.0\.0\.1|devstoreaccount1|not asked for|postgres/);
    return answers.map((answer) => problemOf(answer).title);
  }

  it('the database', async () => {
    const resume = await database.halt();
    for (const title of await titles(ofPayloads)) expect(title).toMatch(/^The database cannot be reached/);
    expect((await send('GET', `/api/payloads/${ORPHAN}`)).status).toBe(200);
    await resume();
    expect((await send('GET', '/api/payloads/Patient/pat-0001')).status).toBe(200);
  });

  it('the storage account, whichever', async () => {
    const { runId } = await run({});
    // Of an error like this the SDK does not try again for a minute.
    gate.decide = () => ({ status: 403, code: 'AuthorizationFailure' });
    const ofPayloadAccount = [
      ...ofPayloads,
      ['POST', '/api/quarantine/restore', { runId }],
      ['PUT', '/api/payload-container', {}],
    ] as const;
    for (const title of await titles(ofPayloadAccount))
      expect(title).toBe('The storage account of the payloads answers with an error: AuthorizationFailure (HTTP 403)');
    const ofApp = [
      ['POST', '/api/reconcile', {}],
      ['GET', '/api/reconcile'],
      ['GET', `/api/reconcile/${runId}`],
      ['GET', `/api/reconcile/${runId}/report`],
      ['POST', `/api/reconcile/${runId}/cancel`],
    ] as const;
    for (const title of await titles(ofApp))
      expect(title).toMatch(/^The storage account of this app answers with an error: .*403/);
    gate.decide = ({ service }) => (service === 'blobs' ? { status: 403, code: 'AuthorizationFailure' } : 'forward');
    expect(await titles([['GET', `/api/reconcile/${runId}/report`]])).toHaveLength(1);
    gate.decide = () => 'forward';
  });

  it('a container that is not there', async () => {
    for (const title of await titles([['GET', '/api/payloads/104/x?tenantId=other']]))
      expect(title).toBe('There is no container not-there in the account');
    expect((await send('PUT', '/api/payload-container', { tenantId: 'other' })).json()).toMatchObject({
      existed: false,
      created: false,
    });
  });
});

describe('a run that cannot go on', () => {
  it('fails with the reason when a resource type is not one of the database', async () => {
    const { state, ...view } = await run({ resourceTypes: ['Medication', 'Nothing'] });
    expect({ state, ...view }).toMatchObject({ state: 'failed', problem: { code: 'UnknownResourceType' } });
  });
});

describe('the OpenAPI description, which every answer above was held against', () => {
  it('holds for bodies that are too long', async () => {
    const padding = 'x'.repeat(65_536);
    for (const [method, path] of [
      ['POST', '/api/reconcile'],
      ['POST', '/api/quarantine/restore'],
      ['PUT', '/api/payload-container'],
    ] as const)
      expect((await send(method, path, { padding })).status).toBe(413);
  });

  it('holds for what lets a guard pass', async () => {
    const overrides = { 'stale-database': '2026-01-31T10:15:00Z', 'orphan-count': 1, unproven: ['Patient'] };
    const { status } = await send('POST', '/api/reconcile', { overrides, resourceTypes: ['Patient'] });
    expect(status).toBe(202);
  });

  it.each([
    ['GET', '/api/reconcile/not-a-run/report', undefined],
    ['GET', '/api/reconcile/20260101T000000Z-12345678/report?colour=red', undefined],
    ['POST', '/api/reconcile/not-a-run/cancel', undefined],
    ['POST', '/api/quarantine/restore', undefined],
    ['GET', '/api/payloads/104/x/1/a%20b', undefined],
    ['PUT', '/api/payload-container', { dryRun: 'yes' }],
  ] as const)('holds for wrong input: %s %s', async (method, path, body) => {
    expect((await send(method, path, body)).status).toBe(400);
  });

  it('holds for a run that there is not', async () => {
    expect((await send('POST', '/api/reconcile/20260101T000000Z-12345678/cancel')).status).toBe(404);
  });

  it('is served as it is generated', async () => {
    expect((await send('GET', '/api/openapi.json')).json()).toEqual(JSON.parse(JSON.stringify(openApiDocument())));
  });

  it('holds where Reconcile is off and where the key is missing, and has no answer that was not met', async () => {
    const guarded = await startHostProcess({
      settings: {
        AzureWebJobsStorage: azurite.connectionString,
        CHANGE_FEED_SCHEDULE: NEVER,
        MARK_SWEEP_SCHEDULE: NEVER,
        RECONCILE_SWEEP_SCHEDULE: NEVER,
      },
      commandLine: ['--enable-auth', '--host-key', 'of-the-host'],
    });
    try {
      for (const { method, path } of routesOf(['Reconcile', 'Description'])) {
        expect((await guarded.http(path, { method })).status).toBe(401);
        const { status } = await guarded.http(path, { method, headers: { 'x-functions-key': 'of-the-host' } });
        expect(status).toBe(path === '/api/openapi.json' ? 200 : 503);
      }
    } finally {
      await guarded.stop();
    }
    const unreachable = { ' 500': 'a defect, or storage that is gone' };
    expect([...answersNotMet('Reconcile', unreachable), ...answersNotMet('Description', unreachable)]).toEqual([]);
  });
});

function routesOf(tags: readonly string[]): readonly { readonly method: string; readonly path: string }[] {
  return Object.entries(openApiDocument().paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([, operation]) => tags.some((tag) => (operation.tags as readonly string[]).includes(tag)))
      .map(([method]) => ({ method: method.toUpperCase(), path: `/api${path.replaceAll(/\{\w+\}/g, '1')}` })),
  );
}
