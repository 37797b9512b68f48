import { useAzurite } from '../../support/azurite';
import { CastRig } from '../../support/castRig';
import { ctInstance, testUid } from '../../support/instances';
import { violationsOf } from '../../support/oracle';

/** Outages on a clock of the test's own: hours pass between two deliveries. */
describe('an outage', () => {
  const azurite = useAzurite();
  let rig: CastRig;

  afterEach(async () => {
    await rig.stop();
  });

  const HOUR_MS = 3_600_000;
  const STUDIES = 8;

  const store = (count: number, from = 1): void => {
    for (let study = from; study < from + count; study++) {
      const uid = testUid(500, study);
      rig.dicom.store([
        ctInstance({ study: uid, instance: `${uid}.1.1`, patientId: `P${study}` }),
        ctInstance({ study: uid, instance: `${uid}.1.2`, patientId: `P${study}` }),
      ]);
    }
  };

  /** Delivers what becomes visible, as the host would, until the time is over. */
  const liveFor = async (durationMs: number): Promise<void> => {
    const end = rig.now().getTime() + durationMs;
    for (;;) {
      const [message] = rig.queue.visible();
      if (message !== undefined) {
        await rig.deliver(message);
        continue;
      }
      const next = rig.queue.nextVisibleAtMs();
      if (next === undefined || next > end) break;
      rig.advance(next - rig.now().getTime());
    }
    rig.advance(Math.max(0, end - rig.now().getTime()));
  };

  const attempts = (): readonly number[] => rig.queue.all().map(({ dequeueCount }) => dequeueCount);

  const down: readonly { readonly name: string; readonly service: 'fhir' | 'dicom'; readonly fault: () => object }[] = [
    { name: 'a FHIR server that answers 503', service: 'fhir', fault: () => ({ status: 503 }) },
    { name: 'a FHIR server that breaks every connection', service: 'fhir', fault: () => ({ destroy: 'before' }) },
    { name: 'a FHIR server that refuses our identity (403)', service: 'fhir', fault: () => ({ status: 403 }) },
    { name: 'a FHIR server that answers 500 to everything', service: 'fhir', fault: () => ({ status: 500 }) },
    { name: 'a DICOM service that answers 503', service: 'dicom', fault: () => ({ status: 503 }) },
    { name: 'a DICOM service that breaks every connection', service: 'dicom', fault: () => ({ destroy: 'before' }) },
    { name: 'a DICOM service that refuses our identity (401)', service: 'dicom', fault: () => ({ status: 401 }) },
  ];

  it.each(down)(
    'of an hour with $name costs no attempt, files nothing and loses nothing',
    async ({ service, fault }) => {
      rig = await CastRig.start(azurite);
      store(STUDIES);
      await rig.pull();
      let refused = 0;
      const intercept = (): object => {
        refused++;
        return fault();
      };
      if (service === 'fhir') rig.fhir.intercept = intercept;
      else rig.dicom.faults.intercept = intercept;
      await liveFor(HOUR_MS);

      expect(rig.queue.length).toBe(STUDIES);
      expect(Math.max(...attempts())).toBe(0);
      expect(await rig.failures()).toEqual([]);
      expect(rig.poisoned).toEqual([]);
      expect((await rig.cast.status(new AbortController().signal)).breakers[service].state).not.toBe('closed');
      // The breaker lets one study through at a time, with growing pauses: without it each study would ask again and again.
      expect(refused).toBeLessThan(HOUR_MS / 10_000);

      rig.fhir.intercept = undefined;
      rig.dicom.faults.intercept = undefined;
      await rig.drain();
      expect(await violationsOf(rig)).toEqual([]);
      expect(rig.fhir.counts.ImagingStudy).toBe(STUDIES);
      expect(await rig.failures()).toEqual([]);
      const kinds = rig.notifications.map(({ kind }) => kind);
      expect(kinds.filter((kind) => kind === 'dependencyDown')).toHaveLength(1);
      expect(kinds.filter((kind) => kind === 'dependencyBack')).toHaveLength(1);
    },
  );

  it('stops the puller at the limit of the queue, and the feed goes on afterwards', async () => {
    rig = await CastRig.start(azurite, { settings: { QUEUE_LIMIT: '4', ROUND_ENTRIES: '8' } });
    rig.fhir.intercept = () => ({ status: 503 });
    store(STUDIES);
    await rig.pull();
    const held = rig.queue.length;
    store(STUDIES, 100);
    expect(await rig.cast.pull(new AbortController().signal)).toMatchObject({ stopped: 'held-back' });
    expect(rig.queue.length).toBe(held);
    rig.fhir.intercept = undefined;
    for (let round = 0; round < 10; round++) {
      await rig.drain();
      await rig.pull();
    }
    expect(rig.fhir.counts.ImagingStudy).toBe(2 * STUDIES);
    expect(await violationsOf(rig)).toEqual([]);
  });

  it('that outlives its budget is filed with the cause that kept the study out, and a retry brings it in', async () => {
    rig = await CastRig.start(azurite, { settings: { OUTAGE_BUDGET_HOURS: '2' } });
    rig.fhir.intercept = () => ({ status: 503 });
    store(1);
    await rig.pull();
    await liveFor(3 * HOUR_MS);
    expect(await rig.failures()).toMatchObject([
      {
        errorType: 'TransientFailure',
        reason: 'OutageBudgetExceeded',
        httpStatus: 503,
        message: expect.stringContaining('503') as string,
      },
      { errorType: 'TransientFailure', reason: 'OutageBudgetExceeded' },
    ]);
    expect(rig.notifications.map(({ kind }) => kind)).toContain('gaveUp');
    rig.fhir.intercept = undefined;
    rig.advance(HOUR_MS);
    await rig.queue.send({ study: { partition: 'Microsoft.Default', uid: testUid(500, 1) }, changes: [] }, {});
    await rig.drain();
    expect(await rig.failures()).toEqual([]);
    expect(await violationsOf(rig)).toEqual([]);
  });

  it('that outlived its budget is no reason any more when the service works and only this study fails', async () => {
    rig = await CastRig.start(azurite, { settings: { OUTAGE_BUDGET_HOURS: '2', MAX_ATTEMPTS: '2' } });
    rig.fhir.intercept = () => ({ status: 503 });
    store(1);
    await rig.pull();
    await liveFor(HOUR_MS);
    rig.advance(2 * HOUR_MS);
    rig.fhir.intercept = ({ kind }) => (kind === 'transaction' ? { status: 500 } : undefined);
    await rig.drain();
    expect(await rig.failures()).toMatchObject([{ reason: 'ServerError' }, { reason: 'ServerError' }]);
    expect((await rig.cast.status(new AbortController().signal)).breakers.fhir.state).toBe('closed');
  });

  it('of one study is no outage: while the probe is answered, attempts are counted, delays grow, and the cause is filed', async () => {
    rig = await CastRig.start(azurite, {
      settings: { MAX_ATTEMPTS: '4', BACK_OFF_BASE_SECONDS: '10', BACK_OFF_CAP_SECONDS: '25' },
    });
    rig.fhir.intercept = ({ kind }) => (kind === 'transaction' ? { status: 500 } : undefined);
    store(1);
    await rig.pull();
    const pauses: number[] = [];
    for (let attempt = 1; attempt < 4; attempt++) {
      await rig.deliver(rig.queue.visible()[0]!);
      const next = rig.queue.nextVisibleAtMs();
      pauses.push((next ?? 0) - rig.now().getTime());
      rig.advance(pauses.at(-1) ?? 0);
    }
    expect(
      pauses.map(
        (pause, index) => pause >= 5000 * 2 ** Math.min(index, 1) && pause <= Math.min(25_000, 10_000 * 2 ** index),
      ),
    ).toEqual([true, true, true]);
    expect(await rig.failures()).toEqual([]);
    await rig.deliver(rig.queue.visible()[0]!);
    expect(rig.queue.length).toBe(0);
    expect(await rig.failures()).toMatchObject([
      { errorType: 'TransientFailure', reason: 'ServerError', httpStatus: 500 },
      { errorType: 'TransientFailure', reason: 'ServerError', httpStatus: 500 },
    ]);
    expect((await rig.cast.status(new AbortController().signal)).breakers.fhir.state).toBe('closed');
  });

  it('never waits shorter than the service asked for', async () => {
    rig = await CastRig.start(azurite);
    rig.fhir.intercept = () => ({ status: 503, headers: { 'retry-after': '900' } });
    store(1);
    await rig.pull();
    await rig.deliver(rig.queue.visible()[0]!);
    expect((rig.queue.nextVisibleAtMs() ?? 0) - rig.now().getTime()).toBeGreaterThanOrEqual(900_000);
  });
});
