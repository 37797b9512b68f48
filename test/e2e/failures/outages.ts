import type { ImagingStudy } from 'fhir/r4';
import { QueueClient } from '@azure/storage-queue';
import type { AzuriteForTests } from '../../support/azurite';
import { type CastApp, startCastApp } from '../../support/castApp';
import { eventually } from '../../support/eventually';
import { ctInstance, testUid } from '../../support/instances';

interface Outage {
  readonly name: string;
  readonly reason: string;
  /** What the service does with every request; undefined: nobody listens on its port. */
  readonly fault?: { readonly status?: number; readonly delayMs?: number; readonly destroy?: 'before' };
}

/** The row `unavailable` of the error table of docs/architecture.md. 429 and 500 count as an outage because the probe gets them too. */
export const outages: readonly Outage[] = [
  { name: 'a connection that is refused', reason: 'ConnectionFailed' },
  { name: 'a connection that is reset', reason: 'ConnectionFailed', fault: { destroy: 'before' } },
  { name: 'a time-out', reason: 'RequestTimeout', fault: { delayMs: 1200 } },
  { name: '502', reason: 'ServiceUnavailable', fault: { status: 502 } },
  { name: '503', reason: 'ServiceUnavailable', fault: { status: 503 } },
  { name: '504', reason: 'ServiceUnavailable', fault: { status: 504 } },
  { name: '401', reason: 'AccessDenied', fault: { status: 401 } },
  { name: '403', reason: 'AccessDenied', fault: { status: 403 } },
  { name: '429, for the probe too', reason: 'ServerTooBusy', fault: { status: 429 } },
  { name: '500, for the probe too', reason: 'ServerError', fault: { status: 500 } },
];

/** Outages of one reason are told in one way; the breaker finds out about one of them by itself. */
export const kindOf = ({ name, reason }: Outage): string => (name === BY_ITSELF ? name : reason);
const BY_ITSELF = '503';

