import type { Bundle, Endpoint, ImagingStudy, OperationOutcome, Patient } from 'fhir/r4';
import { startTestServer, patient, study } from './support';
import type { Answer, TestFhir } from './support';

const UUID = 'urn:uuid:11111111-1111-4111-8111-111111111111';
const MRN_1 = 'identifier=http://hospital.example|1';

function issueCode(answer: Answer): string | undefined {
  return (answer.body as OperationOutcome).issue[0]?.code;
}

function endpoint(value: string): Endpoint {
  return {
    resourceType: 'Endpoint',
    identifier: [{ system: 'http://hospital.example/endpoints', value }],
    status: 'active',
    connectionType: { system: 'http://terminology.hl7.org/CodeSystem/endpoint-connection-type', code: 'dicom-wado-rs' },
    payloadType: [{ text: 'DICOM WADO-RS' }],
    address: 'http://dicom.example/v2',
  };
}

async function newPatient(fhir: TestFhir, value = '1'): Promise<Patient> {
  return (await fhir.request('POST', 'Patient', patient(value))).body as Patient;
}

/** A patient at version 2, so that an If-Match on version 1 is stale. */
async function movedPatient(fhir: TestFhir): Promise<Patient> {
  const created = await newPatient(fhir);
  const moved = await fhir.request('PUT', `Patient/${created.id ?? ''}`, { ...created, gender: 'other' });
  return moved.body as Patient;
}

describe.each([412, 409] as const)('staleIfMatchStatus %d', (status) => {
  const fhir = startTestServer({ switches: { staleIfMatchStatus: status } });

  it('answers it to a PUT with a stale If-Match', async () => {
    const moved = await movedPatient(fhir());
    const stale = await fhir().request(
      'PUT',
      `Patient/${moved.id ?? ''}`,
      { ...moved, gender: 'male' },
      { 'if-match': 'W/"1"' },
    );
    expect([stale.status, issueCode(stale)]).toEqual([status, 'conflict']);
    expect(fhir().server.all<Patient>('Patient')).toEqual([moved]);
  });

  it('answers it to a transaction with a stale If-Match, of which nothing stays', async () => {
    const moved = await movedPatient(fhir());
    const writes = fhir().server.writes;
    const stale = await fhir().transaction([
      { create: patient('2') },
      { update: { ...moved, gender: 'male' }, ifMatch: 'W/"1"' },
    ]);
    expect(stale.status).toBe(status);
    expect(fhir().server.all<Patient>('Patient')).toEqual([moved]);
    expect(fhir().server.writes).toBe(writes);
  });

  it('answers it to a DELETE with a stale If-Match', async () => {
    const moved = await movedPatient(fhir());
    const path = `Patient/${moved.id ?? ''}`;
    expect((await fhir().request('DELETE', path, undefined, { 'if-match': 'W/"1"' })).status).toBe(status);
    expect((await fhir().transaction([{ remove: path, ifMatch: 'W/"1"' }])).status).toBe(status);
    expect((await fhir().request('DELETE', path, undefined, { 'if-match': 'W/"2"' })).status).toBe(204);
  });
});

