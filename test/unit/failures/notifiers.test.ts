import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compositeNotifier } from '../../../src/failures/compositeNotifier';
import { failureEventKinds, notifierOf, type FailureNotifier } from '../../../src/failures/notifier';
import { loadNotifierModule, NotifierModuleInvalid } from '../../../src/failures/notifierModule';
import { consoleNotifier, telemetryNotifier } from '../../../src/failures/telemetryNotifier';
import { webhookNotifier, WebhookRefused } from '../../../src/failures/webhookNotifier';
import { recordingTelemetry } from '../../support/recordingTelemetry';

const failed = {
  study: { partition: 'Microsoft.Default', uid: '1.2.3' },
  seriesUid: '1.2.3.4',
  instanceUid: '1.2.3.4.5',
  sequence: '77',
  action: 'Create',
  errorType: 'FhirError',
  reason: 'TransactionFailed',
  message: 'The FHIR server answered 422',
  suggestedFix: 'Correct it',
  httpStatus: 422,
  operationId: 'operation-1',
} as const;

async function tellAll(notifier: FailureNotifier): Promise<void> {
  const { study, instanceUid, operationId } = failed;
  await notifier.entryFailed(failed);
  await notifier.gaveUp({ ...failed, attempts: 8 });
  await notifier.warning({
    study,
    instanceUid,
    keyword: 'PatientSex',
    tag: '00100040',
    problem: 'no defined term',
    operationId,
  });
  await notifier.dependencyDown({
    dependency: 'fhir',
    reason: 'AccessDenied',
    message: 'The FHIR server answered 403',
    since: '2024-01-01T00:00:00Z',
  });
  await notifier.dependencyBack({ dependency: 'fhir', since: '2024-01-01T00:00:00Z', downForMs: 1000 });
  await notifier.feedReset({ cursor: 9, latest: 3 });
}

test('the console shows study, series, instance and sequence, and what to do', async () => {
  const lines: string[] = [];
  await tellAll(consoleNotifier((level, line) => lines.push(`${level}: ${line}`)));
  expect(lines).toHaveLength(6);
  expect(lines[0]).toBe(
    'error: entry-failed partition=Microsoft.Default study=1.2.3 seriesUid=1.2.3.4 instanceUid=1.2.3.4.5 sequence=77 action=Create ' +
      'errorType=FhirError reason=TransactionFailed message="The FHIR server answered 422" suggestedFix="Correct it" httpStatus=422 operationId=operation-1',
  );
  expect(lines.map((line) => line.split(' ', 2).join(' '))).toEqual([
    'error: entry-failed',
    'error: gave-up',
    'warning: validation-warning',
    'error: dependency-down',
    'info: dependency-back',
    'error: feed-reset',
  ]);
});

test('the telemetry gets an event of each kind', async () => {
  const telemetry = recordingTelemetry();
  await tellAll(telemetryNotifier(telemetry));
  expect(telemetry.records).toHaveLength(6);
  expect(telemetry.records[1]).toMatchObject({
    kind: 'event',
    name: 'gave-up',
    properties: { study: '1.2.3', attempts: 8 },
  });
});

describe('the webhook', () => {
  const requests: { method: string; url: string; headers?: Record<string, string>; body?: string }[] = [];
  const answering = (status: number): FailureNotifier =>
    webhookNotifier({
      url: 'https://hooks.example/alerts',
      http: {
        send: (request) => {
          requests.push(request);
          return Promise.resolve({ status });
        },
      },
      source: 'urn:fhir-imaging-functions:test',
      timeoutMs: 1000,
      clock: () => new Date('2024-01-01T00:00:00Z'),
    });
  beforeEach(() => (requests.length = 0));

  test('posts CloudEvents 1.0 in structured mode', async () => {
    await tellAll(answering(202));
    expect(requests).toHaveLength(6);
    expect(requests[0]).toMatchObject({
      method: 'POST',
      url: 'https://hooks.example/alerts',
      headers: { 'content-type': 'application/cloudevents+json; charset=utf-8' },
    });
    const events = requests.map(({ body = '' }) => JSON.parse(body) as Record<string, unknown>);
    expect(events[0]).toEqual({
      specversion: '1.0',
      id: expect.stringMatching(/^[0-9a-f-]{36}$/) as unknown,
      source: 'urn:fhir-imaging-functions:test',
      type: 'fhir-imaging-functions.cast.entry-failed',
      time: '2024-01-01T00:00:00.000Z',
      subject: '1.2.3/1.2.3.4/1.2.3.4.5',
      datacontenttype: 'application/json',
      data: { partition: 'Microsoft.Default', ...failed, study: '1.2.3' },
    });
    expect(events[3]).toMatchObject({ subject: 'fhir', data: { reason: 'AccessDenied' } });
    expect(events[5]).not.toHaveProperty('subject');
    expect(new Set(events.map(({ id }) => id)).size).toBe(6);
  });

  test('says so when the receiver refuses', async () => {
    await expect(answering(500).entryFailed(failed)).rejects.toThrow(WebhookRefused);
  });
});