/** Plays outages of one service, one after the other on the same host, each to its end. */
export function describeOutages(service: 'fhir' | 'dicom', azurite: AzuriteForTests, played: readonly Outage[]): void {
  let app: CastApp;

  beforeAll(async () => {
    app = await startCastApp(azurite, {
      BACK_OFF_BASE_SECONDS: '2',
      [service === 'fhir' ? 'DICOM_TIMEOUT_SECONDS' : 'FHIR_TIMEOUT_SECONDS']: '60',
    });
  });

  afterAll(async () => {
    await app.stop();
  });

  /** What holds the study that is under way at the service that works. */
  let held: Promise<void> | undefined;

  /** Addresses that the service under test was asked for while it worked. */
  const asked: string[] = [];

  const script = (fault: Outage['fault']): void => {
    const hold = async (): Promise<undefined> => {
      await held;
      return undefined;
    };
    const testee = ({ path }: { readonly path: string }): Outage['fault'] => {
      if (fault === undefined) asked.push(path);
      return fault;
    };
    app.fhir.intercept = service === 'fhir' ? testee : ({ kind }) => (kind === 'search' ? hold() : undefined);
    app.dicom.faults.intercept =
      service === 'dicom' ? testee : ({ kind }) => (kind === 'studyMetadata' ? hold() : undefined);
  };

  /**
   * Has another study under way, whose success tells early that the service is back.
   * Without it the breaker finds out by itself, at its next trial 3 to 5 seconds later.
   * @returns what lets it go on
   */
  const holdAnother = async (uid: string): Promise<() => void> => {
    let release: () => void = () => undefined;
    held = new Promise((resolve) => (release = resolve));
    script(undefined);
    app.dicom.store(ctInstance({ study: uid, patientId: `P-${uid}` }));
    await app.pull();
    await eventually(() => Promise.resolve(asked.find((path) => path.includes(uid))));
    return () => {
      held = undefined;
      release();
    };
  };

  const begin = async ({ fault }: Outage): Promise<void> => {
    script(fault);
    if (fault === undefined) await (service === 'fhir' ? app.fhirPort : app.dicomPort).close();
  };

  const end = async ({ fault }: Outage): Promise<void> => {
    script(undefined);
    if (fault === undefined) await (service === 'fhir' ? app.fhirPort : app.dicomPort).open();
  };

  afterEach(() => {
    app.fhir.intercept = undefined;
    app.dicom.faults.intercept = undefined;
  });

  const logsOf = (uid: string): readonly string[] => app.host.logs.filter((line) => line.includes(`study=${uid} `));

  it.each(played)('$name', async (outage) => {
    const uid = testUid(60, outages.indexOf(outage) + 1);
    const letGo = outage.name === BY_ITSELF ? undefined : await holdAnother(testUid(62, outages.indexOf(outage) + 1));
    app.dicom.store(ctInstance({ study: uid, patientId: `P-${outages.indexOf(outage)}` }));
    await begin(outage);
    if (service === 'fhir') await app.pull();
    // The feed is out of reach as well: the study is asked for by hand.
    else expect((await app.host.http(`/api/studies/${uid}/sync`, { method: 'POST' })).status).toBe(202);

    // The copy is sent before the message is completed: for a moment there are both.
    const status = await eventually(async () => {
      const now = await app.status();
      const deferred = logsOf(uid).some((line) => line.includes('Deferred'));
      return deferred && now.queues['study-changes'] === (letGo === undefined ? 1 : 2) ? now : undefined;
    });
    expect(status).toMatchObject({
      queues: { 'study-changes-poison': 0 },
      failedEntries: { total: 0 },
      breakers: {
        [service]: { state: expect.stringMatching(/open/) as unknown, reason: outage.reason },
        [service === 'fhir' ? 'dicom' : 'fhir']: { state: 'closed' },
      },
    });
    expect((await app.tableRows('FailedEntries')).filter(({ rowKey }) => String(rowKey) < '~')).toEqual([]);
    const health = await app.host.http('/api/health');
    expect(health.status).toBe(503);
    expect(health.json()).toMatchObject({
      healthy: false,
      checks: expect.arrayContaining([expect.objectContaining({ name: service, healthy: false })]) as unknown,
    });

    await end(outage);
    letGo?.();
    await app.pull();
    await app.drained();
    const stored = app.fhir.all<ImagingStudy>('ImagingStudy').flatMap(({ identifier }) => identifier ?? []);
    expect(stored.filter(({ value }) => value === `urn:oid:${uid}`)).toHaveLength(1);
    expect(await app.tableRows('FailedEntries')).toEqual([]);
    expect(logsOf(uid).filter((line) => line.includes('attempt='))).toEqual([]);
    expect((await app.status()).breakers[service]).toEqual({ dependency: service, state: 'closed' });
    expect((await app.host.http('/api/health')).status).toBe(200);
  });

  it('the queue holds fresh copies with the time of the first deferral: no attempt is used up', async () => {
    const uid = testUid(61);
    app.dicom.store(ctInstance({ study: uid, patientId: 'P-LAST' }));
    const before = Date.now();
    const down: Outage = { name: '503', reason: 'ServiceUnavailable', fault: { status: 503 } };
    await begin(down);
    if (service === 'fhir') await app.pull();
    else await app.host.http(`/api/studies/${uid}/sync`, { method: 'POST' });
    await eventually(() => Promise.resolve(logsOf(uid).find((line) => line.includes('Deferred'))));
    // Gracefully: a process that is killed between the copy and the end of its message leaves both, as it has to.
    await app.host.stop();
    const queue = new QueueClient(azurite.connectionString, 'study-changes');
    const message = await eventually(async () => (await queue.receiveMessages()).receivedMessageItems[0], 15_000);
    expect(message.dequeueCount).toBe(1);
    const content = JSON.parse(Buffer.from(message.messageText, 'base64').toString()) as {
      readonly deferred: { readonly since: string; readonly times: number };
    };
    expect(content).toMatchObject({ study: { partition: 'Microsoft.Default', uid } });
    expect(content.deferred.times).toBeGreaterThanOrEqual(1);
    expect(Date.parse(content.deferred.since)).toBeGreaterThanOrEqual(before);
    expect((await queue.getProperties()).approximateMessagesCount).toBe(1);
  });
}
