import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { events, metrics } from '../../src/telemetry/names';
import { useAzurite } from '../support/azurite';
import { type CastApp, startCastApp } from '../support/castApp';
import { eventually } from '../support/eventually';
import { connectionStringTo, type Envelope, type Ingestion, startIngestion } from '../support/ingestion';
import { ctInstance, element, testUid } from '../support/instances';
import { type ScriptedServer, startScriptedServer } from '../support/scriptedServer';

const PATIENT = { id: 'MRN-7741963', family: 'Featherstonehaugh', given: 'Wilhelmina', birth: '19371123' };
const SECRETS = [PATIENT.id, PATIENT.family, PATIENT.given, PATIENT.birth, '1937-11-23', 'ACC-558201'];
const SAID = `${PATIENT.family} ${PATIENT.given} ${PATIENT.id} 1937-11-23 ACC-558201 cannot be stored`;

const patientsInstance = (study: string) =>
  ctInstance({
    study,
    patientId: PATIENT.id,
    '00100010': element('PN', { Alphabetic: `${PATIENT.family}^${PATIENT.given}` }),
    '00100030': element('DA', PATIENT.birth),
    '00080050': element('SH', 'ACC-558201'),
  });

const azurite = useAzurite();

/** The SDK keeps there what it could not send, and would send it with the next run's. */
let temporary = '';
beforeAll(async () => {
  temporary = await mkdtemp(join(tmpdir(), 'telemetry-'));
});
afterAll(() => rm(temporary, { recursive: true }));

const startApp = (settings: Readonly<Record<string, string>>): Promise<CastApp> =>
  startCastApp(azurite, { TMPDIR: temporary, ...settings });