describe('several notifiers', () => {
  test('one that throws, rejects or never ends hurts neither the others nor the caller', async () => {
    const telemetry = recordingTelemetry();
    const told: string[] = [];
    const good = notifierOf((kind) => Promise.resolve(void told.push(kind)));
    const notifier = compositeNotifier(
      [
        {
          name: 'throws',
          notifier: notifierOf(() => {
            throw new TypeError('Doe^John');
          }),
        },
        { name: 'rejects', notifier: notifierOf(() => Promise.reject(new WebhookRefused(503))) },
        { name: 'hangs', notifier: notifierOf(() => new Promise(() => undefined)) },
        { name: 'lacks its methods', notifier: {} as FailureNotifier },
        { name: 'good', notifier: good },
      ],
      telemetry,
      20,
    );
    await tellAll(notifier);
    expect(told).toEqual(['entryFailed', 'gaveUp', 'warning', 'dependencyDown', 'dependencyBack', 'feedReset']);
    expect(telemetry.records).toHaveLength(24);
    expect(telemetry.records.slice(0, 4)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          level: 'warning',
          properties: { notifier: 'throws', event: 'entryFailed', problem: 'TypeError' },
        }),
        expect.objectContaining({
          properties: { notifier: 'rejects', event: 'entryFailed', problem: 'WebhookRefused' },
        }),
        expect.objectContaining({
          properties: { notifier: 'hangs', event: 'entryFailed', problem: 'no end within 20 ms' },
        }),
      ]),
    );
    expect(JSON.stringify(telemetry.records)).not.toContain('Doe');
  });
});

describe('a module of the user’s own', () => {
  let folder: string;
  beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), 'notifier-'))));
  afterAll(() => rm(folder, { recursive: true }));
  const load = async (name: string, text: string): Promise<FailureNotifier> => {
    const path = join(folder, `${name}.cjs`);
    await writeFile(path, text);
    return loadNotifierModule(path);
  };

  test.each([
    [
      'factory',
      'exports.createNotifier = async () => ({ seen: [], entryFailed(e) { this.seen.push(e); globalThis.told = this.seen; } })',
    ],
    [
      'object',
      'const seen = []; exports.notifier = { async entryFailed(e) { seen.push(e); globalThis.told = seen; } }',
    ],
    ['plain', 'const seen = []; module.exports = { entryFailed: (e) => { seen.push(e); globalThis.told = seen; } }'],
  ])('may export a %s, with some of the methods', async (name, text) => {
    const notifier = await load(name, text);
    for (const kind of failureEventKinds) expect(typeof notifier[kind]).toBe('function');
    await tellAll(notifier);
    expect((globalThis as { told?: unknown }).told).toEqual([failed]);
  });

  test.each([
    ['broken', 'this is no JavaScript', /cannot be loaded/],
    ['empty', '', /none of the methods entryFailed/],
    ['text', 'module.exports = "x"', /exports nothing/],
    ['wrong', 'exports.notifier = { gaveUp: 1 }', /gaveUp is no function/],
    ['failing', 'exports.createNotifier = () => { throw new Error("x") }', /createNotifier failed/],
  ])('that is %s is refused with what was expected', async (name, text, message) => {
    await expect(load(name, text)).rejects.toThrow(message);
  });

  test('that is not there is refused', async () => {
    await expect(loadNotifierModule('./no/such/file.js')).rejects.toThrow(NotifierModuleInvalid);
  });
});