describe.each(['good', 'hapi', 'worst'] as const)('every server, here %s', (preset) => {
  const fhir = startTestServer({ switches: preset });

  it('answers 412 to a condition that several resources match, and says so', async () => {
    fhir().server.put(patient('1'));
    fhir().server.put(patient('1'));
    const answers = [
      await fhir().request('POST', 'Patient', patient('1'), { 'if-none-exist': MRN_1 }),
      await fhir().request('PUT', `Patient?${MRN_1}`, patient('1')),
      await fhir().transaction([{ create: patient('1'), ifNoneExist: MRN_1 }]),
      await fhir().transaction([{ create: study('1.2', `Patient?${MRN_1}`) }]),
    ];
    expect(answers.map(({ status }) => status)).toEqual([412, 412, 412, 412]);
    for (const answer of answers) {
      expect((answer.body as OperationOutcome).issue[0]?.diagnostics).toMatch(/match/);
      expect(issueCode(answer)).toBe(preset === 'good' ? 'multiple-matches' : 'processing');
    }
  });

  it('refuses an ifNoneExist whose resource does not satisfy it', async () => {
    expect((await fhir().transaction([{ create: patient('2'), ifNoneExist: MRN_1 }])).status).toBe(400);
    expect(fhir().server.counts).toEqual({});
  });

  it('takes a DELETE of nothing, or a second one, as a success', async () => {
    const plain = preset === 'good' ? 204 : 200;
    const { id = '' } = await newPatient(fhir());
    const first = await fhir().request('DELETE', `Patient/${id}`);
    const second = await fhir().request('DELETE', `Patient/${id}`);
    const nothing = await fhir().request('DELETE', 'Patient/never');
    expect([first.status, second.status, nothing.status]).toEqual([plain, plain, plain]);
    const inTransaction = await fhir().transaction([{ remove: `Patient/${id}` }, { remove: 'Patient/never' }]);
    const entries = (inTransaction.body as Bundle).entry ?? [];
    expect(entries.map((entry) => entry.response?.status)).toEqual(['204 No Content', '204 No Content']);
    expect(fhir().server.writes).toBe(2);
  });

  it('refuses references to what is missing or of the wrong type', async () => {
    fhir().server.put({ resourceType: 'Medication', id: 'm' });
    const missing = await fhir().request('POST', 'ImagingStudy', study('1.1', 'Patient/missing'));
    const wrong = await fhir().request('POST', 'ImagingStudy', study('1.2', 'Medication/m'));
    const unresolved = await fhir().transaction([{ create: study('1.3', UUID) }]);
    expect([missing.status, wrong.status, unresolved.status]).toEqual([400, 422, 400]);
    expect(fhir().server.counts).toEqual({ Medication: 1 });
  });

  it('answers 404 for an id that never existed', async () => {
    expect((await fhir().request('GET', 'Patient/never')).status).toBe(404);
  });
});

describe('ifMatchOnAbsent', () => {
  describe.each([
    ['refuse', 412, 412],
    ['createsUnknown', 201, 412],
    ['createsAny', 201, 201],
  ] as const)('%s', (ifMatchOnAbsent, onUnknown, onDeleted) => {
    const fhir = startTestServer({ switches: { ifMatchOnAbsent } });

    it(`answers ${onUnknown} to an id never used and ${onDeleted} to a deleted one`, async () => {
      const unknown = await fhir().request(
        'PUT',
        'Patient/new',
        { ...patient('9'), id: 'new' },
        { 'if-match': 'W/"1"' },
      );
      const gone = await newPatient(fhir());
      await fhir().request('DELETE', `Patient/${gone.id ?? ''}`);
      const deleted = await fhir().request('PUT', `Patient/${gone.id ?? ''}`, gone, { 'if-match': 'W/"1"' });
      expect([unknown.status, deleted.status]).toEqual([onUnknown, onDeleted]);
    });
  });
});

describe('bareEtag', () => {
  const fhir = startTestServer({ switches: { bareEtag: true } });

  it('gives the version alone in a transaction and an ETag in the header', async () => {
    const created = (await fhir().transaction([{ create: patient('1') }])).body as Bundle;
    expect(created.entry?.[0]?.response?.etag).toBe('1');
    const { id = '' } = fhir().server.all<Patient>('Patient')[0] ?? {};
    expect((await fhir().request('GET', `Patient/${id}`)).headers.get('etag')).toBe('W/"1"');
    const stored = fhir().server.read<Patient>('Patient', id) ?? patient('1');
    const update = await fhir().transaction([{ update: { ...stored, gender: 'male' }, ifMatch: 'W/"1"' }]);
    expect((update.body as Bundle).entry?.[0]?.response?.etag).toBe('2');
  });
});

