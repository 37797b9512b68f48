import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createCastClients } from '../../../src/app';
import { type Cast, createCast } from '../../../src/cast';
import { telemetryNotifier } from '../../../src/failures/telemetryNotifier';
import { storageAccount } from '../../../src/identity/storageAccount';
import type { StudyQueue } from '../../../src/study/studyQueue';
import { useAzurite } from '../../support/azurite';
import { CastRig, signal } from '../../support/castRig';
import { ctInstance, element, testUid } from '../../support/instances';
import { watchedSignals } from '../../support/watchedSignals';

/** What alerts ask for and the app does not tell yet. Take a name out when it does. */
const notToldYet = ['ReconcileStoppedByGuard'];

describe('what alerts and workbook ask for', () => {
  const azurite = useAzurite();
  let rig: CastRig;
  let cast: Cast;

  beforeEach(async () => {
    rig = await CastRig.start(azurite, { settings: { MAX_ATTEMPTS: '2' } });
    const poison: StudyQueue = {
      name: 'study-changes-poison',
      send: () => Promise.reject(new Error('nobody sends to it')),
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
    expect(missing).toEqual(notToldYet);
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

  it('is all that is not told yet', () => {
    const sources = globSync(join(__dirname, '../../../src/**/*.ts'))
      .filter((path) => !path.endsWith('names.ts'))
      .map((path) => readFileSync(path, 'utf8'));
    expect(notToldYet.filter((name) => sources.some((text) => text.includes(`'${name}'`)))).toEqual([]);
  });
});
