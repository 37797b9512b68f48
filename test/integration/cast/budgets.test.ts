import type { TableClient } from '@azure/data-tables';
import { useAzurite } from '../../support/azurite';
import { CastRig, signal } from '../../support/castRig';
import { ctInstance, element, testUid, uidsOfOneShard } from '../../support/instances';

/** What a study may cost, however many instances it has. */
describe('the requests of one study', () => {
  const azurite = useAzurite();
  let rig: CastRig;
  let tableRequests = 0;

  const start = async (settings: Record<string, string> = {}): Promise<void> => {
    rig = await CastRig.start(azurite, { settings });
    const count: Parameters<TableClient['pipeline']['addPolicy']>[0] = {
      name: 'count',
      sendRequest: (request, next) => {
        tableRequests++;
        return next(request);
      },
    };
    rig.clients.failedEntriesTable.pipeline.addPolicy(count, { phase: 'Retry' });
    // The Endpoint is ensured once per process, and DICOM asked once whether it is there at all.
    rig.dicom.store(ctInstance({ study: testUid(1), patientId: 'WARM-UP' }));
    await rig.pull();
    await rig.drain();
  };

  afterEach(async () => {
    await rig.stop();
  });

  const requests = async (): Promise<{ fhir: number; dicom: number; table: number; messages: number }> => {
    const messages = rig.queue.sent.length;
    await rig.pull();
    const sent = rig.queue.sent.length - messages;
    rig.fhir.requests.reset();
    rig.dicom.resetRequests();
    tableRequests = 0;
    await rig.drain();
    const dicom = Object.values(rig.dicom.requests).reduce((sum, count) => sum + count, 0);
    return { fhir: rig.fhir.requests.total, dicom, table: tableRequests, messages: sent };
  };

  const look = async (uid: string): Promise<void> => {
    await rig.queue.send(
      {
        study: { partition: 'Microsoft.Default', uid },
        changes: [{ sequence: 1, action: 'Create', series: '1', instance: '1' }],
      },
      {},
    );
  };

  it('of 1,000 instances in one round are those of one message: 5 to FHIR when the Patient is new, 3 for a write or a removal, 2 when nothing differs', async () => {
    await start();
    const study = testUid(2);
    rig.dicom.store(
      Array.from({ length: 1000 }, (_, index) =>
        ctInstance({ study, instance: `${study}.1.${index + 1}`, instanceNumber: index + 1, patientId: 'NEW' }),
      ),
    );
    expect(await requests()).toEqual({ fhir: 5, dicom: 1, table: 3, messages: 1 });

    rig.dicom.update(study, { '00081030': element('LO', 'CT Abdomen') });
    expect(await requests()).toEqual({ fhir: 3, dicom: 1, table: 3, messages: 1 });

    await look(study);
    expect(await requests()).toMatchObject({ fhir: 2, dicom: 1, table: 3 });

    // The Observations are searched, the Patient is not.
    rig.dicom.deleteStudy(study);
    expect(await requests()).toMatchObject({ fhir: 3, messages: 1 });
  });

  it('are the same for each of 100 studies of 10', async () => {
    await start({ STUDIES_PER_MESSAGE: '1' });
    for (let number = 100; number < 200; number++) {
      const study = testUid(number);
      rig.dicom.store(
        Array.from({ length: 10 }, (_, index) =>
          ctInstance({ study, instance: `${study}.1.${index + 1}`, patientId: `P${number}` }),
        ),
      );
    }
    expect(await requests()).toEqual({ fhir: 500, dicom: 100, table: 300, messages: 100 });
  });

  it('share message and marks with those of other small studies', async () => {
    await start({ FHIR_TOGETHER: '1' });
    for (const study of uidsOfOneShard(21).slice(1))
      rig.dicom.store(
        Array.from({ length: 10 }, (_, index) =>
          ctInstance({ study, instance: `${study}.1.${index + 1}`, patientId: study }),
        ),
      );
    expect(await requests()).toEqual({ fhir: 100, dicom: 20, table: 3, messages: 1 });
  });

  it('are 4 to FHIR for a new Patient where the conditional create is atomic (PATIENT_LOCK=off needs no lease)', async () => {
    await start({ PATIENT_LOCK: 'off' });
    const study = testUid(3);
    rig.dicom.store(ctInstance({ study, patientId: 'NEW' }));
    expect(await requests()).toMatchObject({ fhir: 4, dicom: 1 });
  });

  it('are one more to FHIR where Observations are searched, and one more to the table where rows are filed or cleared', async () => {
    await start();
    const study = testUid(4);
    rig.dicom.store([
      ctInstance({ study, instance: `${study}.1.1` }),
      ctInstance({
        study,
        instance: `${study}.1.2`,
        '00080016': element('UI', '1.2.840.10008.5.1.4.1.1.88.11'),
        '00080060': element('CS', 'SR'),
      }),
    ]);
    expect(await requests()).toMatchObject({ fhir: 6, table: 3 });
    rig.dicom.store(ctInstance({ study, instance: `${study}.1.3`, '00100020': element('LO') }));
    expect(await requests()).toMatchObject({ fhir: 3, table: 4 });
    expect(await rig.cast.status(signal())).toMatchObject({ failedEntries: { total: 1 } });
  });
});
