import { RestError } from '@azure/data-tables';
import { studyPasses } from '../../../src/failures/studyPass';
import { useAzurite } from '../../support/azurite';
import { CastRig, type RigWorker, signal } from '../../support/castRig';
import { A, B, Scene, STUDY } from './scenes';

const HOUR_MS = 3_600_000;

/** Rule 3: who leaves something behind leaves a mark, and somebody looks at the study again. */
describe('the sweep of old marks', () => {
  const azurite = useAzurite();
  let rig: CastRig;
  let scene: Scene;
  const start = async (switches: 'good' | 'hapi' = 'good'): Promise<void> => {
    rig = await CastRig.start(azurite, { switches });
    scene = new Scene(rig);
  };
  afterEach(async () => {
    await rig.stop();
  });

  const sweep = (): Promise<number> => rig.cast.sweepMarks(signal());
  const openMarks = (ids: readonly string[]): Promise<unknown> =>
    Promise.all(
      ids.map((id) =>
        studyPasses(rig.clients.failedEntriesTable, () => rig.now()).open(
          { partition: 'Microsoft.Default', uid: STUDY },
          id,
          signal(),
        ),
      ),
    );

  /** A slow worker is about to write what it saw before; its message has been completed by another. */
  const zombie = async (): Promise<RigWorker> => {
    await scene.stored(A);
    rig.dicom.store(B);
    const message = await scene.nextMessage();
    const w1 = rig.worker('W1');
    w1.take(message);
    await w1.stepper.until(/fhir\.transaction/);
    scene.remove(B);
    rig.queue.redeliver(message);
    await rig.pull();
    await rig.drain();
    return w1;
  };

  describe('after a worker that wrote late and died', () => {
    beforeEach(async () => {
      await start('hapi');
      const w1 = await zombie();
      await w1.stepper.past(/fhir\.transaction/);
      w1.stepper.crash();
    });

    it('has the study looked at again', async () => {
      rig.advance(HOUR_MS);
      expect(await sweep()).toBe(1);
      expect(await scene.rest()).toEqual([]);
    });

    it('is what repairs it: without the sweep the study stays as the dead worker left it', async () => {
      expect(await scene.rest()).toContainEqual(expect.stringMatching(/instances 2 in FHIR, 1 live/));
    });
  });

  it('finds the mark of a worker that wrote late, had to start over, and then failed without its message', async () => {
    await start();
    const w1 = await zombie();
    await w1.stepper.past(/fhir\.transaction/);
    rig.dicom.faults.intercept = ({ path }) => (path.endsWith('/metadata') ? { status: 500 } : undefined);
    await w1.stepper.finish();
    rig.dicom.faults.intercept = undefined;
    expect(rig.queue.length).toBe(0);
    expect(await scene.rest()).toContainEqual(expect.stringMatching(/instances 2 in FHIR, 1 live/));
    rig.advance(HOUR_MS);
    expect(await sweep()).toBe(1);
    expect(await scene.rest()).toEqual([]);
  });

  it('leaves the marks of workers that may still be at work', async () => {
    await start();
    rig.dicom.store(A);
    const w1 = rig.worker('W1');
    w1.take(await scene.nextMessage());
    await w1.stepper.until(/fhir\.transaction/);
    rig.advance(60_000);
    expect(await sweep()).toBe(0);
    await w1.stepper.finish();
    expect(await scene.rest()).toEqual([]);
  });

  it('sends one message for a study that killed many workers, and none while another is at it', async () => {
    await start();
    await openMarks(['dead-1', 'dead-2', 'dead-3']);
    rig.advance(HOUR_MS);
    await openMarks(['at-work']);
    expect(await sweep()).toBe(0);
    expect(rig.queue.length).toBe(0);
    rig.advance(HOUR_MS);
    expect(await sweep()).toBe(4);
    expect(rig.queue.length).toBe(1);
    expect(await sweep()).toBe(0);
  });

  it('does not multiply the messages of a study whose writes never get an answer', async () => {
    await start();
    rig.dicom.store(A);
    await rig.pull();
    rig.fhir.intercept = ({ kind }) => (kind === 'transaction' ? { destroy: 'before' } : undefined);
    for (let hour = 0; hour < 8; hour++) {
      for (const message of rig.queue.visible()) await rig.deliver(message);
      rig.advance(HOUR_MS);
      await sweep();
    }
    expect(rig.queue.length).toBe(1);
    rig.fhir.intercept = undefined;
    expect(await scene.rest()).toEqual([]);
  });

  it('is not needed where the table service is away: the study is deferred and costs no attempt', async () => {
    await start();
    rig.dicom.store(A);
    const message = await scene.nextMessage();
    const away = (): Promise<never> => Promise.reject(new RestError('refused', { code: 'ECONNREFUSED' }));
    await rig.deliver(
      message,
      rig.createCast(rig.clients, { decoratePasses: () => ({ open: away, openShared: away }) }),
    );
    expect(rig.queue.all()).toMatchObject([{ dequeueCount: 0 }]);
    expect(await scene.rest()).toEqual([]);
  });
});
