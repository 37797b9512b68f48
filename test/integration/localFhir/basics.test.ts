import type { Bundle, Endpoint, ImagingStudy, OperationOutcome, Patient } from 'fhir/r4';
import { patient, startTestServer, study } from './support';

describe('the embedded FHIR server as a good server', () => {
  const fhir = startTestServer();

  it('creates, reads, updates and deletes with ETags', async () => {
    const created = await fhir().request('POST', 'Patient', patient('1'));
    expect(created.status).toBe(201);
    expect(created.headers.get('etag')).toBe('W/"1"');
    const stored = created.body as Patient;
    expect(created.headers.get('location')).toBe(`${fhir().server.url}/Patient/${stored.id}/_history/1`);

    const changed = await fhir().request(
      'PUT',
      `Patient/${stored.id}`,
      { ...stored, gender: 'female' },
      { 'if-match': 'W/"1"' },
    );
    expect([changed.status, changed.headers.get('etag')]).toEqual([200, 'W/"2"']);

    const deleted = await fhir().request('DELETE', `Patient/${stored.id}`);
    expect(deleted.status).toBe(204);
    const gone = await fhir().request('GET', `Patient/${stored.id}`);
    expect(gone.status).toBe(410);
    expect((gone.body as OperationOutcome).issue[0]?.code).toBe('deleted');
    expect((await fhir().request('GET', 'Patient/never-there')).status).toBe(404);
  });

  it('stores a patient, an endpoint and a study in one transaction and rewrites their urn:uuid references', async () => {
    const response = await fhir().transaction([
      {
        create: patient('2'),
        fullUrl: 'urn:uuid:11111111-1111-4111-8111-111111111111',
        ifNoneExist: 'identifier=http://hospital.example|2',
      },
      {
        create: study('1.2.3', 'urn:uuid:11111111-1111-4111-8111-111111111111'),
        ifNoneExist: 'identifier=urn:dicom:uid|urn:oid:1.2.3',
      },
    ]);
    expect(response.status).toBe(200);
    const entries = (response.body as Bundle).entry ?? [];
    expect(entries.map((entry) => entry.response?.status)).toEqual(['201 Created', '201 Created']);
    expect(entries[0]?.response?.location).toMatch(/^Patient\/[^/]+\/_history\/1$/);
    expect(entries[0]?.response?.etag).toBe('W/"1"');
    const [stored] = fhir().server.all<ImagingStudy>('ImagingStudy');
    expect(stored?.subject.reference).toBe(entries[0]?.response?.location?.replace(/\/_history.*/, ''));
  });

  it('answers 200 with the location of the one match when ifNoneExist finds it', async () => {
    const first = await fhir().request('POST', 'Patient', patient('3'), {
      'if-none-exist': 'identifier=http://hospital.example|3',
    });
    const again = await fhir().request('POST', 'Patient', patient('3'), {
      'if-none-exist': 'identifier=http://hospital.example|3',
    });
    expect([first.status, again.status]).toEqual([201, 200]);
    expect((again.body as Patient).id).toBe((first.body as Patient).id);
    const inTransaction = await fhir().transaction([
      { create: patient('3'), ifNoneExist: 'identifier=http://hospital.example%7C3' },
    ]);
    expect((inTransaction.body as Bundle).entry?.[0]?.response?.status).toBe('200 OK');
    expect(fhir().server.counts.Patient).toBe(1);
  });

  it('says that it speaks FHIR 4.0.1 with transactions', async () => {
    const { body } = await fhir().request('GET', 'metadata');
    expect(body).toMatchObject({
      resourceType: 'CapabilityStatement',
      fhirVersion: '4.0.1',
      rest: [{ interaction: [{ code: 'transaction' }, { code: 'batch' }] }],
    });
  });

  it('sends no body when the client prefers a minimal answer', async () => {
    const created = await fhir().request('POST', 'Patient', patient('4'), { prefer: 'return=minimal' });
    expect([created.status, created.body]).toEqual([201, undefined]);
    expect(created.headers.get('location')).toContain('/Patient/');
  });

  it('sends the resources of a transaction when the client prefers a representation', async () => {
    const response = await fhir().transaction([{ create: patient('5') }], { prefer: 'return=representation' });
    expect((response.body as Bundle<Patient>).entry?.[0]?.resource?.identifier?.[0]?.value).toBe('5');
  });

  it('makes no version for an update that changes nothing', async () => {
    const stored = (await fhir().request('POST', 'Patient', patient('6'))).body as Patient;
    const again = await fhir().request('PUT', `Patient/${stored.id}`, stored);
    expect([again.status, again.headers.get('etag'), fhir().server.writes]).toEqual([200, 'W/"1"', 1]);
  });

  it('keeps old versions and lists them, newest first', async () => {
    const stored = (await fhir().request('POST', 'Patient', patient('7'))).body as Patient;
    await fhir().request('PUT', `Patient/${stored.id}`, { ...stored, gender: 'male' });
    const old = await fhir().request('GET', `Patient/${stored.id}/_history/1`);
    expect((old.body as Patient).gender).toBeUndefined();
    for (const _ of [1, 2]) {
      const history = (await fhir().request('GET', `Patient/${stored.id}/_history`)).body as Bundle<Patient>;
      expect(history.entry?.map((entry) => entry.resource?.meta?.versionId)).toEqual(['2', '1']);
    }
    await fhir().request('DELETE', `Patient/${stored.id}`);
    expect((await fhir().request('GET', `Patient/${stored.id}/_history/2`)).status).toBe(200);
    expect((await fhir().request('GET', `Patient/${stored.id}/_history/3`)).status).toBe(404);
  });

  it('applies a JSON patch through the Medplum router, indexes included', async () => {
    const stored = (await fhir().request('POST', 'Patient', patient('8'))).body as Patient;
    await fhir().request('GET', 'Patient?identifier=8');
    const patch = [{ op: 'replace', path: '/identifier/0/value', value: '88' }];
    const patched = await fhir().request('PATCH', `Patient/${stored.id}`, patch, {
      'content-type': 'application/json-patch+json',
    });
    expect([patched.status, (patched.body as Patient).meta?.versionId]).toEqual([200, '2']);
    expect((await fhir().search('Patient', 'identifier=8')).total).toBe(0);
    expect((await fhir().search('Patient', 'identifier=88')).total).toBe(1);
  });

  it('includes what a study refers to when asked', async () => {
    const subject = fhir().server.put<Patient>({ ...patient('9'), id: 'p9' });
    fhir().server.put<ImagingStudy>({ ...study('1.9', `Patient/${subject.id ?? ''}`), id: 's9' });
    const found = await fhir().search('ImagingStudy', '_id=s9&_include=ImagingStudy:subject');
    expect(found.entry?.map((entry) => [entry.resource?.resourceType, entry.search?.mode])).toEqual([
      ['ImagingStudy', 'match'],
      ['Patient', 'include'],
    ]);
  });

  it('counts requests by kind and remembers their paths', async () => {
    await fhir().request('GET', 'Patient?name=x');
    await fhir().request('POST', 'Patient', patient('10'));
    expect(fhir().server.requests.counts()).toEqual({ search: 1, create: 1 });
    expect(fhir().server.requests.list.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'GET /Patient?name=x',
      'POST /Patient',
    ]);
    fhir().server.requests.reset();
    expect(fhir().server.requests.total).toBe(0);
  });

  it('takes seeds as they are, without counting them as writes', () => {
    const odd = { resourceType: 'Endpoint', id: 'e1', status: 'active' } as Endpoint;
    fhir().server.put(odd);
    expect(fhir().server.read<Endpoint>('Endpoint', 'e1')).toMatchObject({ ...odd, meta: { versionId: '1' } });
    expect(fhir().server.writes).toBe(0);
  });

  it('answers an OperationOutcome to whatever it refuses', async () => {
    const refused = await Promise.all([
      fhir().request('GET', 'Nonsense/1'),
      fhir().request('GET', 'Patient?nonsense=1'),
      fhir().request('POST', 'Patient', { resourceType: 'Observation' }),
      fhir().request('POST', '', { resourceType: 'Bundle', type: 'transaction', entry: [{}] }),
      fhir().request('PUT', 'Patient', patient('1')),
      fhir().raw('POST', 'Patient', '{ no json', { 'content-type': 'application/fhir+json' }),
      fhir().raw('POST', 'Patient', 'text', { 'content-type': 'text/plain' }),
      fhir().request('GET', 'Patient/x/y/z'),
    ]);
    expect(refused.map(({ status }) => status)).toEqual([404, 400, 400, 400, 400, 400, 415, 404]);
    for (const { body } of refused) {
      expect(body).toMatchObject({ resourceType: 'OperationOutcome', issue: [{ severity: 'error' }] });
    }
  });
});
