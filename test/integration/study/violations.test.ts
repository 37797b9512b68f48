import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { resolve } from 'node:path';
import type { ImagingStudy, Patient } from 'fhir/r4';
import type { DicomJson } from '../../../local/dicom/dicomJson';
import type { FhirServerOptions } from '../../../local/fhir';
import type { CastDecorators } from '../../../src/cast';
import type { StudyPasses } from '../../../src/failures/studyPass';
import { handlePoison } from '../../../src/study/poison';
import { noPatientLock } from '../../../src/study/patientLock';
import { failedEntries } from '../../../src/failures/failedEntries';
import { studyMarks } from '../../../src/failures/marks';
import { useAzurite } from '../../support/azurite';
import { CastRig, type RigWorker, signal } from '../../support/castRig';
import { codeItem, ctInstance, element, testUid } from '../../support/instances';
import { doseValues, violationsOf } from '../../support/oracle';
import type { QueuedMessage } from '../../support/scriptedQueue';

interface Broken {
  readonly name: string;
  readonly change: (parts: CastDecorators) => CastDecorators;
}

/** Conditional creates look, wait, and create: long enough for two workers to meet. */
const RACY = { preset: 'worst', raceWindowMs: 200 } as const;

const NOTHING = { file: [], clear: [], wroteToFhir: false };

/** No mark while the pass works; at the end rows are listed anew and cleared by key, whoever filed them. */
const WITHOUT_MARKS: Broken = {
  name: 'without the marks',
  change: (parts) => ({
    ...parts,
    decoratePasses: (passes: StudyPasses) =>
      parts.decoratePasses!({
        async open(study, invocationId, openSignal) {
          const first = await passes.open(study, invocationId, openSignal);
          await first.settle(NOTHING, openSignal);
          return {
            rows: first.rows,
            async settle(change, settleSignal) {
              for (;;) {
                const last = await passes.open(study, `${invocationId}-end`, settleSignal);
                const clearsAll = change.clear.length > 0 || change.file.length === 0;
                const clear = clearsAll ? last.rows.map(({ rowKey }) => rowKey) : [];
                // Whoever else is at it right now is not heeded.
                if ((await last.settle({ ...change, clear }, settleSignal)) === 'settled') return 'settled';
                await sleep(Math.random() * 50);
              }
            },
          };
        },
      }),
  }),
};

/** Neither the lease nor the search after the creation. */
const WITHOUT_LEASE: Broken = {
  name: 'without the lease and the search after the creation',
  change: (parts) => ({
    ...parts,
    decorateLock: () => noPatientLock,
    decoratePatients: (patients) => ({
      ...patients,
      find: () => Promise.resolve({ keep: undefined, lose: [], othersPresent: false }),
    }),
  }),
};

/** A pass without changes files nothing. */
const WITHOUT_ROWS_OF_STUDIES: Broken = {
  name: 'without rows for a look at the whole study',
  change: (parts) => ({
    ...parts,
    decoratePasses: (passes) =>
      parts.decoratePasses!({
        async open(...args) {
          const pass = await passes.open(...args);
          return {
            rows: pass.rows,
            settle: (change, settleSignal) =>
              pass.settle(
                { ...change, file: change.file.filter(({ rowKey }) => !rowKey.startsWith('0'.repeat(20))) },
                settleSignal,
              ),
          };
        },
      }),
  }),
};

/** Forgets that the study was somebody else's. */
const WITHOUT_ADOPTED_TAG: Broken = {
  name: 'without the second tag',
  change: (parts) => ({
    ...parts,
    decorateFhir: (fhir) => ({
      ...fhir,
      transaction: (entries, transactionSignal) =>
        fhir.transaction(
          entries.map((entry) =>
            entry.kind === 'delete'
              ? entry
              : {
                  ...entry,
                  resource: {
                    ...entry.resource,
                    meta: {
                      ...entry.resource.meta,
                      tag: entry.resource.meta?.tag?.filter(
                        ({ system }) => system !== 'urn:fhir-imaging-functions:cast-adopted',
                      ),
                    },
                  },
                },
          ),
          transactionSignal,
        ),
    }),
  }),
};

/**
 * The eleven ways in which overlapping passes could break the invariant, found by exploring every interleaving of a model of the protocol.
 * Each is played against the real code in exactly that order, once as it is and once with the rule taken out that prevents it:
 * the second time it has to go wrong, so the rule is known to be load-bearing.
 */
