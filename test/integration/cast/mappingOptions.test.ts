import type { Device, Endpoint, FhirResource, ImagingStudy, Observation, Patient, ServiceRequest } from 'fhir/r4';
import { useAzurite } from '../../support/azurite';
import { CastRig } from '../../support/castRig';
import { ctInstance, element, testUid } from '../../support/instances';
import { violationsOf } from '../../support/oracle';

const PARTITION = 'Microsoft.Default';
const STUDY = testUid(1);
const PHANTOM = { '00100200': element('CS', 'YES') } as const;

/** The options that need more of the FHIR server than a study and its Patient. */
describe('a study, where an option of the mapping', () => {
  const azurite = useAzurite();
  let rig: CastRig;

  const start = async (
    settings: Readonly<Record<string, string>>,
    switches?: NonNullable<Parameters<typeof CastRig.start>[1]>['switches'],
  ): Promise<void> => {
    rig = await CastRig.start(azurite, { settings, ...(switches === undefined ? {} : { switches }) });
  };

  afterEach(async () => {
    expect(await rig.failures()).toEqual([]);
    await rig.stop();
  });

  const studies = (): readonly ImagingStudy[] => rig.fhir.all<ImagingStudy>('ImagingStudy');
  const put = (resource: FhirResource): string => rig.fhir.put(resource).id ?? '';
  const versions = (): readonly string[] =>
    (['ImagingStudy', 'Observation', 'Patient', 'Device', 'Endpoint'] as const).flatMap((type) =>
      rig.fhir.all<FhirResource>(type).map(({ id, meta }) => `${type}/${id} ${meta?.versionId}`),
    );
  /** Looks at the study as somebody does who wants to be sure. */
  const lookAgain = async (uid = STUDY): Promise<void> => {
    await rig.queue.send({ study: { partition: PARTITION, uid }, changes: [] }, {});
    await rig.drain();
  };

  describe('looks orders up', () => {
    const order = (value: string, further: Partial<ServiceRequest> = {}): ServiceRequest => ({
      resourceType: 'ServiceRequest',
      status: 'active',
      intent: 'order',
      subject: { display: 'Jane Doe' },
      identifier: [{ system: 'https://h.example/acsn', value }],
      ...further,
    });
    const basedOn = (): readonly unknown[] =>
      (studies()[0]?.basedOn ?? []).map(({ reference, identifier }) => [reference, identifier?.value]);

    beforeEach(async () => {
      await start({ ORDER_LOOKUP: 'true', ACCESSION_SYSTEM: 'https://h.example/acsn' });
    });

    it('refers literally to the one ServiceRequest of its number, and to no other', async () => {
      const id = put(order('ACC,1|'));
      put(order('ACC-2'));
      put(order('ACC-3', { identifier: [{ value: 'ACC-3' }] }));
      const request = { '00080050': element('SH', 'ACC-3') };
      rig.dicom.store(ctInstance({ '00080050': element('SH', 'ACC,1|'), '00400275': element('SQ', request) }));
      await rig.settle();
      // ACC-3 is of another system there, so it is another number.
      expect(basedOn()).toEqual([
        [`ServiceRequest/${id}`, 'ACC,1|'],
        [undefined, 'ACC-3'],
      ]);
      const before = versions();
      await lookAgain();
      expect(versions()).toEqual(before);
    });

    it('stays with the number where several match, and takes a reference back that is no longer right', async () => {
      const id = put(order('ACC-1'));
      rig.dicom.store(ctInstance());
      await rig.settle();
      expect(basedOn()).toEqual([[`ServiceRequest/${id}`, 'ACC-1']]);

      put(order('ACC-1'));
      await lookAgain();
      expect(basedOn()).toEqual([[undefined, 'ACC-1']]);

      rig.dicom.update(STUDY, { '00080050': element('SH') });
      await rig.settle();
      expect(basedOn()).toEqual([]);
    });

    it('does not look for a number without a system, which another hospital may have given as well', async () => {
      await rig.stop();
      await start({ ORDER_LOOKUP: 'true' });
      put(order('ACC-1', { identifier: [{ value: 'ACC-1' }] }));
      rig.dicom.store(ctInstance());
      await rig.settle();
      expect(basedOn()).toEqual([[undefined, 'ACC-1']]);
    });

    it('refers to no order of somebody else, neither at the first look nor when the Patient is there', async () => {
      put(order('ACC-1', { subject: { reference: 'Patient/somebody-else' } }));
      rig.dicom.store(ctInstance());
      await rig.settle();
      expect(basedOn()).toEqual([[undefined, 'ACC-1']]);
      const before = versions();
      await lookAgain();
      expect(versions()).toEqual(before);

      const id = put(order('ACC-1', { subject: { reference: studies()[0]?.subject.reference ?? '' } }));
      await lookAgain();
      expect(basedOn()).toEqual([[`ServiceRequest/${id}`, 'ACC-1']]);
    });

    it('names the order in dose summaries as well, in the words of the profile', async () => {
      const id = put(order('ACC-1'));
      rig.dicom.store(
        ctInstance({
          '00080016': element('UI', '1.2.840.10008.5.1.4.1.1.88.67'),
          '00080060': element('CS', 'SR'),
          '0040A043': element('SQ', {
            '00080100': element('SH', '113701'),
            '00080102': element('SH', 'DCM'),
            '00080104': element('LO', 'X-Ray Radiation Dose Report'),
          }),
        }),
      );
      await rig.settle();
      expect(rig.fhir.all<Observation>('Observation')[0]?.basedOn).toMatchObject([
        {
          reference: `ServiceRequest/${id}`,
          identifier: {
            value: 'ACC-1',
            type: { coding: [{ code: 'ACSN', display: 'Accession ID' }, { code: '121022' }] },
          },
        },
      ]);
    });

    it('costs one FHIR request more for up to 40 numbers, and none without an order', async () => {
      rig.dicom.store(ctInstance({ study: testUid(9) }));
      await rig.settle();
      const requests = async (accession: readonly string[], study: string): Promise<number> => {
        const items = accession.map((value) => ({ '00080050': element('SH', value) }));
        rig.dicom.store(ctInstance({ study, '00080050': element('SH'), '00400275': element('SQ', ...items) }));
        await rig.pull();
        rig.fhir.requests.reset();
        await rig.drain();
        return rig.fhir.requests.total;
      };
      expect(await requests([], testUid(2))).toBe(3);
      expect(await requests(['A', 'B', 'C', 'D'], testUid(3))).toBe(4);
      const many = Array.from({ length: 100 }, (_, index) => `A${index}`);
      expect(await requests(many, testUid(4))).toBe(6);
    });
  });

  describe('makes Observations of height and weight', () => {
    const values = (): readonly unknown[] =>
      rig.fhir
        .all<Observation>('Observation')
        .map(({ valueQuantity, subject }) => [valueQuantity?.value, valueQuantity?.unit, subject?.reference]);
    const measures = { '00101020': element('DS', '1.75'), '00101030': element('DS', 81.5) } as const;

    beforeEach(async () => {
      await start({ HEIGHT_AND_WEIGHT: 'true' });
    });

    it('they follow its instances, and go with it', async () => {
      rig.dicom.store([
        ctInstance({ instance: `${STUDY}.1.1`, ...measures }),
        ctInstance({ instance: `${STUDY}.1.2`, ...measures, '00101030': element('DS', '0') }),
      ]);
      await rig.settle();
      const subject = studies()[0]?.subject.reference;
      expect(values()).toEqual([
        [175, 'cm', subject],
        [81.5, 'kg', subject],
      ]);
      expect(rig.fhir.all<Observation>('Observation')[0]).toMatchObject({
        category: [{ coding: [{ code: 'vital-signs' }] }],
        code: { coding: [{ system: 'http://loinc.org', code: '8302-2' }] },
        effectiveDateTime: '2024-01-15T10:15:00+01:00',
        partOf: [{ reference: `ImagingStudy/${studies()[0]?.id ?? ''}` }],
      });
      const before = versions();
      await lookAgain();
      expect(versions()).toEqual(before);

      rig.dicom.update(STUDY, { '00101030': element('DS', '82'), '00101020': element('DS') });
      await rig.pull();
      rig.fhir.requests.reset();
      await rig.drain();
      // Study, Observations and Patient are searched, then comes the transaction.
      expect(rig.fhir.requests.total).toBe(4);
      expect(values()).toEqual([[82, 'kg', subject]]);

      rig.dicom.deleteStudy(STUDY);
      await rig.settle();
      expect(values()).toEqual([]);
      expect(await violationsOf(rig)).toEqual([]);
    });

    it('they go with it also when the option is off by then, on a server that lets references dangle', async () => {
      await rig.stop();
      await start({ HEIGHT_AND_WEIGHT: 'true' }, { deleteOfReferenced: 'allow' });
      rig.dicom.store(ctInstance(measures));
      await rig.settle();
      expect(values()).toHaveLength(2);
      const cast = rig.createCast(rig.clients, {}, { HEIGHT_AND_WEIGHT: false });
      rig.dicom.deleteStudy(STUDY);
      await rig.pull();
      for (const message of rig.queue.visible()) await rig.deliver(message, cast);
      expect(studies()).toEqual([]);
      expect(values()).toEqual([]);
    });

    it('a value that no human has is warned about and left out, a study without a full date has none', async () => {
      rig.dicom.store([
        ctInstance({ ...measures, '00101020': element('DS', '175') }),
        ctInstance({ study: testUid(2), ...measures, '00080020': element('DA', '2024') }),
      ]);
      await rig.settle();
      expect(values()).toMatchObject([[81.5, 'kg', expect.anything() as unknown]]);
      const warned = rig.notifications.filter(({ kind }) => kind === 'warning');
      expect(warned).toMatchObject([{ event: { keyword: 'PatientSize' } }]);
    });
  });

  describe('makes the subject of a phantom a Device', () => {
    beforeEach(async () => {
      await start({ PHANTOMS: 'device' });
    });

    it('one for all studies of it, however many workers find it missing at once', async () => {
      const uids = [21, 22, 23, 24].map((number) => testUid(number));
      rig.dicom.store(uids.map((study) => ctInstance({ study, patientId: 'QA-1', ...PHANTOM })));
      await rig.pull();
      const casts = [rig.createCast(rig.createClients()), rig.createCast(rig.createClients())];
      await Promise.all(rig.queue.visible().map((message, index) => rig.deliver(message, casts[index % 2])));
      await rig.settle();
      const [device, ...more] = rig.fhir.all<Device>('Device');
      expect(more).toEqual([]);
      expect(device).toMatchObject({
        identifier: [{ system: 'urn:oid:1.2.3.4', value: 'QA-1' }],
        deviceName: [{ name: 'Jane Doe', type: 'user-friendly-name' }],
      });
      expect(studies().map(({ subject }) => subject.reference)).toEqual(uids.map(() => `Device/${device?.id ?? ''}`));
      expect(rig.fhir.all<Patient>('Patient')).toEqual([]);
      const before = versions();
      for (const uid of uids) await lookAgain(uid);
      expect(versions()).toEqual(before);
    });

    it('uses the Device that somebody else has of that identifier, and leaves it as it is', async () => {
      const theirs: Device = {
        resourceType: 'Device',
        identifier: [{ system: 'urn:oid:1.2.3.4', value: 'QA-1' }],
        deviceName: [{ name: 'Water phantom', type: 'user-friendly-name' }],
      };
      const id = put(theirs);
      rig.dicom.store(ctInstance({ patientId: 'QA-1', ...PHANTOM }));
      await rig.settle();
      expect(studies()[0]?.subject).toMatchObject({ reference: `Device/${id}`, type: 'Device' });
      expect(rig.fhir.all<Device>('Device')).toMatchObject([{ deviceName: [{ name: 'Water phantom' }] }]);
    });

    it('moves to the Patient when its instances turn out to be of one, also of the same number', async () => {
      rig.dicom.store(ctInstance({ patientId: 'QA-1', ...PHANTOM }));
      await rig.settle();
      rig.dicom.update(STUDY, { '00100200': element('CS', 'NO') });
      await rig.settle();
      const [patient] = rig.fhir.all<Patient>('Patient');
      expect(studies()[0]?.subject.reference).toBe(`Patient/${patient?.id ?? ''}`);
    });
  });

  it('skips phantoms: they are in no study, without any failure, and go from one that they were in', async () => {
    await start({ PHANTOMS: 'skip' });
    rig.dicom.store([
      ctInstance({ instance: `${STUDY}.1.1` }),
      ctInstance({ instance: `${STUDY}.1.2` }),
      ctInstance({ study: testUid(2), patientId: 'QA-1', ...PHANTOM }),
    ]);
    await rig.settle();
    expect(studies().map(({ numberOfInstances }) => numberOfInstances)).toEqual([2]);
    expect(rig.fhir.all<Patient>('Patient')).toHaveLength(1);
    rig.dicom.update(STUDY, PHANTOM);
    await rig.settle();
    expect(studies()).toEqual([]);
  });

  describe('cleans up after the old DICOM Cast', () => {
    const study: ImagingStudy = {
      resourceType: 'ImagingStudy',
      status: 'available',
      subject: { display: 'Jane Doe' },
      identifier: [{ system: 'urn:dicom:uid', value: `urn:oid:${STUDY}` }],
      note: [{ text: 'CT Thorax' }, { text: 'Call the ward' }],
    };
    const old = (further: Partial<Observation>): Observation => ({
      resourceType: 'Observation',
      status: 'preliminary',
      identifier: [{ system: 'urn:dicom:uid', value: `urn:oid:${STUDY}` }],
      code: { coding: [{ system: 'http://loinc.org', code: '73569-6' }] },
      valueString: 'old',
      ...further,
    });
    const store = async (): Promise<void> => {
      put(study);
      const acsn = { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v2-0203', code: 'ACSN' }] };
      const identifiers = [...(old({}).identifier ?? []), { type: acsn, value: 'ACC-1' }];
      const event = { coding: [{ system: 'http://dicom.nema.org/resources/ontology/DCM', code: '113852' }] };
      const leftBehind = [old({}), old({ identifier: identifiers }), old({ code: event })];
      const byOthers = [
        old({ status: 'final', valueString: 'theirs' }),
        old({ valueString: 'theirs', effectiveDateTime: '2024-01-15' }),
        old({ valueString: 'theirs', code: { text: 'dose' } }),
        old({ valueString: 'theirs', identifier: [...identifiers, { system: 'https://x.example', value: '1' }] }),
      ];
      for (const each of [...leftBehind, ...byOthers]) put(each);
      rig.dicom.store(ctInstance());
      await rig.settle();
    };
    const left = (): readonly unknown[] => rig.fhir.all<Observation>('Observation').map((each) => each.valueString);

    it('its notes and dose Observations go, those of others stay', async () => {
      await start({ DICOM_CAST_CLEANUP: 'true' });
      await store();
      expect(studies()[0]?.note).toEqual([{ text: 'Call the ward' }]);
      expect(left()).toEqual(['theirs', 'theirs', 'theirs', 'theirs']);
    });

    it('and where it does not, all of it stays', async () => {
      await start({});
      await store();
      expect(studies()[0]?.note).toHaveLength(2);
      expect(left()).toHaveLength(7);
    });
  });

  it('is a MADO manifest, every series names an Endpoint with the Retrieve Location UID', async () => {
    await start({ RETRIEVE_LOCATION_UID: '1.2.3.4' });
    rig.dicom.store([ctInstance(), ctInstance({ series: `${STUDY}.2` })]);
    await rig.settle();
    const [endpoint] = rig.fhir.all<Endpoint>('Endpoint');
    expect(endpoint?.extension).toEqual([
      {
        url: 'https://profiles.ihe.net/RAD/MADO/StructureDefinition/MadoRetrieveLocationUIDExtension',
        valueString: '1.2.3.4',
      },
    ]);
    const reference = `Endpoint/${endpoint?.id ?? ''}`;
    expect(studies()[0]?.series?.map((series) => series.endpoint?.map((each) => each.reference))).toEqual([
      [reference],
      [reference],
    ]);
    const before = versions();
    await lookAgain();
    expect(versions()).toEqual(before);
  });
});