describe('what a run tells Application Insights', () => {
  let ingestion: Ingestion;
  let identity: ScriptedServer;
  const good = testUid(95, 1);
  const refused = testUid(95, 2);
  const broken = testUid(95, 3);
  const deferred = testUid(95, 4);
  const doubtful = testUid(95, 5);
  let logs: readonly string[] = [];

  beforeAll(async () => {
    ingestion = await startIngestion();
    identity = await startScriptedServer();
    identity.script(() => ({
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: { access_token: 'for-monitor', expires_on: Math.floor(Date.now() / 1000) + 3600, token_type: 'Bearer' },
    }));
    const app = await startApp({
      ...ingestion.environment,
      APPLICATIONINSIGHTS_CONNECTION_STRING: ingestion.connectionString,
      APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=11111111-2222-3333-4444-555555555555;Authorization=AAD',
      IDENTITY_ENDPOINT: `${identity.url}/msi/token`,
      IDENTITY_HEADER: 'of-this-instance',
      WEBSITE_SITE_NAME: 'cast-of-the-hospital',
      DEFER_CAP_SECONDS: '1',
    });
    try {
      await run(app);
      logs = app.host.logs;
    } finally {
      await app.stop();
    }
  }, 60_000);

  afterAll(async () => {
    await ingestion.stop();
    await identity.stop();
  });

  async function run(app: CastApp): Promise<void> {
    for (const study of [good, refused, broken]) app.dicom.store(patientsInstance(study));
    app.dicom.store({ ...patientsInstance(doubtful), '00100030': element('DA', '19371199') });
    const outcome = (status: number) => ({
      status,
      body: { resourceType: 'OperationOutcome', issue: [{ severity: 'error', code: 'invalid', diagnostics: SAID }] },
    });
    app.fhir.intercept = ({ kind, body }) => {
      if (kind !== 'transaction') return undefined;
      if (body.includes(`"urn:oid:${refused}"`)) return outcome(422);
      return body.includes(`"urn:oid:${broken}"`) ? outcome(500) : undefined;
    };
    await app.pull();
    await app.drained();
    let downs = 0;
    app.fhir.intercept = ({ kind }) => (kind === 'transaction' && downs++ === 0 ? outcome(503) : undefined);
    app.dicom.store(patientsInstance(deferred));
    await app.pull();
    await app.drained();
    const pulls = () => app.host.logs.filter((line) => line.includes('Change feed: {')).length;
    await eventually(() => Promise.resolve(pulls() === 2 ? true : undefined), 15_000);
  }

  const sum = (name: string, dimensions: Readonly<Record<string, unknown>> = {}): number =>
    points(name, dimensions).reduce((total, value) => total + value, 0);
  const points = (name: string, dimensions: Readonly<Record<string, unknown>> = {}): readonly number[] =>
    ingestion
      .ofType('MetricData')
      .filter(({ data: { baseData } }) =>
        Object.entries(dimensions).every(([key, value]) => baseData.properties?.[key] === value),
      )
      .flatMap(({ data: { baseData } }) => baseData.metrics ?? [])
      .filter((metric) => metric.name === name)
      .map(({ value }) => value);
  const spans = (name: string): readonly Envelope[] =>
    ingestion.ofType('RemoteDependencyData').filter(({ data }) => data.baseData.name === name);
  const eventsOf = (name: string) =>
    ingestion
      .ofType('EventData')
      .filter(({ data }) => data.baseData.name === name)
      .map(({ data }) => data.baseData.properties ?? {});
  const syncOf = (study: string): Envelope => {
    const found = spans('sync-study').findLast(({ data }) => data.baseData.properties?.study === study);
    if (found === undefined) throw new Error(`no span of ${study}`);
    return found;
  };

  it('counts what was processed, failed, given up and deferred, by error type and reason', () => {
    expect(sum('entries-processed')).toBe(3);
    expect(sum('studies-synced')).toBe(3);
    expect(sum('entries-failed', { errorType: 'FhirError', reason: 'TransactionFailed' })).toBe(1);
    expect(sum('entries-failed', { errorType: 'TransientFailure', reason: 'ServerError' })).toBe(1);
    expect(sum('entries-failed')).toBe(2);
    expect(sum('gave-up', { reason: 'ServerError' })).toBe(1);
    expect(sum('studies-postponed', { reason: 'ServerError' })).toBe(1);
    expect(sum('studies-deferred', { reason: 'ServiceUnavailable' })).toBeGreaterThan(0);
    expect(sum('fhir-requests', { kind: 'transaction' })).toBeGreaterThan(3);
    expect(sum('resources-written', { type: 'ImagingStudy', change: 'create' })).toBe(3);
    expect(sum('sync-duration-ms')).toBeGreaterThan(0);
  });

  it('tells how far the feed is behind, how long ago it worked, and what waits in which queue', () => {
    expect(sum('feed-pulls', { outcome: 'caught-up' })).toBe(2);
    expect(sum('feed-entries')).toBe(5);
    expect(points('feed-lag-entries')).toEqual(expect.arrayContaining([0]) as unknown);
    expect(points('feed-lag-seconds')).toEqual(expect.arrayContaining([0]) as unknown);
    expect(Math.max(...points('last-success-age-seconds'))).toBeLessThan(60);
    expect(points('queue-depth', { queue: 'study-changes' }).length).toBeGreaterThan(0);
    expect(points('queue-depth', { queue: 'study-changes-poison' })).toEqual(expect.arrayContaining([0]) as unknown);
  });

  it('has an event for each failure, warning and outage, with what an operator needs', () => {
    expect(eventsOf('entry-failed')).toContainEqual(
      expect.objectContaining({ study: refused, reason: 'TransactionFailed', httpStatus: '422', sequence: '2' }),
    );
    expect(eventsOf('gave-up')).toMatchObject([{ study: broken, reason: 'ServerError', attempts: '2' }]);
    expect(eventsOf('validation-warning')).toMatchObject([{ study: doubtful, keyword: 'PatientBirthDate' }]);
    expect(eventsOf('dependency-down')).toMatchObject([{ dependency: 'fhir', reason: 'ServiceUnavailable' }]);
    expect(eventsOf('dependency-back')).toMatchObject([{ dependency: 'fhir' }]);
  });

  it('lays transaction and failure under their study, and the study under the request of the host', () => {
    const study = syncOf(good);
    const transaction = spans('fhir-transaction').filter(
      ({ tags }) => tags['ai.operation.parentId'] === study.data.baseData.id,
    );
    expect(transaction).toMatchObject([
      {
        tags: { 'ai.operation.id': study.tags['ai.operation.id'], 'ai.cloud.role': 'cast-of-the-hospital' },
        data: { baseData: { type: 'Http', target: '127.0.0.1', resultCode: '200', success: true } },
      },
    ]);
    const ids = ingestion.ofType('RemoteDependencyData').map(({ data }) => data.baseData.id);
    const failure = ingestion.ofType('EventData').find(({ data }) => data.baseData.properties?.study === refused);
    expect(failure?.tags['ai.operation.id']).toBe(syncOf(refused).tags['ai.operation.id']);
    expect(study.tags['ai.operation.parentId']).toMatch(/^[0-9a-f]{16}$/);
    expect(ids).not.toContain(study.tags['ai.operation.parentId']);
    // Also in the invocation that loads the SDK.
    expect(spans('feed-round')[0]?.tags['ai.operation.parentId']).toMatch(/^[0-9a-f]{16}$/);
  });

  it('leads from a study, also a deferred one, to the round of the feed that brought it', () => {
    const rounds = spans('feed-round');
    expect(rounds.map(({ data }) => data.baseData.properties?.entries)).toEqual(['4', '1']);
    for (const [study, round] of [
      [good, rounds[0]],
      [broken, rounds[0]],
      [deferred, rounds[1]],
    ] as const) {
      const { properties } = syncOf(study).data.baseData;
      expect(properties?.causedByOperation).toBe(round?.tags['ai.operation.id']);
      expect(JSON.parse(String(properties?.['_MS.links']))).toEqual([
        { operation_Id: round?.tags['ai.operation.id'], id: round?.data.baseData.id },
      ]);
    }
    expect(syncOf(good).tags['ai.operation.id']).not.toBe(rounds[0]?.tags['ai.operation.id']);
  });

  it('marks what failed, by code and status', () => {
    const [failed] = spans('fhir-transaction').filter(({ data }) => data.baseData.resultCode === '422');
    expect(failed?.data.baseData.success).toBe(false);
    const attempts = spans('sync-study').filter(({ data }) => data.baseData.properties?.study === broken);
    expect(attempts.map(({ data: { baseData } }) => [baseData.success, baseData.properties?.error])).toEqual([
      [false, 'StudyPostponed'],
      [true, undefined],
    ]);
  });

  it('leaves requests, log lines and exceptions to the host', () => {
    expect(new Set(ingestion.envelopes.map(({ data }) => data.baseType))).toEqual(
      new Set(['MetricData', 'EventData', 'RemoteDependencyData']),
    );
    expect(logs.filter((line) => line.includes('Not stored in FHIR')).length).toBe(2);
    expect(logs.filter((line) => /metric |event /.test(line))).toEqual([]);
  });

  it('uses only names, dimensions and properties of the list that alerts are checked against', () => {
    for (const { data } of ingestion.ofType('MetricData')) {
      const [metric] = data.baseData.metrics ?? [];
      const known = metrics[metric?.name as keyof typeof metrics];
      expect([metric?.name, Object.keys(data.baseData.properties ?? {}).sort()]).toEqual([
        metric?.name,
        [...known.dimensions].filter((name) => data.baseData.properties?.[name] !== undefined).sort(),
      ]);
    }
    for (const { data } of ingestion.ofType('EventData')) {
      const known: readonly string[] = events[data.baseData.name as keyof typeof events].properties;
      const unknown = Object.keys(data.baseData.properties ?? {}).filter((name) => !known.includes(name));
      expect({ event: data.baseData.name, unknown }).toEqual({ event: data.baseData.name, unknown: [] });
    }
  });

  it('holds nothing of a patient, in no part of any envelope, whatever servers say', () => {
    const all = ingestion.bodies.join('\n').toLowerCase();
    expect(all).toContain('cannot be stored');
    expect(SECRETS.filter((secret) => all.includes(secret.toLowerCase()))).toEqual([]);
  });

  it('is sent with a token of the identity that the authentication string names', () => {
    expect(new Set(ingestion.authorizations)).toEqual(new Set(['Bearer for-monitor']));
    expect(identity.requests[0]?.url).toContain('client_id=11111111-2222-3333-4444-555555555555');
  });
});

