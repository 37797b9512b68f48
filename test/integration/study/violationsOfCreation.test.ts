import type { ImagingStudy, Observation, Patient } from 'fhir/r4';
import { failedEntries } from '../../../src/failures/failedEntries';
import { studyMarks } from '../../../src/failures/marks';
import { handlePoison, type PoisonDependencies } from '../../../src/study/poison';
import type { DicomJson } from '../../../local/dicom/dicomJson';
import { useAzurite } from '../../support/azurite';
import { CastRig, signal } from '../../support/castRig';
import { codeItem, ctInstance, element, testUid } from '../../support/instances';
import { locksRunOut } from '../../support/locksRunOut';
import { violationsOf } from '../../support/oracle';
import {
  WITHOUT_ADOPTED_TAG,
  WITHOUT_LEASE,
  WITHOUT_MARK_CHECK,
  WITHOUT_REPAIR,
  WITHOUT_ROWS_OF_STUDIES,
  WITHOUT_SEARCH_AFTER_CREATION,
  WITHOUT_TOUCHES,
} from './brokenRules';
import { A, B, doseReport, played, RACY, Scene, STUDY } from './scenes';

/** The orders of violations.test.ts that are about creations, rows of whole studies, adopted studies and the poison handler. */
describe('overlapping passes over a study', () => {
  const azurite = useAzurite();

  played(
    azurite,
    '7. an Observation that two workers create where conditional create is not atomic',
    async (scene, worker) => {
      const report = doseReport(90);
      const uid = String(report['0020000D']?.Value?.[0]);
      // No dose report yet, but of the same title: the study itself will not change.
      const title = report['0040A043'] ?? element('SQ');
      const meaning = (title.Value?.[0] as DicomJson)['00080104']?.Value?.[0];
      await scene.stored({ ...report, '0040A043': element('SQ', codeItem('NONE', '99TEST', String(meaning))) });
      scene.rig.dicom.update(uid, { '0040A043': title });
      const message = await scene.nextMessage();
      const [w1, w2] = [worker('W1'), worker('W2')];
      w1.take(message);
      await w1.stepper.until(/fhir\.transaction/);
      w2.take(scene.again(message));
      await w2.stepper.until(/fhir\.transaction/);
      await Promise.all([w1.stepper.finish(), w2.stepper.finish()]);
      const problems = await scene.rest();
      const keys = observationKeys(scene.rig);
      expect(keys).not.toEqual([]);
      return new Set(keys).size === keys.length ? problems : [...problems, 'an Observation twice'];
    },
    [WITHOUT_TOUCHES, WITHOUT_MARK_CHECK, WITHOUT_REPAIR].map((rule) => ({ rule, loss: /an Observation twice/ })),
    RACY,
  );

  const OTHER = ctInstance({ study: testUid(8) });
  played(
    azurite,
    '8. a Patient that two studies create where conditional create is not atomic',
    async (scene, worker) => {
      scene.rig.dicom.store([A, OTHER]);
      await scene.rig.pull();
      const [first, second] = scene.rig.queue.visible();
      const [w1, w2] = [worker('W1'), worker('W2')];
      w1.take(first ?? missing());
      w2.take(second ?? missing());
      await Promise.all([
        w1.stepper.until(/lock\.hold|fhir\.transaction/),
        w2.stepper.until(/lock\.hold|fhir\.transaction/),
      ]);
      await Promise.all([w1.stepper.finish(), w2.stepper.finish()]);
      return scene.rest();
    },
    [{ rule: WITHOUT_LEASE, loss: /2 Patients of one identifier/ }],
    RACY,
  );

  played(
    azurite,
    '8. the same when the lease of the first runs out between its look at the clock and its write',
    async (scene, worker) => {
      scene.rig.dicom.store([A, OTHER]);
      await scene.rig.pull();
      const [first, second] = scene.rig.queue.visible();
      const [w1, w2] = [worker('W1'), worker('W2')];
      w1.take(first ?? missing());
      await w1.stepper.until(/fhir\.transaction/);
      await locksRunOut(scene.rig.clients.patientLocks);
      w2.take(second ?? missing());
      await w2.stepper.until(/fhir\.transaction/);
      await Promise.all([w1.stepper.finish(), w2.stepper.finish()]);
      return scene.rest();
    },
    [{ rule: WITHOUT_SEARCH_AFTER_CREATION, loss: /2 Patients of one identifier/ }],
    RACY,
  );

  played(
    azurite,
    '8. a study that two workers create where conditional create is not atomic',
    async (scene, worker) => {
      await scene.stored(OTHER);
      scene.rig.dicom.store(A);
      const message = await scene.nextMessage();
      const [w1, w2] = [worker('W1'), worker('W2')];
      w1.take(message);
      await w1.stepper.until(/fhir\.transaction/);
      w2.take(scene.again(message));
      await w2.stepper.until(/fhir\.transaction/);
      await Promise.all([w1.stepper.finish(), w2.stepper.finish()]);
      return scene.rest();
    },
    [WITHOUT_TOUCHES, WITHOUT_MARK_CHECK, WITHOUT_REPAIR].map((rule) => ({ rule, loss: /2 studies of ours/ })),
    RACY,
  );

  /** Everything that the feed told is done with; then somebody asks for the whole study. */
  const lookAtStudy = async (scene: Scene): Promise<void> => {
    await scene.rig.pull();
    for (const message of scene.rig.queue.visible()) scene.rig.queue.complete(scene.rig.queue.receive(message));
    await scene.rig.queue.send({ study: { partition: 'Microsoft.Default', uid: STUDY }, changes: [] }, {});
  };
  played(
    azurite,
    '9. an invalid instance that a look at the whole study finds',
    async (scene, worker) => {
      await scene.stored(A);
      scene.rig.dicom.store({ ...B, '00100020': element('LO') });
      await lookAtStudy(scene);
      const w1 = worker('W1');
      w1.take(scene.rig.queue.visible()[0] ?? missing());
      await w1.stepper.finish();
      return scene.rest();
    },
    [{ rule: WITHOUT_ROWS_OF_STUDIES, loss: /an invalid instance has no row/ }],
  );

  played(
    azurite,
    '9. a look at the whole study that is refused for good',
    async (scene, worker) => {
      await scene.stored(A);
      scene.remove(A);
      await lookAtStudy(scene);
      scene.refuseTransactions(1);
      const w1 = worker('W1');
      w1.take(scene.rig.queue.visible()[0] ?? missing());
      await w1.stepper.finish();
      return scene.rest();
    },
    [{ rule: WITHOUT_ROWS_OF_STUDIES, loss: /a ghost/ }],
  );

  played(
    azurite,
    '10. the study of an order system, when nothing of it is live any more',
    async (scene, worker) => {
      const { rig } = scene;
      const patient = rig.fhir.put<Patient>({
        resourceType: 'Patient',
        identifier: [{ system: 'urn:oid:1.2.3.4', value: 'PATIENT-1' }],
      });
      rig.dicom.store(A);
      const [w1, w2] = [worker('W1'), worker('W2')];
      w1.take(await scene.nextMessage());
      await w1.stepper.until(/fhir\.transaction/);
      // It appears after the worker has looked: its conditional create finds it.
      const order = rig.fhir.put<ImagingStudy>({
        resourceType: 'ImagingStudy',
        status: 'registered',
        subject: { reference: `Patient/${patient.id ?? ''}` },
        identifier: [{ system: 'urn:dicom:uid', value: `urn:oid:${STUDY}` }],
      });
      await w1.stepper.finish();
      expect(rig.fhir.read<ImagingStudy>('ImagingStudy', order.id ?? '')?.numberOfInstances).toBe(1);
      scene.remove(A);
      w2.take(await scene.nextMessage());
      await w2.stepper.finish();
      const problems = await scene.rest();
      const kept = rig.fhir.read<ImagingStudy>('ImagingStudy', order.id ?? '');
      return kept?.status === 'registered' && kept.numberOfInstances === 0
        ? problems
        : [...problems, 'the study of an order system was deleted'];
    },
    [{ rule: WITHOUT_ADOPTED_TAG, loss: /the study of an order system was deleted/ }],
  );

  describe('11. the poison handler, for a message whose effect is in FHIR already', () => {
    let rig: CastRig;
    beforeEach(async () => {
      rig = await CastRig.start(azurite);
    });
    afterEach(async () => {
      await rig.stop();
    });

    const poisonDependencies = (): PoisonDependencies => ({
      failedEntries: failedEntries(rig.clients.failedEntriesTable, () => rig.now()),
      marks: studyMarks(rig.clients.failedEntriesTable, () => rig.now()),
      queue: rig.queue,
      telemetry: rig.telemetry,
    });

    /** All attempts but one have ended without a word; in the last one the worker writes, and dies before it completes the message. */
    const poisonedAfterWrite = async (): Promise<unknown> => {
      const scene = new Scene(rig);
      rig.dicom.store(A);
      let message = await scene.nextMessage();
      for (let attempt = 1; attempt < 10; attempt++) {
        rig.queue.receive(message);
        message = scene.again(message);
      }
      const w1 = rig.worker('W1');
      w1.take(message);
      await w1.stepper.past(/fhir\.transaction/);
      w1.stepper.crash();
      await rig.deliver(scene.again(message));
      expect(rig.poisoned).toHaveLength(1);
      expect(rig.fhir.counts.ImagingStudy).toBe(1);
      return JSON.parse(rig.poisoned[0] ?? '');
    };

    it('leaves no row, because it sends the study once more', async () => {
      await handlePoison(poisonDependencies(), await poisonedAfterWrite(), 'poison-1', signal());
      expect(await rig.failures()).toMatchObject([{ reason: 'Unconfirmed' }]);
      await rig.drain();
      expect(await violationsOf(rig)).toEqual([]);
      expect(await rig.failures()).toEqual([]);
    });

    it('would leave a row for ever without that', async () => {
      const silent: PoisonDependencies['queue'] = {
        name: 'none',
        send: () => Promise.resolve(0),
        sendShared: () => Promise.resolve(0),
        postpone: () => Promise.resolve(),
        depth: () => Promise.resolve(0),
      };
      await handlePoison({ ...poisonDependencies(), queue: silent }, await poisonedAfterWrite(), 'poison-1', signal());
      await rig.drain();
      expect(rig.fhir.counts.ImagingStudy).toBe(1);
      expect(await rig.failures()).toMatchObject([{ reason: 'Unconfirmed' }]);
    });

    /** The second time it only files. Another worker is about to end, and saw no row when it began. */
    const lastTime = async (touching: boolean): Promise<void> => {
      const scene = new Scene(rig);
      rig.dicom.store(A);
      const message = await scene.nextMessage();
      const w1 = rig.worker('W1');
      w1.take(message);
      await w1.stepper.past(/fhir\.transaction/);
      const deps = poisonDependencies();
      const marks = touching ? deps.marks : { touchAll: () => Promise.resolve() };
      const poisoned = { ...rig.queue.parse(message), lastTry: true };
      await handlePoison({ ...deps, marks }, poisoned, 'poison-2', signal());
      await w1.stepper.finish();
      await rig.drain();
    };

    it('makes a pass that saw no row look again, so that it settles the row', async () => {
      await lastTime(true);
      expect(await rig.failures()).toEqual([]);
      expect(await violationsOf(rig)).toEqual([]);
    });

    it('would leave the row when it did not touch the marks', async () => {
      await lastTime(false);
      expect(await rig.failures()).toMatchObject([{ reason: 'Unconfirmed' }]);
    });
  });
});

function observationKeys(rig: CastRig): readonly string[] {
  return rig.fhir
    .all<Observation>('Observation')
    .map(({ identifier = [] }) => JSON.stringify(identifier.map(({ value }) => value).sort()));
}

function missing(): never {
  throw new Error('There is no message');
}
