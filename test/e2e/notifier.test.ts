import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { QueueClient } from '@azure/storage-queue';
import { useAzurite } from '../support/azurite';
import { type CastApp, startCastApp } from '../support/castApp';
import { eventually } from '../support/eventually';
import { ctInstance, element, testUid } from '../support/instances';
import { type ScriptedServer, startScriptedServer } from '../support/scriptedServer';

interface CloudEvent {
  readonly specversion: string;
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly time: string;
  readonly subject?: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** A module of a user's own that writes down what it is told, and then fails. */
const OWN_MODULE = `
const { appendFileSync } = require('node:fs');
const tell = (kind) => (event) => {
  appendFileSync(process.env.OWN_NOTIFIER_FILE, JSON.stringify({ kind, event }) + '\\n');
  throw new Error('Jane Doe does not want to be told');
};
exports.notifier = { entryFailed: tell('entryFailed'), warning: tell('warning'), feedReset: tell('feedReset') };
`;

describe('the notifiers of the app on the host', () => {
  const azurite = useAzurite();
  let app: CastApp;
  let receiver: ScriptedServer;
  let folder = '';
  const refused = testUid(90, 1);
  const broken = testUid(90, 2);
  const doubtful = testUid(90, 3);
  const crashed = testUid(90, 4);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'notifier-'));
    await writeFile(join(folder, 'own.cjs'), OWN_MODULE);
    receiver = await startScriptedServer();
    receiver.script(() => ({ status: 202 }));
    app = await startCastApp(azurite, {
      NOTIFIER_CONSOLE: 'true',
      NOTIFIER_WEBHOOK_URL: `${receiver.url}/events`,
      NOTIFIER_MODULE: join(folder, 'own.cjs'),
      OWN_NOTIFIER_FILE: join(folder, 'told'),
    });
    for (const study of [refused, broken]) app.dicom.store(ctInstance({ study, patientId: `P-${study}` }));
    app.dicom.store(ctInstance({ study: doubtful, patientId: 'P-3', '00100030': element('DA', '19991399') }));
    app.fhir.intercept = ({ kind, body }) => {
      if (kind !== 'transaction') return undefined;
      if (body.includes(`"urn:oid:${refused}"`)) return { status: 422 };
      return body.includes(`"urn:oid:${broken}"`) ? { status: 500 } : undefined;
    };
    await app.pull();
    await app.drained();
    app.fhir.intercept = undefined;
  }, 40_000);

  afterAll(async () => {
    await app.stop();
    await receiver.stop();
    await rm(folder, { recursive: true });
  });

  const events = (): readonly CloudEvent[] => receiver.requests.map(({ body }) => JSON.parse(body) as CloudEvent);
  const ofType = (type: string, study?: string): readonly CloudEvent[] =>
    events().filter((event) => event.type.endsWith(`.${type}`) && (study === undefined || event.data.study === study));
  const arrived = (type: string): Promise<CloudEvent> => eventually(() => Promise.resolve(ofType(type).at(-1)), 15_000);
  const own = (): readonly { readonly kind: string; readonly event: Record<string, unknown> }[] =>
    readFileSync(join(folder, 'told'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { kind: string; event: Record<string, unknown> });

  it('the webhook gets a CloudEvent for what is filed, with study, series, instance, sequence and what to do', () => {
    const [event, ...more] = ofType('entry-failed', refused);
    expect(more).toEqual([]);
    expect(event).toMatchObject({
      specversion: '1.0',
      type: 'fhir-imaging-functions.cast.entry-failed',
      source: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) as unknown,
      subject: `${refused}/${refused}.1/${refused}.1.1`,
      data: {
        partition: 'Microsoft.Default',
        study: refused,
        seriesUid: `${refused}.1`,
        instanceUid: `${refused}.1.1`,
        sequence: '1',
        action: 'Create',
        errorType: 'FhirError',
        reason: 'TransactionFailed',
        httpStatus: 422,
        suggestedFix: expect.stringMatching(/\w/) as unknown,
      },
    });
    expect(receiver.requests[0]).toMatchObject({ method: 'POST', url: '/events' });
    expect(receiver.requests[0]?.headers['content-type']).toMatch(/^application\/cloudevents\+json/);
    expect(new Set(events().map(({ id }) => id)).size).toBe(events().length);
  });

  it('the console gets a line for each, where it is switched on', () => {
    const lines = app.host.logs.filter((line) => /(^| )entry-failed partition=Microsoft.Default study=/.test(line));
    expect(lines.filter((line) => line.includes(`study=${refused} `))).toHaveLength(1);
    expect(lines.filter((line) => line.includes(`study=${broken} `))).toHaveLength(1);
  });

  it('what was given up after its attempts is told as such too', () => {
    expect(ofType('gave-up', broken)).toMatchObject([
      { data: { reason: 'ServerError', attempts: 2, httpStatus: 500 } },
    ]);
    expect(ofType('entry-failed', broken)).toHaveLength(1);
    expect(ofType('gave-up', refused)).toEqual([]);
  });

  it('a warning names the field, the problem and the instance, never the value', () => {
    const [warning] = ofType('validation-warning');
    expect(warning).toMatchObject({
      subject: `${doubtful}/${doubtful}.1/${doubtful}.1.1`,
      data: { keyword: 'PatientBirthDate', tag: '00100030', problem: expect.stringMatching(/\w/) as unknown },
    });
    expect(JSON.stringify(events())).not.toMatch(/19991399|Doe/);
  });

  it('a module of one’s own is told the same, and its errors hurt nobody and are not repeated', async () => {
    expect(
      own()
        .map(({ kind }) => kind)
        .sort(),
    ).toEqual(['entryFailed', 'entryFailed', 'warning']);
    expect(own().find(({ event }) => event.reason === 'TransactionFailed')).toMatchObject({
      event: { study: { partition: 'Microsoft.Default', uid: refused }, sequence: '1' },
    });
    expect(app.host.logs.filter((line) => line.includes('A notifier failed [notifier=module'))).toHaveLength(3);
    expect(app.host.logs.join('\n')).not.toContain('Jane Doe');
    expect(await app.failedEntries()).toHaveLength(2);
    expect(app.fhir.counts.ImagingStudy).toBe(1);
  });

  it('a service that goes down and comes back is told once each, whatever the number of studies', async () => {
    app.fhir.intercept = () => ({ status: 503 });
    for (const study of [1, 2, 3].map((number) => testUid(91, number)))
      app.dicom.store(ctInstance({ study, patientId: `P-${study}` }));
    await app.pull();
    expect(await arrived('dependency-down')).toMatchObject({
      subject: 'fhir',
      data: { dependency: 'fhir', reason: 'ServiceUnavailable' },
    });
    app.fhir.intercept = undefined;
    expect(await arrived('dependency-back')).toMatchObject({ subject: 'fhir', data: { dependency: 'fhir' } });
    await app.drained();
    expect(ofType('dependency-down')).toHaveLength(1);
    expect(ofType('dependency-back')).toHaveLength(1);
    expect(ofType('entry-failed')).toHaveLength(2);
  });

  it('an entry of the feed that cannot be read is told by its sequence', async () => {
    app.dicom.faults.intercept = ({ kind, query }) =>
      kind === 'changeFeed' && query.get('offset') !== undefined
        ? { status: 200, body: JSON.stringify([{ sequence: Number(query.get('offset')) + 1, action: 'Create' }]) }
        : undefined;
    app.dicom.store(ctInstance({ study: testUid(92), patientId: 'P-UNREADABLE' }));
    await app.pull();
    app.dicom.faults.intercept = undefined;
    expect(await eventually(() => Promise.resolve(ofType('entry-failed').at(2)))).toMatchObject({
      data: { reason: 'UnreadableEntry', errorType: 'DicomError', sequence: String(app.dicom.latestSequence) },
    });
    const answer = await app.host.http('/api/failed-entries/retry', {
      method: 'POST',
      body: { reason: 'UnreadableEntry' },
    });
    expect(answer.json()).toEqual({ entries: 1, studies: 0, notRetryable: 0 });
    await app.drained();
    expect(await app.failedEntries('?reason=UnreadableEntry')).toEqual([]);
    expect(JSON.stringify(app.fhir.all('ImagingStudy'))).toContain(testUid(92));
  });

  it('what the host gave up on is told as unconfirmed, looked at once more, and its row goes when FHIR is right', async () => {
    app.dicom.store(ctInstance({ study: crashed, patientId: 'P-CRASHED' }));
    const sequence = app.dicom.latestSequence;
    const message = {
      study: { partition: 'Microsoft.Default', uid: crashed },
      changes: [{ sequence, action: 'Create', series: `${crashed}.1`, instance: `${crashed}.1.1` }],
    };
    const poison = new QueueClient(azurite.connectionString, 'study-changes-poison');
    await poison.createIfNotExists();
    await poison.sendMessage(Buffer.from(JSON.stringify(message)).toString('base64'));
    const [event] = await eventually(() => {
      const found = ofType('entry-failed', crashed);
      return Promise.resolve(found.length > 0 ? found : undefined);
    });
    expect(event).toMatchObject({
      subject: `${crashed}/${crashed}.1/${crashed}.1.1`,
      data: { reason: 'Unconfirmed', sequence: String(sequence), action: 'Create' },
    });
    await eventually(async () =>
      (await app.failedEntries(`?study=${crashed}`)).length === 0 &&
      JSON.stringify(app.fhir.all('ImagingStudy')).includes(crashed)
        ? true
        : undefined,
    );
  });

  it('a feed that ends before the cursor is told', async () => {
    const { sequence } = (await app.status()).changeFeed;
    await app.pull();
    await app.host.http('/api/cursor', { method: 'PUT', body: { expected: app.dicom.latestSequence, sequence: 5000 } });
    await app.host.invoke('pull-change-feed');
    expect(await arrived('feed-reset')).toMatchObject({ data: { cursor: 5000, latest: app.dicom.latestSequence } });
    expect((await app.status()).changeFeed).toMatchObject({ condition: 'feed-reset', sequence: 5000 });
    expect(sequence).toBeGreaterThan(0);
  });

  it('a receiver that refuses hurts nobody', async () => {
    receiver.script(() => ({ status: 500 }));
    app.fhir.intercept = ({ kind }) => (kind === 'transaction' ? { status: 422 } : undefined);
    const study = testUid(93);
    app.dicom.store(ctInstance({ study, patientId: 'P-93' }));
    await app.host.http(`/api/studies/${study}/sync`, { method: 'POST' });
    await eventually(async () => ((await app.failedEntries(`?study=${study}`)).length === 1 ? true : undefined));
    await app.host.waitForLog(/A notifier failed \[notifier=webhook event=entryFailed problem=WebhookRefused/);
    await app.drained();
  });
});