describe('overlapping passes over a study', () => {
  const azurite = useAzurite();
  let rig: CastRig;

  afterEach(async () => {
    await rig.stop();
  });

  const STUDY = testUid(7);
  const SERIES = `${STUDY}.1`;
  const A = ctInstance({ study: STUDY, instance: `${SERIES}.1` });
  const B = ctInstance({ study: STUDY, instance: `${SERIES}.2` });

  const start = async (switches: FhirServerOptions['switches'] = 'good'): Promise<void> => {
    rig = await CastRig.start(azurite, { switches });
  };

  /** The message for what has happened since the last one. */
  const nextMessage = async (): Promise<QueuedMessage> => {
    const before = new Set(rig.queue.visible().map(({ id }) => id));
    await rig.pull();
    const message = rig.queue.visible().find(({ id }) => !before.has(id));
    if (message === undefined) throw new Error('There is no new message');
    return message;
  };

  const stored = async (...instances: readonly DicomJson[]): Promise<void> => {
    rig.dicom.store(instances);
    await rig.pull();
    await rig.drain();
  };

  const remove = (instance: DicomJson): void => {
    rig.dicom.deleteInstance(STUDY, SERIES, String(instance['00080018']?.Value?.[0]));
  };

  /** Everything that is still to do, without old marks: those are the sweep's. */
  const settled = async (): Promise<readonly string[]> => {
    await rig.pull();
    await rig.drain();
    return violationsOf(rig);
  };

  /** Both ways: the rules as they are keep the invariant, without the rule it breaks. */
  const played = (
    name: string,
    play: (worker: (name: string) => RigWorker) => Promise<readonly string[]>,
    without: Broken,
    switches?: FhirServerOptions['switches'],
  ): void => {
    it(`${name}: converges`, async () => {
      await start(switches);
      expect(await play((worker) => rig.worker(worker))).toEqual([]);
    });
    it(`${name}: goes wrong ${without.name}`, async () => {
      await start(switches);
      expect(await play((worker) => rig.worker(worker, without.change))).not.toEqual([]);
    });
  };

  played(
    '1. a pass that finds nothing to do while another still writes what it saw before',
    async (worker) => {
      await stored(A);
      rig.dicom.store(B);
      const [w1, w2] = [worker('W1'), worker('W2')];
      w1.take(await nextMessage());
      await w1.stepper.until(/fhir\.transaction/);
      remove(B);
      w2.take(await nextMessage());
      await w2.stepper.finish();
      await w1.stepper.finish();
      return settled();
    },
    WITHOUT_MARKS,
  );

  played(
    '2. the same for Observations, where the study itself does not change',
    async (worker) => {
      const [report] = doseReports(90);
      const uid = String(report?.['0020000D']?.Value?.[0]);
      await stored(report!);
      const before = doseValues(rig);
      const other = JSON.parse(JSON.stringify(report?.['0040A730']).replaceAll('724.52', '999')) as DicomJson[string];
      rig.dicom.update(uid, { '0040A730': other });
      const [w1, w2] = [worker('W1'), worker('W2')];
      w1.take(await nextMessage());
      await w1.stepper.until(/fhir\.transaction/);
      rig.dicom.update(uid, { '0040A730': report!['0040A730']! });
      w2.take(await nextMessage());
      await w2.stepper.finish();
      await w1.stepper.finish();
      const problems = await settled();
      return before.length > 0 && JSON.stringify(doseValues(rig)) === JSON.stringify(before)
        ? problems
        : [...problems, 'a dose of another time'];
    },
    WITHOUT_MARKS,
  );

  played(
    '3. a creation that comes after the delete was found to need nothing',
    async (worker) => {
      rig.dicom.store(A);
      const [w1, w2] = [worker('W1'), worker('W2')];
      w1.take(await nextMessage());
      await w1.stepper.until(/fhir\.transaction/);
      remove(A);
      w2.take(await nextMessage());
      await w2.stepper.finish();
      await w1.stepper.finish();
      return settled();
    },
    WITHOUT_MARKS,
  );

  played(
    '4. a success that clears the row of a newer failure',
    async (worker) => {
      await stored(A);
      rig.dicom.store(B);
      const [w1, w2] = [worker('W1'), worker('W2')];
      w1.take(await nextMessage());
      await w1.stepper.past(/fhir\.transaction/);
      remove(B);
      refuseTransactions(1);
      w2.take(await nextMessage());
      await w2.stepper.finish();
      await w1.stepper.finish();
      return settled();
    },
    WITHOUT_MARKS,
  );

  played(
    '5. a failure that is filed after somebody else has succeeded',
    async (worker) => {
      await stored(A);
      rig.dicom.store(B);
      const [w1, w2] = [worker('W1'), worker('W2')];
      w1.take(await nextMessage());
      await w1.stepper.until(/fhir\.transaction/);
      refuseTransactions(1);
      await w1.stepper.past(/fhir\.transaction/);
      rig.dicom.store(ctInstance({ study: STUDY, instance: `${SERIES}.3` }));
      w2.take(await nextMessage());
      await w2.stepper.finish();
      await w1.stepper.finish();
      return settled();
    },
    WITHOUT_MARKS,
  );

  played(
    '6. a delete from old data on a server that ignores If-Match for deletes',
    async (worker) => {
      await stored(A);
      remove(A);
      const [w1, w2] = [worker('W1'), worker('W2')];
      w1.take(await nextMessage());
      await w1.stepper.until(/fhir\.transaction/);
      rig.dicom.store({ ...A, '00081030': element('LO', 'CT Abdomen') });
      w2.take(await nextMessage());
      await w2.stepper.finish();
      await w1.stepper.finish();
      return settled();
    },
    WITHOUT_MARKS,
    'hapi',
  );

  played(
    '7. an Observation that two workers create where conditional create is not atomic',
    async (worker) => {
      const [report] = doseReports(90);
      const uid = String(report?.['0020000D']?.Value?.[0]);
      // No dose report yet, but of the same title: the study itself will not change.
      const title = report!['0040A043']!;
      const meaning = (title.Value?.[0] as DicomJson)['00080104']?.Value?.[0];
      await stored({ ...report!, '0040A043': element('SQ', codeItem('NONE', '99TEST', String(meaning))) });
      rig.dicom.update(uid, { '0040A043': title });
      const message = await nextMessage();
      const [w1, w2] = [worker('W1'), worker('W2')];
      w1.take(message);
      await w1.stepper.until(/fhir\.transaction/);
      rig.queue.redeliver(message);
      w2.take(rig.queue.visible()[0]!);
      await w2.stepper.until(/fhir\.transaction/);
      await Promise.all([w1.stepper.finish(), w2.stepper.finish()]);
      const problems = await settled();
      const keys = observationKeys();
      return keys.length > 0 && new Set(keys).size === keys.length ? problems : [...problems, 'an Observation twice'];
    },
    WITHOUT_MARKS,
    RACY,
  );

  played(
    '8. a Patient that two studies create where conditional create is not atomic',
    async (worker) => {
      const other = testUid(8);
      rig.dicom.store([A, ctInstance({ study: other })]);
      await rig.pull();
      const [first, second] = rig.queue.visible();
      const [w1, w2] = [worker('W1'), worker('W2')];
      w1.take(first!);
      w2.take(second!);
      await w1.stepper.until(/fhir\.search Patient|fhir\.transaction/);
      await w2.stepper.until(/fhir\.search Patient|fhir\.transaction/);
      await Promise.all([w1.stepper.finish(), w2.stepper.finish()]);
      return settled();
    },
    WITHOUT_LEASE,
    RACY,
  );

  played(
    '9. an invalid instance that a look at the whole study finds',
    async (worker) => {
      await stored(A);
      // As if the entry had been handed over before the row table was cleared by hand.
      rig.dicom.store({ ...B, '00100020': element('LO') });
      await rig.pull();
      for (const message of rig.queue.visible()) rig.queue.complete(rig.queue.receive(message));
      await rig.queue.send({ study: { partition: 'Microsoft.Default', uid: STUDY }, changes: [] }, {});
      const w1 = worker('W1');
      w1.take(rig.queue.visible()[0]!);
      await w1.stepper.finish();
      return settled();
    },
    WITHOUT_ROWS_OF_STUDIES,
  );

  played(
    '10. the study of an order system, when nothing of it is live any more',
    async (worker) => {
      const patient = rig.fhir.put<Patient>({
        resourceType: 'Patient',
        identifier: [{ system: 'urn:oid:1.2.3.4', value: 'PATIENT-1' }],
      });
      const order = rig.fhir.put<ImagingStudy>({
        resourceType: 'ImagingStudy',
        status: 'registered',
        subject: { reference: `Patient/${patient.id ?? ''}` },
        identifier: [{ system: 'urn:dicom:uid', value: `urn:oid:${STUDY}` }],
      });
      rig.dicom.store(A);
      const [w1, w2] = [worker('W1'), worker('W2')];
      w1.take(await nextMessage());
      await w1.stepper.finish();
      remove(A);
      w2.take(await nextMessage());
      await w2.stepper.finish();
      const problems = await settled();
      const kept = rig.fhir.read<ImagingStudy>('ImagingStudy', order.id ?? '');
      return kept?.status === 'registered' && kept.numberOfInstances === 0
        ? problems
        : [...problems, 'the study of an order system was deleted'];
    },
    WITHOUT_ADOPTED_TAG,
  );

  describe('11. the poison handler, for a message whose effect is in FHIR already', () => {
    const poisoned = async (sendAgain: boolean): Promise<readonly unknown[]> => {
      await start();
      rig.dicom.store(A);
      const message = await nextMessage();
      const w1 = rig.worker('W1');
      w1.take(message);
      // The worker has settled and dies before its message is completed, at the last attempt.
      await w1.stepper.past(/pass\.settle/).catch(() => undefined);
      await w1.stepper.finish();
      const table = rig.clients.failedEntriesTable;
      const clock = (): Date => rig.now();
      const queue = sendAgain
        ? rig.queue
        : {
            name: 'none',
            send: () => Promise.resolve(0),
            postpone: () => Promise.resolve(),
            depth: () => Promise.resolve(0),
          };
      const deps = {
        failedEntries: failedEntries(table, clock),
        marks: studyMarks(table, clock),
        queue,
        telemetry: rig.telemetry,
      };
      await handlePoison(deps, JSON.parse(message.text), 'poison-1', signal());
      expect(await rig.failures()).toMatchObject([{ reason: 'Unconfirmed' }]);
      await rig.drain();
      expect(await violationsOf(rig)).toEqual([]);
      return rig.failures();
    };

    it('leaves no row, because it sends the study once more', async () => {
      expect(await poisoned(true)).toEqual([]);
    });

    it('would leave a row for ever without that', async () => {
      expect(await poisoned(false)).toHaveLength(1);
    });
  });

  describe('the sweep of old marks', () => {
    /** A slow worker writes what it saw before, and dies; its message was completed by another. */
    const zombie = async (): Promise<void> => {
      await start('hapi');
      await stored(A);
      rig.dicom.store(B);
      const message = await nextMessage();
      const w1 = rig.worker('W1');
      w1.take(message);
      await w1.stepper.until(/fhir\.transaction/);
      remove(B);
      rig.queue.redeliver(message);
      await rig.pull();
      await rig.drain();
      await w1.stepper.past(/fhir\.transaction/);
      w1.stepper.crash();
    };

    it('has the study looked at again that a dead worker wrote', async () => {
      await zombie();
      rig.advance(3_600_000);
      await rig.cast.sweepMarks(signal());
      expect(await settled()).toEqual([]);
    });

    it('is what repairs it: without the sweep the study stays as the dead worker left it', async () => {
      await zombie();
      expect(await settled()).not.toEqual([]);
    });

    it('leaves the marks of workers that may still be at work', async () => {
      await start();
      rig.dicom.store(A);
      const w1 = rig.worker('W1');
      w1.take(await nextMessage());
      await w1.stepper.until(/fhir\.transaction/);
      rig.advance(60_000);
      expect(await rig.cast.sweepMarks(signal())).toBe(0);
      await w1.stepper.finish();
      expect(await settled()).toEqual([]);
    });
  });

  /** The next transactions are refused for good. */
  function refuseTransactions(count: number): void {
    let left = count;
    rig.fhir.intercept = ({ kind }) => {
      if (kind !== 'transaction' || left === 0) return undefined;
      left--;
      return {
        status: 400,
        body: JSON.stringify({ resourceType: 'OperationOutcome', issue: [{ severity: 'error', code: 'invalid' }] }),
      };
    };
  }

  function observationKeys(): readonly string[] {
    return rig.fhir
      .all('Observation')
      .map((observation) =>
        JSON.stringify(
          (observation as { identifier?: readonly { value?: string }[] }).identifier?.map(({ value }) => value).sort(),
        ),
      );
  }
});

function doseReports(vector: number): readonly DicomJson[] {
  const lines = readFileSync(resolve(__dirname, '../../fixtures/dose-reports/dose-reports.ndjson'), 'utf8').split('\n');
  return lines
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { readonly vector: number; readonly dicom: DicomJson })
    .filter((report) => report.vector === vector)
    .map(({ dicom }) => dicom);
}
