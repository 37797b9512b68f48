import type { ImagingStudy, Patient } from 'fhir/r4';
import type { DicomJson } from '../../../local/dicom/dicomJson';
import { useAzurite } from '../../support/azurite';
import { ctInstance, element } from '../../support/instances';
import { doseValues } from '../../support/oracle';
import { CLEARING_BY_KEY, WITHOUT_MARK_CHECK, WITHOUT_TOUCHES } from './brokenRules';
import { A, B, doseReport, played, type Scene, SERIES, STUDY } from './scenes';

/**
 * Ways in which overlapping passes could break the invariant, found by exploring every interleaving of a model of the protocol.
 * Each is played against the real code in exactly that order, once as it is and once for each rule that prevents it, taken out:
 * then it has to go wrong, so the rule is known to be load-bearing. Creations, rows of whole studies, adopted studies and the poison
 * handler: violationsOfCreation.test.ts.
 */
describe('overlapping passes over a study', () => {
  const azurite = useAzurite();
  const byMarks = (loss: RegExp) => [WITHOUT_TOUCHES, WITHOUT_MARK_CHECK].map((rule) => ({ rule, loss }));

  played(
    azurite,
    '1. a pass that finds nothing to do while another still writes what it saw before',
    async (scene, worker) => {
      await scene.stored(A);
      scene.rig.dicom.store(B);
      const [w1, w2] = [worker('W1'), worker('W2')];
      w1.take(await scene.nextMessage());
      await w1.stepper.until(/fhir\.transaction/);
      scene.remove(B);
      w2.take(await scene.nextMessage());
      await w2.stepper.finish();
      await w1.stepper.finish();
      return scene.rest();
    },
    byMarks(/instances 2 in FHIR, 1 live/),
  );

  played(
    azurite,
    '1. with three workers, the third of which completes the message of the slow one',
    async (scene, worker) => {
      await scene.stored(A);
      scene.rig.dicom.store(B);
      const [w1, w2, w3] = [worker('W1'), worker('W2'), worker('W3')];
      const message = await scene.nextMessage();
      w1.take(message);
      await w1.stepper.until(/fhir\.transaction/);
      scene.remove(B);
      w2.take(await scene.nextMessage());
      await w2.stepper.finish();
      w3.take(scene.again(message));
      await w3.stepper.finish();
      expect(scene.rig.queue.length).toBe(0);
      await w1.stepper.finish();
      return scene.rest();
    },
    byMarks(/instances 2 in FHIR, 1 live/),
  );

  played(
    azurite,
    '2. the same for Observations, where the study itself does not change',
    async (scene, worker) => {
      const { rig } = scene;
      const report = doseReport(90);
      const uid = String(report['0020000D']?.Value?.[0]);
      await scene.stored(report);
      const before = doseValues(rig);
      const content = report['0040A730'] ?? element('SQ');
      const other = JSON.parse(JSON.stringify(content).replaceAll('724.52', '999')) as DicomJson[string];
      rig.dicom.update(uid, { '0040A730': other });
      const [w1, w2] = [worker('W1'), worker('W2')];
      w1.take(await scene.nextMessage());
      await w1.stepper.until(/fhir\.transaction/);
      rig.dicom.update(uid, { '0040A730': content });
      w2.take(await scene.nextMessage());
      await w2.stepper.finish();
      await w1.stepper.finish();
      const problems = await scene.rest();
      expect(before).not.toEqual([]);
      return doseValues(rig).join() === before.join() ? problems : [...problems, 'a dose of another time'];
    },
    byMarks(/a dose of another time/),
  );

  const createThenDelete = async (scene: Scene, worker: Parameters<Parameters<typeof played>[2]>[1]) => {
    scene.rig.dicom.store(A);
    const [w1, w2] = [worker('W1'), worker('W2')];
    w1.take(await scene.nextMessage());
    await w1.stepper.until(/fhir\.transaction/);
    scene.remove(A);
    w2.take(await scene.nextMessage());
    await w2.stepper.finish();
    await w1.stepper.finish();
    return scene.rest();
  };
  played(
    azurite,
    '3. a creation that comes after the delete was found to need nothing',
    createThenDelete,
    byMarks(/a ghost/),
  );

  played(
    azurite,
    '3. the same where the study of an order system is there to be adopted',
    async (scene, worker) => {
      foreignStudy(scene);
      return createThenDelete(scene, worker);
    },
    byMarks(/a ghost/),
  );

  played(
    azurite,
    '4. a success that clears the row of a newer failure',
    async (scene, worker) => {
      await scene.stored(A);
      scene.rig.dicom.store(B);
      const [w1, w2] = [worker('W1'), worker('W2')];
      w1.take(await scene.nextMessage());
      await w1.stepper.past(/fhir\.transaction/);
      scene.remove(B);
      scene.refuseTransactions(1);
      w2.take(await scene.nextMessage());
      await w2.stepper.finish();
      expect(await scene.rig.failures()).toMatchObject([{ action: 'Delete', reason: 'TransactionFailed' }]);
      await w1.stepper.finish();
      return scene.rest();
    },
    [{ rule: CLEARING_BY_KEY, loss: /instances 2 in FHIR, 1 live/ }],
  );

  played(
    azurite,
    '4. a success that clears the row of an instance that has become invalid',
    async (scene, worker) => {
      await scene.stored(A);
      scene.rig.dicom.update(STUDY, { '00081030': element('LO', 'CT Abdomen') });
      const [w1, w2] = [worker('W1'), worker('W2')];
      w1.take(await scene.nextMessage());
      await w1.stepper.past(/fhir\.transaction/);
      scene.rig.dicom.store({ ...B, '00100020': element('LO') });
      w2.take(await scene.nextMessage());
      await w2.stepper.finish();
      await w1.stepper.finish();
      return scene.rest();
    },
    [{ rule: CLEARING_BY_KEY, loss: /an invalid instance has no row/ }],
  );

  played(
    azurite,
    '5. a failure that is filed after somebody else has succeeded',
    async (scene, worker) => {
      await scene.stored(A);
      scene.rig.dicom.store(B);
      const [w1, w2] = [worker('W1'), worker('W2')];
      w1.take(await scene.nextMessage());
      await w1.stepper.until(/fhir\.transaction/);
      scene.refuseTransactions(1);
      await w1.stepper.past(/fhir\.transaction/);
      scene.rig.dicom.store(ctInstance({ study: STUDY, instance: `${SERIES}.3` }));
      w2.take(await scene.nextMessage());
      await w2.stepper.finish();
      await w1.stepper.finish();
      return scene.rest();
    },
    byMarks(/a row says that something is missing/),
  );

  played(
    azurite,
    '5. an invalid instance that is filed after a valid one has taken its place',
    async (scene, worker) => {
      await scene.stored(A);
      scene.rig.dicom.store({ ...B, '00100020': element('LO') });
      const [w1, w2] = [worker('W1'), worker('W2')];
      w1.take(await scene.nextMessage());
      await w1.stepper.until(/pass\.settle/);
      scene.remove(B);
      scene.rig.dicom.store(B);
      w2.take(await scene.nextMessage());
      await w2.stepper.finish();
      await w1.stepper.finish();
      return scene.rest();
    },
    byMarks(/a row says that something is missing/),
  );

  played(
    azurite,
    '6. a delete from old data on a server that ignores If-Match for deletes',
    async (scene, worker) => {
      await scene.stored(A);
      scene.remove(A);
      const [w1, w2] = [worker('W1'), worker('W2')];
      w1.take(await scene.nextMessage());
      await w1.stepper.until(/fhir\.transaction/);
      scene.rig.dicom.store({ ...A, '00081030': element('LO', 'CT Abdomen') });
      w2.take(await scene.nextMessage());
      await w2.stepper.finish();
      await w1.stepper.finish();
      return scene.rest();
    },
    byMarks(/no study although 1 instances are live/),
    'hapi',
  );

  played(
    azurite,
    '6. a slow PUT that revives a deleted study beside the one that was created since, with three workers',
    async (scene, worker) => {
      await scene.stored(A);
      scene.rig.dicom.update(STUDY, { '00081030': element('LO', 'CT Abdomen') });
      const [w1, w2, w3] = [worker('W1'), worker('W2'), worker('W3')];
      w1.take(await scene.nextMessage());
      await w1.stepper.until(/fhir\.transaction/);
      scene.remove(A);
      w2.take(await scene.nextMessage());
      await w2.stepper.finish();
      scene.rig.dicom.store(A);
      w3.take(await scene.nextMessage());
      await w3.stepper.finish();
      await w1.stepper.finish();
      return scene.rest();
    },
    byMarks(/2 studies of ours/),
    'worst',
  );
});

function foreignStudy({ rig }: Scene): void {
  const patient = rig.fhir.put<Patient>({
    resourceType: 'Patient',
    identifier: [{ system: 'urn:oid:1.2.3.4', value: 'PATIENT-1' }],
  });
  rig.fhir.put<ImagingStudy>({
    resourceType: 'ImagingStudy',
    status: 'registered',
    subject: { reference: `Patient/${patient.id ?? ''}` },
    identifier: [{ system: 'urn:dicom:uid', value: `urn:oid:${STUDY}` }],
  });
}
