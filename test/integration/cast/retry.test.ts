import { useAzurite } from '../../support/azurite';
import { CastRig, signal } from '../../support/castRig';
import { ctInstance, element, testUid } from '../../support/instances';
import { violationsOf } from '../../support/oracle';
import { retryFailedEntries } from '../../../src/api/retryFailedEntries';
import { failedEntries } from '../../../src/failures/failedEntries';

/** The user-triggered retry that the design of the old DICOM Cast asked for and never got. */
describe('a retry of failed entries', () => {
  const azurite = useAzurite();
  let rig: CastRig;
  const STUDY = testUid(31);

  beforeEach(async () => {
    rig = await CastRig.start(azurite);
  });

  afterEach(async () => {
    await rig.stop();
  });

  const refuse = (): void => {
    rig.fhir.intercept = ({ kind }) =>
      kind === 'transaction'
        ? {
            status: 422,
            body: JSON.stringify({
              resourceType: 'OperationOutcome',
              issue: [{ severity: 'error', code: 'processing' }],
            }),
          }
        : undefined;
  };

  const accept = (): void => {
    rig.fhir.intercept = undefined;
  };

  const handOver = async (): Promise<void> => {
    await rig.pull();
    await rig.drain();
  };

  const retry = async (filter: Parameters<typeof retryFailedEntries>[1] = {}) => {
    const deps = {
      failedEntries: failedEntries(rig.clients.failedEntriesTable, () => rig.now()),
      queue: rig.queue,
      changeFeed: rig.clients.changeFeed,
    };
    const summary = await retryFailedEntries(deps, filter, signal());
    await rig.drain();
    return summary;
  };

  const listed = async (filter: Parameters<typeof retryFailedEntries>[1]) =>
    (await failedEntries(rig.clients.failedEntriesTable, () => rig.now()).list(filter, { top: 1000 }, signal())).items;

  it('brings an entry that is still current into FHIR, and its row disappears', async () => {
    refuse();
    rig.dicom.store(ctInstance({ study: STUDY }));
    await handOver();
    expect(await rig.failures()).toMatchObject([
      { reason: 'TransactionFailed', action: 'Create', sequence: '1', failureCount: 1, httpStatus: 422 },
    ]);
    accept();
    expect(await retry({ study: { uid: STUDY } })).toEqual({ entries: 1, studies: 1, notRetryable: 0 });
    expect(await rig.failures()).toEqual([]);
    expect(await violationsOf(rig)).toEqual([]);
  });

  it('counts on when it fails again, with the newest reason and time', async () => {
    refuse();
    rig.dicom.store(ctInstance({ study: STUDY }));
    await handOver();
    const [first] = await rig.failures();
    rig.advance(60_000);
    rig.fhir.intercept = ({ kind }) => (kind === 'transaction' ? { status: 404 } : undefined);
    await retry({ reason: 'TransactionFailed' });
    expect(await rig.failures()).toMatchObject([
      { failureCount: 2, httpStatus: 404, firstFailedAt: first?.firstFailedAt },
    ]);
    expect((await rig.failures())[0]?.lastFailedAt).not.toBe(first?.lastFailedAt);
  });

  it('clears an entry that was replaced meanwhile', async () => {
    refuse();
    rig.dicom.store(ctInstance({ study: STUDY }));
    await handOver();
    rig.dicom.update(STUDY, { '00081030': element('LO', 'CT Abdomen') });
    accept();
    await retry();
    expect(await rig.failures()).toEqual([]);
    await handOver();
    expect(await violationsOf(rig)).toEqual([]);
  });

  it('clears an entry that was deleted meanwhile', async () => {
    refuse();
    rig.dicom.store(ctInstance({ study: STUDY }));
    await handOver();
    rig.dicom.deleteStudy(STUDY);
    accept();
    await retry();
    expect(await rig.failures()).toEqual([]);
    expect(rig.fhir.counts.ImagingStudy ?? 0).toBe(0);
  });

  it('does not forget a failed Delete: the study leaves FHIR with the retry', async () => {
    rig.dicom.store(ctInstance({ study: STUDY }));
    await handOver();
    refuse();
    rig.dicom.deleteStudy(STUDY);
    await handOver();
    expect(await rig.failures()).toMatchObject([{ action: 'Delete', reason: 'TransactionFailed' }]);
    expect(rig.fhir.counts.ImagingStudy).toBe(1);
    accept();
    await retry();
    expect(rig.fhir.counts.ImagingStudy ?? 0).toBe(0);
    expect(await rig.failures()).toEqual([]);
  });

  it('is not needed when a later change of the same study succeeds', async () => {
    refuse();
    rig.dicom.store(ctInstance({ study: STUDY, instance: `${STUDY}.1.1` }));
    await handOver();
    accept();
    rig.dicom.store(ctInstance({ study: STUDY, instance: `${STUDY}.1.2` }));
    await handOver();
    expect(await rig.failures()).toEqual([]);
    expect(await violationsOf(rig)).toEqual([]);
  });

  it('keeps the row of an instance that is still invalid, and stores the rest of its study', async () => {
    rig.dicom.store([
      ctInstance({ study: STUDY, instance: `${STUDY}.1.1` }),
      ctInstance({ study: STUDY, instance: `${STUDY}.1.2`, '00100020': element('LO') }),
    ]);
    await handOver();
    expect(await rig.failures()).toMatchObject([
      { errorType: 'DicomError', reason: 'RequiredAttributeMissing', instanceUid: `${STUDY}.1.2` },
    ]);
    await retry();
    expect(await rig.failures()).toMatchObject([{ instanceUid: `${STUDY}.1.2`, failureCount: 2 }]);
    expect(await violationsOf(rig)).toEqual([]);
    rig.dicom.update(STUDY, { '00100020': element('LO', 'PATIENT-1') });
    await handOver();
    expect(await rig.failures()).toEqual([]);
  });

  it('reads an entry of the feed again that could not be read, and keeps its row while that is still so', async () => {
    rig.dicom.store(ctInstance({ study: STUDY }));
    rig.dicom.faults.intercept = ({ kind }) =>
      kind === 'changeFeed' ? { status: 200, body: '[{"sequence": 1, "action": "Create"}]' } : undefined;
    await handOver();
    const unreadable = () => listed({ reason: 'UnreadableEntry' });
    expect(await unreadable()).toMatchObject([{ sequence: '1', errorType: 'DicomError', failureCount: 1 }]);
    expect(rig.notifications).toMatchObject([
      { kind: 'entryFailed', event: { reason: 'UnreadableEntry', sequence: '1' } },
    ]);
    expect(await retry({ reason: 'UnreadableEntry' })).toEqual({ entries: 0, studies: 0, notRetryable: 1 });
    expect(await unreadable()).toHaveLength(1);
    rig.dicom.faults.intercept = undefined;
    expect(await retry({ reason: 'UnreadableEntry' })).toEqual({ entries: 1, studies: 0, notRetryable: 0 });
    expect(await unreadable()).toEqual([]);
    expect(await violationsOf(rig)).toEqual([]);
    expect(rig.fhir.counts.ImagingStudy).toBe(1);
  });

  it('cannot help a message that could not be read: its row stays until a person dismisses it', async () => {
    rig.queue.put('{"study":"Jane Doe"}');
    await rig.drain();
    expect(await listed({})).toMatchObject([{ reason: 'UnreadableMessage', errorType: 'Unexpected' }]);
    expect(JSON.stringify([await listed({}), rig.notifications, rig.telemetry.records])).not.toContain('Jane');
    expect(await retry()).toEqual({ entries: 0, studies: 0, notRetryable: 1 });
    const entries = failedEntries(rig.clients.failedEntriesTable, () => rig.now());
    expect(await entries.dismiss({ reason: 'UnreadableMessage' }, signal())).toBe(1);
    expect(await listed({})).toEqual([]);
  });

  it('of everything touches each study once, whatever the number of its rows', async () => {
    refuse();
    for (const study of [testUid(41), testUid(42)]) {
      rig.dicom.store([1, 2, 3].map((number) => ctInstance({ study, instance: `${study}.1.${number}` })));
    }
    await handOver();
    expect(await rig.failures()).toHaveLength(6);
    accept();
    const before = rig.queue.sent.length;
    expect(await retry()).toEqual({ entries: 6, studies: 2, notRetryable: 0 });
    expect(rig.queue.sent.length - before).toBe(2);
    expect(await rig.failures()).toEqual([]);
  });
});
