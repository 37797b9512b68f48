import type { ImagingStudy, Patient } from 'fhir/r4';
import { useAzurite } from '../../support/azurite';
import { CastRig } from '../../support/castRig';
import { ctInstance, element, testUid } from '../../support/instances';
import { violationsOf } from '../../support/oracle';

/** Several installations of Cast, and several partitions of one DICOM service, on one FHIR server. */
describe('a FHIR server that several sources share', () => {
  const azurite = useAzurite();
  const rigs: CastRig[] = [];

  afterEach(async () => {
    for (const rig of rigs.splice(0)) await rig.stop();
  });

  const start = async (settings: Record<string, string> = {}): Promise<CastRig> => {
    const rig = await CastRig.start(azurite, { settings });
    rigs.push(rig);
    return rig;
  };

  const STUDY = testUid(61);
  const descriptions = (rig: CastRig): readonly (string | undefined)[] =>
    rig.fhir
      .all<ImagingStudy>('ImagingStudy')
      .map(({ description }) => description)
      .sort();

  it('holds a study of each installation, even of the same UID, and each touches only its own', async () => {
    const first = await start({ DICOM_PUBLIC_URL: 'https://north.example' });
    const second = await start({ DICOM_PUBLIC_URL: 'https://south.example', FHIR_URL: first.fhir.url });
    first.dicom.store(ctInstance({ study: STUDY, '00081030': element('LO', 'north') }));
    second.dicom.store(ctInstance({ study: STUDY, '00081030': element('LO', 'south') }));
    await first.settle();
    await second.settle();
    expect(descriptions(first)).toEqual(['north', 'south']);
    expect(first.fhir.all<Patient>('Patient')).toHaveLength(1);

    second.dicom.update(STUDY, { '00081030': element('LO', 'south again') });
    await second.settle();
    first.dicom.deleteStudy(STUDY);
    await first.settle();
    expect(descriptions(first)).toEqual(['south again']);
    expect(await first.failures()).toEqual([]);
    expect(await second.failures()).toEqual([]);
  });

  it('holds a study of each partition, even of the same UID', async () => {
    const rig = await start();
    rig.dicom.store(ctInstance({ study: STUDY, '00081030': element('LO', 'default') }));
    rig.dicom.store(ctInstance({ study: STUDY, '00081030': element('LO', 'clinic b') }), 'clinic-b');
    await rig.settle();
    expect(descriptions(rig)).toEqual(['clinic b', 'default']);
    expect(rig.fhir.counts.Endpoint).toBe(2);
    expect(await violationsOf(rig)).toEqual([]);
    rig.dicom.deleteStudy(STUDY, 'clinic-b');
    await rig.settle();
    expect(descriptions(rig)).toEqual(['default']);
    expect(await violationsOf(rig)).toEqual([]);
  });

  it('lets one installation adopt the study of an order system, and the other one make its own', async () => {
    const first = await start({ DICOM_PUBLIC_URL: 'https://north.example' });
    const second = await start({ DICOM_PUBLIC_URL: 'https://south.example', FHIR_URL: first.fhir.url });
    const patient = first.fhir.put<Patient>({
      resourceType: 'Patient',
      identifier: [{ system: 'urn:oid:1.2.3.4', value: 'PATIENT-1' }],
    });
    const order = first.fhir.put<ImagingStudy>({
      resourceType: 'ImagingStudy',
      status: 'registered',
      subject: { reference: `Patient/${patient.id ?? ''}` },
      identifier: [{ system: 'urn:dicom:uid', value: `urn:oid:${STUDY}` }],
      note: [{ text: 'ordered' }],
    });
    first.dicom.store(ctInstance({ study: STUDY }));
    second.dicom.store(ctInstance({ study: STUDY }));
    await first.settle();
    await second.settle();
    const studies = first.fhir.all<ImagingStudy>('ImagingStudy');
    expect(studies).toHaveLength(2);
    expect(studies.find(({ id }) => id === order.id)).toMatchObject({
      status: 'available',
      note: [{ text: 'ordered' }],
    });
    second.dicom.deleteStudy(STUDY);
    await second.settle();
    first.dicom.deleteStudy(STUDY);
    await first.settle();
    expect(first.fhir.all<ImagingStudy>('ImagingStudy')).toMatchObject([
      { id: order.id, status: 'registered', numberOfInstances: 0 },
    ]);
  });
});
