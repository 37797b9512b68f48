import type { DicomJson } from '../../../local/dicom/dicomJson';
import type { ImagingStudy, Observation, Patient } from 'fhir/r4';
import { SOURCE_TAG_SYSTEM } from '../../../src/mapping/source';
import { useAzurite } from '../../support/azurite';
import { CastRig } from '../../support/castRig';
import { violationsOf } from '../../support/oracle';
import { ctInstance, testUid } from '../../support/instances';
import { A, STUDY } from './scenes';

/** Which Patient a study refers to, and which of several may go (design 1, rule 4). */
describe('the Patient of a study', () => {
  const azurite = useAzurite();
  let rig: CastRig;
  afterEach(async () => {
    await rig.stop();
  });

  const start = async (): Promise<void> => {
    rig = await CastRig.start(azurite, { switches: { ids: 'sequential' } });
  };
  const put = (id: string, made: boolean, more: Partial<Patient> = {}): void => {
    const address = `${rig.settings.DICOM_URL}/${rig.settings.DICOM_API_VERSION}`;
    rig.fhir.put<Patient>({
      resourceType: 'Patient',
      id,
      identifier: [{ system: 'urn:oid:1.2.3.4', value: 'PATIENT-1' }],
      ...(made && { meta: { tag: [{ system: SOURCE_TAG_SYSTEM, code: address }] } }),
      ...more,
    });
  };
  const sync = async (instance: DicomJson): Promise<void> => {
    rig.dicom.store(instance);
    await rig.pull();
    await rig.drain();
  };
  const subjects = (): readonly (string | undefined)[] =>
    rig.fhir.all<ImagingStudy>('ImagingStudy').map(({ subject }) => subject.reference);
  const patientIds = (): readonly (string | undefined)[] => rig.fhir.all<Patient>('Patient').map(({ id }) => id);
  const replacedBy = (id: string): Partial<Patient> => ({
    link: [{ type: 'replaced-by', other: { reference: `Patient/${id}` } }],
  });

  it('is the surviving record of two that we made and a person merged; neither is removed', async () => {
    await start();
    put('901', true, replacedBy('902'));
    put('902', true);
    await sync(A);
    expect(subjects()).toEqual(['Patient/902']);
    expect(patientIds()).toEqual(expect.arrayContaining(['901', '902']));
    expect(await rig.failures()).toEqual([]);
  });

  it('is found through the record that was merged away, where only that one carries the identifier', async () => {
    await start();
    put('902', false, { identifier: [{ system: 'urn:x', value: 'other' }] });
    put('901', true, replacedBy('902'));
    put('903', true);
    await sync(A);
    // 901 has the lowest id and leads to 902; 903 is a spare of ours.
    expect(subjects()).toEqual(['Patient/902']);
    expect(patientIds()).not.toContain('903');
    expect(patientIds()).toContain('902');
  });

  it('stays when links lead to it through a record that the search does not show, although it is one of ours itself', async () => {
    await start();
    put('901', true, replacedBy('950'));
    put('950', false, { identifier: [{ system: 'urn:x', value: 'other' }], ...replacedBy('905') });
    put('905', true);
    await sync(A);
    expect(subjects()).toEqual(['Patient/905']);
    expect(patientIds()).toEqual(expect.arrayContaining(['901', '905', '950']));
    expect(await rig.failures()).toEqual([]);
  });

  it('is the lowest of several that we made; studies that refer to another one move, and then it goes', async () => {
    await start();
    await sync(A);
    const [first] = patientIds();
    put('0', true);
    await sync(ctInstance({ study: testUid(8) }));
    expect(subjects()).toEqual(['Patient/0', 'Patient/0']);
    expect(patientIds()).toEqual(['0']);
    expect(first).not.toBe('0');
    expect(await violationsOf(rig)).toEqual([]);
  });

  it('keeps a spare one to which an Observation of somebody else refers', async () => {
    await start();
    put('901', true);
    put('902', true);
    rig.fhir.put<Observation>({
      resourceType: 'Observation',
      status: 'final',
      code: { text: 'blood pressure' },
      subject: { reference: 'Patient/902' },
    });
    await sync(A);
    expect(subjects()).toEqual(['Patient/901']);
    expect(patientIds()).toEqual(expect.arrayContaining(['901', '902']));
  });

  it('keeps a spare one that another installation made', async () => {
    await start();
    put('901', true);
    put('902', false, { meta: { tag: [{ system: SOURCE_TAG_SYSTEM, code: 'https://elsewhere.example/v2' }] } });
    await sync(A);
    expect(patientIds()).toContain('902');
  });

  it('is not created when the lease may run out before the server has answered: the pass starts over', async () => {
    await start();
    rig.dicom.store(A);
    await rig.pull();
    let holds = 0;
    const cast = rig.createCast(rig.clients, {
      decorateLock: (lock) => ({
        ...lock,
        hold: (identifier, work, signal) => {
          const short = holds++ === 0;
          return lock.hold(identifier, (lease) => work(short ? { remainingMs: () => 14_000 } : lease), signal);
        },
      }),
    });
    const [message] = rig.queue.visible();
    if (message === undefined) throw new Error('no message');
    let createdAtFirst = false;
    rig.fhir.intercept = ({ kind }) => {
      createdAtFirst ||= kind === 'transaction' && holds === 1;
      return undefined;
    };
    await rig.deliver(message, cast);
    expect({ holds, createdAtFirst }).toEqual({ holds: 2, createdAtFirst: false });
    expect(rig.fhir.all<ImagingStudy>('ImagingStudy')[0]?.identifier?.[0]?.value).toBe(`urn:oid:${STUDY}`);
    expect(await violationsOf(rig)).toEqual([]);
  });
});
