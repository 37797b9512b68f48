import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { ImagingStudy, Observation, Patient, Resource, ServiceRequest } from 'fhir/r4';
import type { DicomJson } from '../../local/dicom/dicomJson';
import { readSamples } from '../../local/samples/samples';
import { createFhirClient, type FhirClient } from '../../src/fhir/client';
import { tokenValue } from '../../src/fhir/query';
import { createHttpClient, type StreamingHttpClient } from '../../src/http/httpClient';
import { useAzurite } from '../support/azurite';
import { CastRig, signal } from '../support/castRig';
import { ctInstance, element, testUid } from '../support/instances';
import { type HapiServer, startHapiServer } from './hapi/hapiServer';

/** Cast's way from end to end against a HAPI FHIR JPA server that validates every write. */
describe('Cast and a HAPI FHIR server', () => {
  const azurite = useAzurite();
  let hapi: HapiServer;
  let http: StreamingHttpClient;
  let fhir: FhirClient;
  let rig: CastRig;

  beforeAll(async () => {
    hapi = await startHapiServer();
    http = createHttpClient({ origin: new URL(hapi.url).origin, timeoutMs: 60_000, maxConnections: 8 });
    fhir = createFhirClient({ http, baseUrl: hapi.url });
  });

  afterAll(async () => {
    await http.close();
    await hapi.stop();
  });

  const startRig = (settings: Readonly<Record<string, string>> = {}): Promise<CastRig> =>
    CastRig.start(azurite, {
      settings: { FHIR_URL: hapi.url, DICOM_PUBLIC_URL: 'https://dicom.example', ...settings },
    });

  beforeEach(async () => {
    // The server validates and does not have the profile of dose summaries.
    rig = await startRig({ DOSE_SUMMARY_PROFILE: 'false' });
  });

  afterEach(async () => {
    await rig.stop();
  });

  const studies = async (uid: string) =>
    fhir.search<ImagingStudy>(
      'ImagingStudy',
      [['identifier', tokenValue('urn:dicom:uid', `urn:oid:${uid}`)]],
      signal(),
    );
  const patients = async (id: string) =>
    fhir.search<Patient>('Patient', [['identifier', tokenValue('urn:oid:1.2.3.4', id)]], signal());
  const observations = async (uid: string) =>
    fhir.search<Observation>('Observation', [['identifier', tokenValue('urn:dicom:uid', `urn:oid:${uid}`)]], signal());
  const versionOf = ({ meta }: Resource): string | undefined => meta?.versionId;

  it('stores the samples, and a second look writes nothing', async () => {
    const { studies: samples } = readSamples();
    const complete = samples
      .flatMap((study) => study.samples)
      .filter(({ dataset }) => dataset['00100020']?.Value !== undefined);
    rig.dicom.offer(complete.map(({ dataset }) => dataset));
    await rig.pull();
    await rig.drain();
    expect(await rig.failures()).toEqual([]);
    const live = rig.dicom.studies();
    const before = new Map<string, string | undefined>();
    for (const { uid, partition } of live) {
      const found = await studies(uid);
      expect({ uid, count: found.length }).toEqual({ uid, count: 1 });
      expect(found[0]?.resource.numberOfInstances).toBe(rig.dicom.liveInstances(partition, uid).length);
      before.set(uid, versionOf(found[0]!.resource));
    }
    const dose = (await Promise.all(live.map(({ uid }) => observations(uid)))).flat();
    expect(dose.length).toBeGreaterThan(10);
    for (const { uid, partition } of live) await rig.queue.send({ study: { uid, partition }, changes: [] }, {});
    await rig.drain();
    for (const { uid } of live) expect(versionOf((await studies(uid))[0]!.resource)).toBe(before.get(uid));
    const written = rig.telemetry.records.filter(
      (record) => record.kind === 'metric' && record.name === 'resources-written',
    );
    expect(written.length).toBeGreaterThan(0);
  }, 300_000);

  it('follows updates, deletes of instances, and the delete of a study', async () => {
    const study = testUid(71);
    rig.dicom.store([
      ctInstance({ study, instance: `${study}.1.1`, patientId: 'HAPI-71' }),
      ctInstance({ study, instance: `${study}.1.2`, patientId: 'HAPI-71' }),
    ]);
    await rig.settle();
    expect((await studies(study))[0]?.resource).toMatchObject({ numberOfInstances: 2, description: 'CT Thorax' });

    rig.dicom.update(study, { '00081030': element('LO', 'CT Abdomen') });
    rig.dicom.deleteInstance(study, `${study}.1`, `${study}.1.2`);
    await rig.settle();
    expect((await studies(study))[0]?.resource).toMatchObject({ numberOfInstances: 1, description: 'CT Abdomen' });

    rig.dicom.deleteStudy(study);
    await rig.settle();
    expect(await studies(study)).toEqual([]);
    expect(await patients('HAPI-71')).toHaveLength(1);
    expect(await rig.failures()).toEqual([]);
  });

  it('starts over when another system changes the study between its read and its write, and keeps what that one wrote', async () => {
    const study = testUid(72);
    rig.dicom.store(ctInstance({ study, patientId: 'HAPI-72' }));
    await rig.settle();
    rig.dicom.update(study, { '00081030': element('LO', 'CT Abdomen') });
    await rig.pull();
    const [message] = rig.queue.visible();
    const worker = rig.worker('W1');
    worker.take(message!);
    await worker.stepper.until(/fhir\.transaction/);
    const [found] = await studies(study);
    const foreign = { system: 'https://orders.example', value: '4711' };
    await fhir.update(
      found!,
      { ...found!.resource, identifier: [...(found!.resource.identifier ?? []), foreign] },
      signal(),
    );
    await worker.stepper.finish();
    const [after] = await studies(study);
    expect(after?.resource.description).toBe('CT Abdomen');
    expect(after?.resource.identifier).toContainEqual(foreign);
    expect(await rig.failures()).toEqual([]);
  });

  it('creates one Patient and one study however many workers try at once', async () => {
    const uids = [81, 82, 83, 84].map((number) => testUid(number));
    rig.dicom.store(uids.map((study) => ctInstance({ study, patientId: 'HAPI-80' })));
    await rig.pull();
    const casts = [rig.createCast(rig.createClients()), rig.createCast(rig.createClients())];
    const messages = rig.queue.visible();
    // Each message twice: two workers on the same study, and four studies of one new patient.
    await Promise.all(messages.flatMap((message) => casts.map((cast) => rig.deliver(message, cast))));
    await rig.settle();
    expect(await patients('HAPI-80')).toHaveLength(1);
    for (const uid of uids) expect(await studies(uid)).toHaveLength(1);
    expect(await rig.failures()).toEqual([]);
  });

  it('writes the Observations of dose reports, shares events between reports, and removes what a deleted report leaves', async () => {
    const reports = doseReports(91);
    const uid = uidOf(reports);
    rig.dicom.store(reports);
    await rig.settle();
    expect(await rig.failures()).toEqual([]);
    const first = await observations(uid);
    expect(first).toHaveLength(6);
    await rig.queue.send({ study: { partition: 'Microsoft.Default', uid }, changes: [] }, {});
    await rig.drain();
    expect((await observations(uid)).map(({ id, etag }) => `${id} ${etag}`).sort()).toEqual(
      first.map(({ id, etag }) => `${id} ${etag}`).sort(),
    );

    const largest = reports.at(-1);
    rig.dicom.deleteInstance(uid, String(largest?.['0020000E']?.Value?.[0]), String(largest?.['00080018']?.Value?.[0]));
    await rig.settle();
    expect(await observations(uid)).toHaveLength(4);
    rig.dicom.deleteStudy(uid);
    await rig.settle();
    expect(await observations(uid)).toEqual([]);
    expect(await studies(uid)).toEqual([]);
    expect(await rig.failures()).toEqual([]);
  });

  it('refuses a dose summary that claims a profile which it does not have, and takes it when the claim is left out', async () => {
    // The samples hold a copy of this report: another study.
    const reports = JSON.parse(JSON.stringify(doseReports(103)).replaceAll('.1338.103', '.1338.9103')) as DicomJson[];
    const uid = uidOf(reports);
    const claiming = await startRig();
    claiming.dicom.store(reports);
    await claiming.settle();
    expect(await claiming.failures()).toMatchObject([
      {
        reason: 'TransactionFailed',
        httpStatus: 422,
        suggestedFix: expect.stringContaining('DOSE_SUMMARY_PROFILE') as unknown,
      },
    ]);
    expect(await studies(uid)).toEqual([]);
    await claiming.stop();

    rig.dicom.store(reports);
    await rig.settle();
    expect(await rig.failures()).toEqual([]);
    expect((await observations(uid)).length).toBeGreaterThan(0);
  });

  it('does what the options ask of it: orders by several numbers, vital signs, a Device as the subject', async () => {
    const optional = await startRig({
      ORDER_LOOKUP: 'true',
      ACCESSION_SYSTEM: 'https://h.example/acsn',
      HEIGHT_AND_WEIGHT: 'true',
      PHANTOMS: 'device',
      MIDDLE_NAME_QUALIFIER: 'true',
    });
    const [study, phantom] = [testUid(73), testUid(74)];
    const patient = { resourceType: 'Patient', identifier: [{ system: 'urn:oid:1.2.3.4', value: 'HAPI-73' }] } as const;
    const { id: patientId } = await fhir.create<Patient>(
      { ...patient, identifier: [...patient.identifier] },
      [['identifier', tokenValue('urn:oid:1.2.3.4', 'HAPI-73')]],
      signal(),
    );
    const order: ServiceRequest = {
      resourceType: 'ServiceRequest',
      status: 'active',
      intent: 'order',
      subject: { reference: `Patient/${patientId}` },
      identifier: [{ system: 'https://h.example/acsn', value: 'A,1|' }],
    };
    const found = [['identifier', tokenValue('https://h.example/acsn', 'A,1|')]] as const;
    const { id: orderId } = await fhir.create(order, found, signal());
    optional.dicom.store([
      ctInstance({
        study,
        patientId: 'HAPI-73',
        '00080050': element('SH', 'A,1|'),
        '00400275': element('SQ', { '00080050': element('SH', 'A2') }),
        '00101020': element('DS', '1.75'),
        '00101030': element('DS', '81.5'),
      }),
      ctInstance({
        study: phantom,
        patientId: 'HAPI-74',
        '00100010': element('PN', { Alphabetic: 'Water^Phantom^Large' }),
        '00100200': element('CS', 'YES'),
      }),
    ]);
    await optional.settle();
    expect(await optional.failures()).toEqual([]);
    expect((await studies(study))[0]?.resource.basedOn).toMatchObject([
      { reference: `ServiceRequest/${orderId}`, identifier: { value: 'A,1|' } },
      { identifier: { value: 'A2' } },
    ]);
    expect((await observations(study)).map(({ resource }) => resource.valueQuantity?.value).sort()).toEqual([
      175, 81.5,
    ]);
    expect((await studies(phantom))[0]?.resource.subject.reference).toMatch(/^Device\//);
    const before = [...(await studies(study)), ...(await studies(phantom)), ...(await observations(study))];
    for (const uid of [study, phantom])
      await optional.queue.send({ study: { partition: 'Microsoft.Default', uid }, changes: [] }, {});
    await optional.drain();
    const after = [...(await studies(study)), ...(await studies(phantom)), ...(await observations(study))];
    expect(after.map(({ etag }) => etag)).toEqual(before.map(({ etag }) => etag));
    optional.dicom.deleteStudy(study);
    await optional.settle();
    expect([...(await studies(study)), ...(await observations(study))]).toEqual([]);
    expect(await optional.failures()).toEqual([]);
    await optional.stop();
  });

  it('comes back after a restart and finds nothing to write', async () => {
    const study = testUid(91);
    rig.dicom.store(ctInstance({ study, patientId: 'HAPI-91' }));
    await rig.settle();
    const version = versionOf((await studies(study))[0]!.resource);
    const restarted = rig.createCast(rig.createClients());
    await rig.queue.send({ study: { partition: 'Microsoft.Default', uid: study }, changes: [] }, {});
    await rig.settle(restarted);
    expect(versionOf((await studies(study))[0]!.resource)).toBe(version);
  });

  it('adopts the study of an order system and never deletes it', async () => {
    const study = testUid(1995);
    const patient = await fhir.create<Patient>(
      { resourceType: 'Patient', identifier: [{ system: 'urn:oid:1.2.3.4', value: 'HAPI-95' }] },
      [['identifier', tokenValue('urn:oid:1.2.3.4', 'HAPI-95')]],
      signal(),
    );
    const order: ImagingStudy = {
      resourceType: 'ImagingStudy',
      status: 'registered',
      subject: { reference: `Patient/${patient.id}` },
      identifier: [{ system: 'urn:dicom:uid', value: `urn:oid:${study}` }],
      note: [{ text: 'ordered' }],
    };
    await fhir.create(order, [['identifier', tokenValue('urn:dicom:uid', `urn:oid:${study}`)]], signal());
    rig.dicom.store(ctInstance({ study, patientId: 'HAPI-95' }));
    await rig.settle();
    expect((await studies(study))[0]?.resource).toMatchObject({
      status: 'available',
      numberOfInstances: 1,
      note: [{ text: 'ordered' }],
    });
    rig.dicom.deleteStudy(study);
    await rig.settle();
    expect((await studies(study))[0]?.resource).toMatchObject({
      status: 'registered',
      numberOfInstances: 0,
      note: [{ text: 'ordered' }],
    });
  });
});

function uidOf([report]: readonly DicomJson[]): string {
  return String(report?.['0020000D']?.Value?.[0]);
}

function doseReports(vector: number): readonly DicomJson[] {
  const lines = readFileSync(resolve(__dirname, '../fixtures/dose-reports/dose-reports.ndjson'), 'utf8').split('\n');
  return lines
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { readonly vector: number; readonly dicom: DicomJson })
    .filter((report) => report.vector === vector)
    .map(({ dicom }) => dicom);
}
