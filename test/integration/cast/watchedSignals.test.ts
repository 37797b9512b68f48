import { createCastClients } from '../../../src/castClients';
import { type Cast, createCast } from '../../../src/cast';
import { telemetryNotifier } from '../../../src/failures/telemetryNotifier';
import type { Run } from '../../../src/payloads/runs/run';
import { reconcileReporter } from '../../../src/reconcileReporter';
import { storageAccount } from '../../../src/identity/storageAccount';
import type { StudyQueue } from '../../../src/study/studyQueue';
import { useAzurite } from '../../support/azurite';
import { CastRig, signal } from '../../support/castRig';
import { ctInstance, element, testUid } from '../../support/instances';
import { watchedSignals } from '../../support/watchedSignals';

describe('what alerts and workbook ask for', () => {
  const azurite = useAzurite();
  let rig: CastRig;
  let cast: Cast;

  beforeEach(async () => {
    rig = await CastRig.start(azurite, { settings: { MAX_ATTEMPTS: '2' } });
    const poison: StudyQueue = {
      name: 'study-changes-poison',
      send: () => Promise.reject(new Error('nobody sends to it')),
      sendShared: () => Promise.reject(new Error('nobody sends to it')),
      postpone: () => Promise.reject(new Error('nobody takes from it')),
      depth: () => Promise.resolve(3),
    };
    // These count their requests.
    const storage = storageAccount({ AzureWebJobsStorage: azurite.connectionString });
    const { dicom, fhir } = createCastClients(rig.settings, storage, rig.telemetry);
    cast = createCast(
      rig.settings,
      { ...rig.clients, dicom, fhir, poison },
      { telemetry: rig.telemetry, notifier: telemetryNotifier(rig.telemetry), clock: () => rig.now() },
    );
  });
  afterEach(async () => {
    await rig.stop();
  });

  const metrics = (name: string): readonly unknown[] =>
    rig.telemetry.records.flatMap((record) =>
      record.kind === 'metric' && record.name === name ? [{ value: record.value, ...record.dimensions }] : [],
    );
  const events = (name: string): readonly unknown[] =>
    rig.telemetry.records.flatMap((record) =>
      record.kind === 'event' && record.name === name ? [record.properties] : [],
    );

  const store = (number: number): string => {
    rig.dicom.store(ctInstance({ study: testUid(number), instance: `${testUid(number)}.1.1` }));
    return testUid(number);
  };

  it('is told: work that is done, an instance that is wrong, a server that fails, one that refuses us, and a feed that was reset', async () => {
    // Done, with a warning.
    rig.dicom.store(
      ctInstance({ study: testUid(1), instance: `${testUid(1)}.1.1`, '00100030': element('DA', 'yesterday') }),
    );
    // Wrong.
    rig.dicom.store(ctInstance({ study: testUid(2), instance: `${testUid(2)}.1.1`, '00100020': element('LO') }));
    await rig.pull(cast);
    await rig.drain(cast);
    expect(metrics('feed-pulls')).toMatchObject([{ outcome: 'caught-up' }]);
    expect(events('entry-failed')).toMatchObject([{ study: testUid(2), reason: 'RequiredAttributeMissing' }]);

    // Fails while the rest of the server works.
    rig.fhir.intercept = ({ kind }) => (kind === 'transaction' ? { status: 500 } : undefined);
    store(3);
    await rig.pull(cast);
    await rig.drain(cast);
    expect(metrics('studies-postponed')).toMatchObject([{ reason: 'ServerError' }]);

    // Refuses us, then does no longer.
    rig.fhir.intercept = () => ({ status: 403 });
    store(4);
    await rig.pull(cast);
    const [message] = rig.queue.visible();
    if (message !== undefined) await rig.deliver(message, cast);
    expect(metrics('studies-deferred')).toMatchObject([{ reason: 'AccessDenied' }]);
    expect(events('dependency-down')).toMatchObject([{ dependency: 'fhir', reason: 'AccessDenied' }]);
    rig.fhir.intercept = undefined;
    await rig.drain(cast);

    rig.dicom.faults.intercept = () => ({ status: 401 });
    await expect(cast.pull(signal())).rejects.toThrow();
    expect(metrics('feed-pulls').at(-1)).toEqual({ value: 1, outcome: 'failed', reason: 'AccessDenied' });
    rig.dicom.faults.intercept = undefined;

    await cast.tellLevels(signal());
    rig.dicom.faults.intercept = ({ kind }) => (kind === 'changeFeedLatest' ? { status: 204 } : undefined);
    await rig.pull(cast);
    expect(events('feed-reset')).toHaveLength(1);

    const told = new Set(rig.telemetry.records.flatMap((record) => (record.kind === 'log' ? [] : [record.name])));
    const asked = await watchedSignals();
    const missing = [...asked.metrics, ...asked.events].filter((name) => !told.has(name as never));
    // Of Reconcile: see the last test.
    expect(missing).toEqual(['reconcile-stopped-by-guard']);
  });

  it('holds the lag behind the feed, the age of the last success and the depth of the queues, also while nobody pulls', async () => {
    store(1);
    await rig.pull(cast);
    rig.advance(600_000);
    [2, 3, 4].forEach(store);
    await cast.tellLevels(signal());
    expect(metrics('feed-lag-entries')).toEqual([{ value: 0 }, { value: 3 }]);
    expect(metrics('last-success-age-seconds')).toEqual([{ value: 0 }, { value: 600 }]);
    expect(metrics('queue-depth').slice(-2)).toEqual([
      { value: 1, queue: 'study-changes' },
      { value: 3, queue: 'study-changes-poison' },
    ]);
  });

  it('says that the cursor waits for a person as long as it does', async () => {
    store(1);
    await rig.pull(cast);
    rig.dicom.faults.intercept = ({ kind }) => (kind === 'changeFeedLatest' ? { status: 204 } : undefined);
    await cast.tellLevels(signal());
    rig.dicom.faults.intercept = undefined;
    await cast.tellLevels(signal());
    expect(metrics('feed-reset-pending')).toEqual([{ value: 0 }, { value: 1 }, { value: 0 }]);
  });

  it('is told as the puller saw it last where the feed does not answer', async () => {
    store(1);
    await rig.pull(cast);
    rig.advance(600_000);
    rig.dicom.faults.intercept = () => ({ status: 503 });
    await cast.tellLevels(signal());
    expect(metrics('feed-lag-entries')).toEqual([{ value: 0 }, { value: 0 }]);
    expect(metrics('last-success-age-seconds').at(-1)).toEqual({ value: 600 });
    expect(rig.telemetry.records).toContainEqual(
      expect.objectContaining({ kind: 'log', level: 'warning', message: 'The end of the change feed is not known' }),
    );
  });

  it('is told of Reconcile when a guard ends a run, with the guard and without a name of a payload', () => {
    const guards = [{ guard: 'wrong-pair', problem: 'Of 20 rows 9 have no blob: 104/pat-1/1/key' }] as const;
    const run = { id: 'run', state: 'stopped-by-guard', guards, request: { tenantId: 'a', dsId: 'b', mode: 'delete' } };
    reconcileReporter(rig.telemetry).runEnded?.(run as unknown as Run);
    expect(events('reconcile-stopped-by-guard')).toMatchObject([{ guard: 'wrong-pair', runId: 'run', tenantId: 'a' }]);
    expect(JSON.stringify(rig.telemetry.records)).not.toContain('pat-1');
  });
});