describe('deleteIgnoresIfMatch', () => {
  const fhir = startTestServer({ switches: { deleteIgnoresIfMatch: true } });

  it('deletes whatever If-Match says, plain and in a transaction', async () => {
    const first = await movedPatient(fhir());
    expect(
      (await fhir().request('DELETE', `Patient/${first.id ?? ''}`, undefined, { 'if-match': 'W/"1"' })).status,
    ).toBe(204);
    const second = await movedPatient(fhir());
    expect((await fhir().transaction([{ remove: `Patient/${second.id ?? ''}`, ifMatch: 'W/"1"' }])).status).toBe(200);
    expect(fhir().server.counts).toEqual({});
  });
});

describe('putRevivesDeleted', () => {
  describe('on', () => {
    const fhir = startTestServer({ switches: { putRevivesDeleted: true } });

    it('makes a new version, and the version numbers skip the deletion', async () => {
      const gone = await newPatient(fhir());
      await fhir().request('DELETE', `Patient/${gone.id ?? ''}`);
      const revived = await fhir().request('PUT', `Patient/${gone.id ?? ''}`, gone);
      expect([revived.status, revived.headers.get('etag')]).toEqual([201, 'W/"3"']);
    });
  });

  describe('off', () => {
    const fhir = startTestServer({ switches: { putRevivesDeleted: false } });

    it('refuses with 410', async () => {
      const gone = await newPatient(fhir());
      await fhir().request('DELETE', `Patient/${gone.id ?? ''}`);
      expect((await fhir().request('PUT', `Patient/${gone.id ?? ''}`, gone)).status).toBe(410);
      expect(fhir().server.counts).toEqual({});
    });
  });
});