describe('Application Insights', () => {
  it('that is not used costs a cold start nothing: its SDK is not loaded with the app', () => {
    const loaded = `require(${JSON.stringify(resolve(__dirname, '../../dist/src/app.js'))});
      console.log(Object.keys(require.cache).filter((file) => /@opentelemetry|applicationinsights/i.test(file)).join());`;
    const { stdout, status } = spawnSync(process.execPath, ['-e', loaded], { encoding: 'utf8' });
    expect({ status, loaded: stdout.trim().split('\n').at(-1) }).toEqual({ status: 0, loaded: '' });
  });

  it('gets all metrics and events, and of spans as many as the sampling leaves', async () => {
    const ingestion = await startIngestion();
    const app = await startApp({
      ...ingestion.environment,
      APPLICATIONINSIGHTS_CONNECTION_STRING: ingestion.connectionString,
      TRACE_SAMPLING_PERCENT: '0',
      TABLE_PREFIX: 'Sampled',
    });
    try {
      app.dicom.store(patientsInstance(testUid(96, 1)));
      app.fhir.intercept = ({ kind }) => (kind === 'transaction' ? { status: 422 } : undefined);
      await app.pull();
      await app.drained();
    } finally {
      await app.stop();
      await ingestion.stop();
    }
    expect(new Set(ingestion.envelopes.map(({ data }) => data.baseType))).toEqual(new Set(['MetricData', 'EventData']));
    expect(ingestion.authorizations).not.toContain(expect.stringContaining('Bearer'));
  }, 40_000);

  it.each([
    ['cannot be reached', 'Unreachable', connectionStringTo(9)],
    ['has a connection string that is none', 'Nonsense', 'nonsense'],
  ])(
    'that %s keeps no study from FHIR, and the app from its end',
    async (_how, prefix, connectionString) => {
      const app = await startApp({
        APPLICATIONINSIGHTS_CONNECTION_STRING: connectionString,
        TABLE_PREFIX: prefix,
      });
      try {
        const before = app.fhir.counts.ImagingStudy ?? 0;
        app.dicom.store(patientsInstance(testUid(97, 1)));
        await app.pull();
        await app.drained();
        await eventually(() => Promise.resolve((app.fhir.counts.ImagingStudy ?? 0) > before ? true : undefined), 5000);
      } finally {
        await app.stop();
      }
    },
    40_000,
  );
});
