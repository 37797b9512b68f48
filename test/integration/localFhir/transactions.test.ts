import type { Bundle, ImagingStudy, Patient } from 'fhir/r4';
import { startTestServer, patient, study } from './support';

const UUID = 'urn:uuid:11111111-1111-4111-8111-111111111111';

describe('a transaction', () => {
  const fhir = startTestServer();

  it('leaves no trace when its last entry fails: no resource, no version, no index entry, no write counted', async () => {
    const kept = fhir().server.put<Patient>({ ...patient('1'), id: 'kept' });
    const doomed = fhir().server.put<Patient>({ ...patient('2'), id: 'doomed' });
    await fhir().search('Patient', 'identifier=1');
    const failed = await fhir().transaction([
      { remove: 'Patient/doomed' },
      { create: patient('3'), fullUrl: UUID },
      { create: study('1.2', UUID), ifNoneExist: 'identifier=urn:dicom:uid|urn:oid:1.2' },
      { update: { ...patient('11'), id: 'kept' } },
      { update: { ...study('1.3', 'Patient/nowhere'), id: 'broken' } },
    ]);
    expect(failed.status).toBe(400);
    expect(fhir().server.all<Patient>('Patient')).toEqual(expect.arrayContaining([kept, doomed]));
    expect(fhir().server.counts).toEqual({ Patient: 2 });
    expect(fhir().server.writes).toBe(0);
    const totals = await Promise.all(
      ['1', '2', '3', '11'].map(async (value) => (await fhir().search('Patient', `identifier=${value}`)).total),
    );
    expect(totals).toEqual([1, 1, 0, 0]);
    const history = (await fhir().request('GET', 'Patient/kept/_history')).body as Bundle;
    expect(history.entry).toHaveLength(1);
  });

  it('can be sent again after it failed, with the same versions as the first time', async () => {
    const entries = (subject: string) => [{ update: { ...study('1.2', subject), id: 's' } }];
    expect((await fhir().transaction(entries('Patient/p'))).status).toBe(400);
    fhir().server.put<Patient>({ ...patient('1'), id: 'p' });
    const applied = (await fhir().transaction(entries('Patient/p'))).body as Bundle;
    expect(applied.entry?.[0]?.response).toMatchObject({ status: '201 Created', etag: 'W/"1"' });
  });

  it('answers in the order of its entries, whatever the order of execution', async () => {
    const old = fhir().server.put<Patient>({ ...patient('1'), id: 'old' });
    const response = await fhir().transaction([
      { update: { ...old, gender: 'male' }, ifMatch: 'W/"1"' },
      { create: patient('2') },
      { remove: 'Patient/never' },
    ]);
    const statuses = ((response.body as Bundle).entry ?? []).map((entry) => entry.response?.status);
    expect(statuses).toEqual(['200 OK', '201 Created', '204 No Content']);
  });

  it('deletes before it creates, so that a condition does not see what goes', async () => {
    fhir().server.put<Patient>({ ...patient('1'), id: 'old' });
    const condition = 'identifier=http://hospital.example|1';
    const response = await fhir().transaction([
      { create: patient('1'), ifNoneExist: condition },
      { remove: 'Patient/old' },
    ]);
    expect((response.body as Bundle).entry?.map((entry) => entry.response?.status)).toEqual([
      '201 Created',
      '204 No Content',
    ]);
    expect(fhir().server.counts).toEqual({ Patient: 1 });
  });

  it('points a reference at the resource that a conditional create found', async () => {
    fhir().server.put<Patient>({ ...patient('1'), id: 'there' });
    await fhir().transaction([
      { create: study('1.2', UUID) },
      { create: patient('1'), fullUrl: UUID, ifNoneExist: 'identifier=http://hospital.example|1' },
    ]);
    expect(fhir().server.all<ImagingStudy>('ImagingStudy')[0]?.subject.reference).toBe('Patient/there');
  });

  it('refuses to name the same resource, address or condition twice', async () => {
    const condition = 'identifier=http://hospital.example|1';
    const twice = await Promise.all([
      fhir().transaction([{ remove: 'Patient/p' }, { update: { ...patient('1'), id: 'p' } }]),
      fhir().transaction([
        { create: patient('1'), fullUrl: UUID },
        { create: patient('2'), fullUrl: UUID },
      ]),
      fhir().transaction([
        { create: patient('1'), ifNoneExist: condition },
        { create: patient('1'), ifNoneExist: condition },
      ]),
    ]);
    expect(twice.map(({ status }) => status)).toEqual([400, 400, 400]);
    expect(fhir().server.counts).toEqual({});
  });

  it('counts each of two updates at once with the same If-Match only once', async () => {
    const stored = fhir().server.put<Patient>({ ...patient('1'), id: 'p' });
    const answers = await Promise.all(
      (['male', 'female'] as const).map((gender) =>
        fhir().transaction([{ update: { ...stored, gender }, ifMatch: 'W/"1"' }]),
      ),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412]);
    expect(fhir().server.read<Patient>('Patient', 'p')?.meta?.versionId).toBe('2');
  });

  it('takes a study of 20,000 instances and gives it back whole', async () => {
    const response = await fhir().transaction([
      { create: patient('1'), fullUrl: UUID },
      { create: study('1.2', UUID, 20_000) },
    ]);
    expect(response.status).toBe(200);
    const found = await fhir().search('ImagingStudy', 'identifier=urn:dicom:uid|urn:oid:1.2');
    expect((found.entry?.[0]?.resource as ImagingStudy).series?.[0]?.instance).toHaveLength(20_000);
  });
});

describe('a batch', () => {
  const fhir = startTestServer();

  it('answers each entry for itself', async () => {
    const response = await fhir().transaction(
      [{ create: patient('1') }, { create: study('1.2', 'Patient/nowhere') }, { create: patient('2') }],
      {},
      'batch',
    );
    const entries = (response.body as Bundle).entry ?? [];
    expect(entries.map((entry) => entry.response?.status)).toEqual(['201 Created', '400 Bad Request', '201 Created']);
    expect(entries[1]?.response?.outcome?.resourceType).toBe('OperationOutcome');
    expect(fhir().server.counts).toEqual({ Patient: 2 });
  });
});