describe('sourceSuffix', () => {
  const fhir = startTestServer({ switches: { sourceSuffix: true } });

  it('stores meta.source with the id of the request, a new one for each version', async () => {
    const source = 'http://dicom.example/v2';
    const created = (await fhir().request('POST', 'Patient', { ...patient('1'), meta: { source } })).body as Patient;
    expect(created.meta?.source).toMatch(/^http:\/\/dicom\.example\/v2#[0-9a-f]{16}$/);
    const changed = { ...created, gender: 'male' as const };
    const updated = (await fhir().request('PUT', `Patient/${created.id ?? ''}`, changed)).body as Patient;
    expect(updated.meta?.source).toMatch(/^http:\/\/dicom\.example\/v2#[0-9a-f]{16}$/);
    expect(updated.meta?.source).not.toBe(created.meta?.source);
    const without = { ...updated, meta: {}, gender: 'other' as const };
    const replaced = (await fhir().request('PUT', `Patient/${created.id ?? ''}`, without)).body as Patient;
    expect(replaced.meta?.source).toMatch(/^#[0-9a-f]{16}$/);
  });

  it('does not take the suffix for a change', async () => {
    const body = { ...patient('1'), meta: { source: 'http://dicom.example/v2' } };
    const created = (await fhir().request('POST', 'Patient', body)).body as Patient;
    const again = await fhir().request('PUT', `Patient/${created.id ?? ''}`, { ...body, id: created.id });
    expect([again.status, again.headers.get('etag')]).toEqual([200, 'W/"1"']);
  });
});

describe('stickyTags', () => {
  const tagged = (code: string): Patient => ({ ...patient('1'), meta: { tag: [{ system: 'urn:example:tag', code }] } });
  const codes = (resource: Patient): (string | undefined)[] => (resource.meta?.tag ?? []).map((tag) => tag.code).sort();

  describe.each([
    [true, ['a', 'b']],
    [false, ['b']],
  ])('%s', (stickyTags, expected) => {
    const fhir = startTestServer({ switches: { stickyTags } });

    it(`leaves ${expected.join(' and ')} after a PUT with b over a`, async () => {
      const created = (await fhir().request('POST', 'Patient', tagged('a'))).body as Patient;
      await fhir().search('Patient', '_tag=urn:example:tag|a');
      const updated = (await fhir().request('PUT', `Patient/${created.id ?? ''}`, { ...tagged('b'), id: created.id }))
        .body as Patient;
      expect(codes(updated)).toEqual(expected);
      expect((await fhir().search('Patient', '_tag=urn:example:tag|a')).total).toBe(stickyTags ? 1 : 0);
    });
  });
});

describe('noOpSameVersion', () => {
  describe.each([
    [true, 'W/"1"', 1],
    [false, 'W/"2"', 2],
  ] as const)('%s', (noOpSameVersion, etag, writes) => {
    const fhir = startTestServer({ switches: { noOpSameVersion } });

    it(`leaves ${etag} after an update without change`, async () => {
      const created = await newPatient(fhir());
      const again = await fhir().request('PUT', `Patient/${created.id ?? ''}`, created);
      expect([again.status, again.headers.get('etag'), fhir().server.writes]).toEqual([200, etag, writes]);
    });
  });
});

describe('refuseUnknownParameters', () => {
  describe.each([
    [true, 400],
    [false, 200],
  ] as const)('%s', (refuseUnknownParameters, status) => {
    const fhir = startTestServer({ switches: { refuseUnknownParameters } });

    it(`answers ${status}`, async () => {
      await newPatient(fhir());
      const answer = await fhir().request('GET', 'Patient?nonsense=1');
      expect(answer.status).toBe(status);
      if (status === 200) {
        expect((answer.body as Bundle).total).toBe(1);
      }
    });
  });
});

describe('conditionalCreate', () => {
  const create = (fhir: TestFhir, count: number): Promise<Answer[]> =>
    Promise.all(
      Array.from({ length: count }, () =>
        fhir.transaction([{ create: endpoint('1'), ifNoneExist: 'identifier=http://hospital.example/endpoints|1' }]),
      ),
    );

  describe('atomic', () => {
    const fhir = startTestServer();

    it('makes one resource for eight at once, and the others get its location', async () => {
      const answers = await create(fhir(), 8);
      const responses = answers.map(({ body }) => (body as Bundle).entry?.[0]?.response);
      expect(responses.map((response) => response?.status).sort()).toEqual([
        ...Array<string>(7).fill('200 OK'),
        '201 Created',
      ]);
      expect(new Set(responses.map((response) => response?.location)).size).toBe(1);
      expect(fhir().server.counts).toEqual({ Endpoint: 1 });
    });
  });

  describe('racy', () => {
    const fhir = startTestServer({ switches: { conditionalCreate: 'racy', raceWindowMs: 100 } });

    it('makes duplicates of two at once, plain and in a transaction', async () => {
      const answers = await create(fhir(), 2);
      expect(answers.map(({ body }) => (body as Bundle).entry?.[0]?.response?.status)).toEqual([
        '201 Created',
        '201 Created',
      ]);
      expect(fhir().server.counts.Endpoint).toBe(2);
      await Promise.all([1, 2].map(() => fhir().request('POST', 'Patient', patient('1'), { 'if-none-exist': MRN_1 })));
      expect(fhir().server.counts.Patient).toBe(2);
    });

    it('finds what was there before', async () => {
      await create(fhir(), 1);
      const [again] = await create(fhir(), 1);
      expect((again?.body as Bundle).entry?.[0]?.response?.status).toBe('200 OK');
    });
  });

  describe('conflicting', () => {
    const fhir = startTestServer({ switches: { conditionalCreate: 'conflicting', raceWindowMs: 100 } });

    it('lets one of eight at once through and answers 409 to the others', async () => {
      const answers = await create(fhir(), 8);
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409, 409, 409, 409, 409]);
      expect(fhir().server.counts).toEqual({ Endpoint: 1 });
    });
  });
});

describe('conditionalUpdate', () => {
  describe.each([
    ['atomic', 1],
    ['racy', 2],
  ] as const)('%s', (conditionalUpdate, count) => {
    const fhir = startTestServer({ switches: { conditionalUpdate, raceWindowMs: 100 } });

    it(`leaves ${count} of two conditional PUTs at once`, async () => {
      await Promise.all([1, 2].map(() => fhir().request('PUT', `Patient?${MRN_1}`, patient('1'))));
      expect(fhir().server.counts).toEqual({ Patient: count });
    });
  });
});

describe('deleteOfReferenced', () => {
  describe('refuse409', () => {
    const fhir = startTestServer();

    it('refuses until nothing refers to it, in a transaction at its end', async () => {
      fhir().server.put<Patient>({ ...patient('1'), id: 'p' });
      fhir().server.put<ImagingStudy>({ ...study('1.2', 'Patient/p'), id: 's' });
      expect((await fhir().request('DELETE', 'Patient/p')).status).toBe(409);
      expect((await fhir().transaction([{ remove: 'Patient/p' }])).status).toBe(409);
      expect(fhir().server.counts).toEqual({ Patient: 1, ImagingStudy: 1 });
      expect((await fhir().transaction([{ remove: 'Patient/p' }, { remove: 'ImagingStudy/s' }])).status).toBe(200);
      expect(fhir().server.counts).toEqual({});
    });
  });

  describe('allow', () => {
    const fhir = startTestServer({ switches: { deleteOfReferenced: 'allow' } });

    it('leaves a study without its patient', async () => {
      fhir().server.put<Patient>({ ...patient('1'), id: 'p' });
      fhir().server.put<ImagingStudy>({ ...study('1.2', 'Patient/p'), id: 's' });
      expect((await fhir().request('DELETE', 'Patient/p')).status).toBe(204);
      expect(fhir().server.counts).toEqual({ ImagingStudy: 1 });
    });
  });
});

describe('externalReferences', () => {
  describe.each([
    ['allow', 201],
    ['refuse400', 400],
  ] as const)('%s', (externalReferences, status) => {
    const fhir = startTestServer({ switches: { externalReferences } });

    it(`answers ${status} to a reference to another server`, async () => {
      const answer = await fhir().request('POST', 'ImagingStudy', study('1.2', 'https://other.example/fhir/Patient/1'));
      expect(answer.status).toBe(status);
    });

    it('takes its own address as local', async () => {
      fhir().server.put<Patient>({ ...patient('1'), id: 'p' });
      const answer = await fhir().request('POST', 'ImagingStudy', study('1.2', `${fhir().server.url}/Patient/p`));
      expect(answer.status).toBe(201);
    });
  });
});

describe('searchCacheMs', () => {
  const fhir = startTestServer({ switches: { searchCacheMs: 60_000 } });

  it('reuses a result for the same search, unless the client says no-cache', async () => {
    expect((await fhir().search('Patient', MRN_1)).total).toBe(0);
    await newPatient(fhir());
    expect((await fhir().search('Patient', MRN_1)).total).toBe(0);
    expect((await fhir().search('Patient', MRN_1, { 'cache-control': 'no-cache' })).total).toBe(1);
    expect((await fhir().search('Patient', MRN_1)).total).toBe(1);
  });

  it('never uses it for ifNoneExist', async () => {
    await fhir().search('Patient', MRN_1);
    await newPatient(fhir());
    const again = await fhir().request('POST', 'Patient', patient('1'), { 'if-none-exist': MRN_1 });
    expect(again.status).toBe(200);
  });
});

describe('deletedStatus', () => {
  describe.each([410, 404] as const)('%d', (deletedStatus) => {
    const fhir = startTestServer({ switches: { deletedStatus } });

    it('is the answer to the read of a deleted resource', async () => {
      const { id = '' } = await newPatient(fhir());
      await fhir().request('DELETE', `Patient/${id}`);
      expect((await fhir().request('GET', `Patient/${id}`)).status).toBe(deletedStatus);
      expect((await fhir().search('Patient', MRN_1)).total).toBe(0);
    });
  });
});

describe('ids', () => {
  const fhir = startTestServer({ switches: 'hapi' });

  it('are numbers on a HAPI-like server', async () => {
    const ids = [(await newPatient(fhir(), '1')).id, (await newPatient(fhir(), '2')).id];
    expect(ids).toEqual(['1', '2']);
  });
});
