import type { Bundle, ImagingStudy, Observation, Patient } from 'fhir/r4';
import { startTestServer, patient, study } from './support';
import type { TestFhir } from './support';

function ids(bundle: Bundle): (string | undefined)[] {
  return (bundle.entry ?? []).map((entry) => entry.resource?.id).sort();
}

async function found(
  fhir: TestFhir,
  type: string,
  query: Record<string, string> | string,
): Promise<(string | undefined)[]> {
  return ids(await fhir.search(type, typeof query === 'string' ? query : String(new URLSearchParams(query))));
}

describe('a search by identifier', () => {
  const fhir = startTestServer();
  const put = (id: string, value: string, system?: string): Patient =>
    fhir().server.put<Patient>({
      resourceType: 'Patient',
      id,
      identifier: [{ ...(system === undefined ? {} : { system }), value }],
    });

  it('tells a system, no system and any system apart', async () => {
    put('a', '1', 'http://a.example');
    put('b', '1', 'http://b.example');
    put('none', '1');
    expect(await found(fhir(), 'Patient', { identifier: 'http://a.example|1' })).toEqual(['a']);
    expect(await found(fhir(), 'Patient', { identifier: '|1' })).toEqual(['none']);
    expect(await found(fhir(), 'Patient', { identifier: '1' })).toEqual(['a', 'b', 'none']);
    expect(await found(fhir(), 'Patient', { identifier: 'http://b.example|' })).toEqual(['b']);
    expect(await found(fhir(), 'Patient', { identifier: 'http://a.example|1,|1' })).toEqual(['a', 'none']);
    expect(await found(fhir(), 'Patient', { identifier: 'http://c.example|1' })).toEqual([]);
  });

  it('needs every one of several identifier parameters', async () => {
    const identifier = ['x', 'y'].map((value) => ({ system: 'http://a.example', value }));
    fhir().server.put<Patient>({ resourceType: 'Patient', id: 'both', identifier });
    put('one', 'x', 'http://a.example');
    const query = 'identifier=http://a.example%7Cx&identifier=http://a.example%7Cy';
    expect(await found(fhir(), 'Patient', query)).toEqual(['both']);
    expect(await found(fhir(), 'Patient', 'identifier=http://a.example%7Cx')).toEqual(['both', 'one']);
  });

  it.each([
    ['a bar', 'A|B', 'A\\|B'],
    ['a comma', 'A,B', 'A\\,B'],
    ['a dollar', 'A$B', 'A\\$B'],
    ['a backslash', 'A\\B', 'A\\\\B'],
    ['a backslash before a comma', 'A\\,B', 'A\\\\\\,B'],
    ['a percent sign, an ampersand and a plus', '5% & 3+2', '5% & 3+2'],
    ['letters of other scripts', '山田^太郎', '山田^太郎'],
  ])('finds a value with %s, in a search and in ifNoneExist', async (_, value, escaped) => {
    put('it', value, 'http://a.example');
    put('other', 'A', 'http://a.example');
    put('another', 'B', 'http://a.example');
    const query = String(new URLSearchParams({ identifier: `http://a.example|${escaped}` }));
    expect(await found(fhir(), 'Patient', query)).toEqual(['it']);
    const again = await fhir().transaction([{ create: patient(value, 'http://a.example'), ifNoneExist: query }]);
    expect((again.body as Bundle).entry?.[0]?.response).toMatchObject({
      status: '200 OK',
      location: 'Patient/it/_history/1',
    });
  });

  it('refuses a bar or a backslash that nothing escapes', async () => {
    for (const identifier of ['a|b|c', 'a|b\\', 'a\\b']) {
      expect((await fhir().request('GET', `Patient?${String(new URLSearchParams({ identifier }))}`)).status).toBe(400);
    }
  });

  it('follows updates and deletions', async () => {
    put('a', '1', 'http://a.example');
    await found(fhir(), 'Patient', 'identifier=1');
    await fhir().request('PUT', 'Patient/a', { ...patient('2', 'http://a.example'), id: 'a' });
    expect(await found(fhir(), 'Patient', 'identifier=1')).toEqual([]);
    expect(await found(fhir(), 'Patient', 'identifier=2')).toEqual(['a']);
    await fhir().request('DELETE', 'Patient/a');
    expect(await found(fhir(), 'Patient', 'identifier=2')).toEqual([]);
  });
});

describe('a search by other parameters', () => {
  const fhir = startTestServer();

  it('finds studies by subject, patient and tag', async () => {
    const tag = [{ system: 'urn:example:source', code: 'http://dicom.example/v2' }];
    fhir().server.put<Patient>({ ...patient('1'), id: 'p' });
    fhir().server.put<ImagingStudy>({ ...study('1.1', 'Patient/p'), id: 'one', meta: { tag } });
    fhir().server.put<ImagingStudy>({ ...study('1.2', 'Patient/q'), id: 'two' });
    fhir().server.put<ImagingStudy>({ ...study('1.3', 'Device/p'), id: 'three' });
    expect(await found(fhir(), 'ImagingStudy', 'subject=Patient/p')).toEqual(['one']);
    expect(await found(fhir(), 'ImagingStudy', `subject=${fhir().server.url}/Patient/p`)).toEqual(['one']);
    expect(await found(fhir(), 'ImagingStudy', 'subject=p')).toEqual(['one', 'three']);
    expect(await found(fhir(), 'ImagingStudy', 'subject:Patient=p')).toEqual(['one']);
    expect(await found(fhir(), 'ImagingStudy', 'patient=p')).toEqual(['one']);
    expect(await found(fhir(), 'ImagingStudy', { _tag: 'urn:example:source|http://dicom.example/v2' })).toEqual([
      'one',
    ]);
    expect(await found(fhir(), 'ImagingStudy', { _tag: 'urn:example:source|http://other.example' })).toEqual([]);
  });

  it('finds observations by the study they are part of, and by several parameters together', async () => {
    const base: Observation = {
      resourceType: 'Observation',
      status: 'final',
      code: { coding: [{ system: 'http://loinc.org', code: '73569-6' }] },
    };
    fhir().server.put<Observation>({
      ...base,
      id: 'mine',
      partOf: [{ reference: 'ImagingStudy/s' }],
      identifier: [{ value: '1' }],
    });
    fhir().server.put<Observation>({
      ...base,
      id: 'its',
      partOf: [{ reference: 'ImagingStudy/t' }],
      identifier: [{ value: '1' }],
    });
    expect(await found(fhir(), 'Observation', 'part-of=ImagingStudy/s')).toEqual(['mine']);
    expect(await found(fhir(), 'Observation', 'identifier=1&part-of=ImagingStudy/t')).toEqual(['its']);
    expect(await found(fhir(), 'Observation', 'code=http://loinc.org%7C73569-6')).toEqual(['its', 'mine']);
    expect((await fhir().request('GET', 'Observation?partof=ImagingStudy/s')).status).toBe(400);
  });

  it('finds organizations by partof, as R4 calls it there', async () => {
    fhir().server.put({ resourceType: 'Organization', id: 'child', partOf: { reference: 'Organization/parent' } });
    expect(await found(fhir(), 'Organization', 'partof=Organization/parent')).toEqual(['child']);
  });

  it('finds endpoints by connection type, name and status', async () => {
    const connectionType = {
      system: 'http://terminology.hl7.org/CodeSystem/endpoint-connection-type',
      code: 'dicom-wado-rs',
    };
    fhir().server.put({
      resourceType: 'Endpoint',
      id: 'e',
      status: 'active',
      name: 'Main archive',
      connectionType,
      payloadType: [{ text: 'x' }],
      address: 'http://x.example',
    });
    expect(await found(fhir(), 'Endpoint', 'connection-type=dicom-wado-rs')).toEqual(['e']);
    expect(
      await found(fhir(), 'Endpoint', {
        'connection-type': `${connectionType.system}|dicom-wado-rs`,
        name: 'main',
        status: 'active',
      }),
    ).toEqual(['e']);
    expect(await found(fhir(), 'Endpoint', 'connection-type=dicom-qido-rs')).toEqual([]);
  });

  it('finds names by their beginning, whatever case and accents', async () => {
    fhir().server.put<Patient>({ resourceType: 'Patient', id: 'm', name: [{ family: 'Müller', given: ['Änne'] }] });
    expect(await found(fhir(), 'Patient', { name: 'mull' })).toEqual(['m']);
    expect(await found(fhir(), 'Patient', { name: 'anne' })).toEqual(['m']);
    expect(await found(fhir(), 'Patient', { family: 'ller' })).toEqual([]);
    expect(await found(fhir(), 'Patient', { 'family:contains': 'ller' })).toEqual(['m']);
    expect(await found(fhir(), 'Patient', { 'family:exact': 'Müller' })).toEqual(['m']);
  });

  it('finds dates by comparison', async () => {
    fhir().server.put<ImagingStudy>({ ...study('1.1', 'Patient/p'), id: 's' });
    expect(await found(fhir(), 'ImagingStudy', 'started=ge2024-01-01')).toEqual(['s']);
    expect(await found(fhir(), 'ImagingStudy', 'started=lt2024-01-01')).toEqual([]);
  });

  it('takes a search in the body of a POST', async () => {
    fhir().server.put<Patient>({ ...patient('1'), id: 'p' });
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const answer = await fhir().raw('POST', 'Patient/_search', 'identifier=http%3A%2F%2Fhospital.example%7C1', form);
    expect(ids(answer.body as Bundle)).toEqual(['p']);
  });

  it('marks a shortened resource as such', async () => {
    fhir().server.put<Patient>({ ...patient('1'), id: 'p', gender: 'male' });
    const resource = (await fhir().search('Patient', '_elements=identifier')).entry?.[0]?.resource as Patient;
    expect(resource.gender).toBeUndefined();
    expect(resource.identifier).toHaveLength(1);
    expect(resource.meta?.tag?.[0]?.code).toBe('SUBSETTED');
  });
});

describe('paging', () => {
  const fhir = startTestServer({ pageSize: 3 });

  async function pages(first: string): Promise<Bundle[]> {
    const all: Bundle[] = [];
    let address: string | undefined = first;
    while (address !== undefined) {
      const page: Bundle = (await fhir().request('GET', address)).body as Bundle;
      all.push(page);
      address = page.link?.find((link) => link.relation === 'next')?.url;
    }
    return all;
  }

  beforeEach(() => {
    for (let at = 1; at <= 7; at++) {
      fhir().server.put<Patient>({ ...patient('same'), id: `p${at}` });
    }
  });

  it('gives every match once over its next links, with full URLs and the same total', async () => {
    const all = await pages('Patient?identifier=same');
    expect(all.map((page) => page.entry?.length)).toEqual([3, 3, 1]);
    expect(all.map((page) => page.total)).toEqual([7, 7, 7]);
    expect(new Set(all.flatMap((page) => ids(page))).size).toBe(7);
    expect(all[0]?.entry?.[0]?.fullUrl).toBe(`${fhir().server.url}/Patient/p1`);
    expect(all.flatMap((page) => page.entry ?? []).every((entry) => entry.search?.mode === 'match')).toBe(true);
  });

  it('keeps to _count', async () => {
    expect((await pages('Patient?_count=2')).map((page) => page.entry?.length)).toEqual([2, 2, 2, 1]);
    expect((await pages('Patient?_count=7')).map((page) => page.entry?.length)).toEqual([7]);
    expect(await fhir().search('Patient', '_summary=count')).toMatchObject({ total: 7 });
  });

  it('keeps a search stable while resources come and go', async () => {
    const first = await fhir().search('Patient', 'identifier=same');
    await fhir().request('DELETE', 'Patient/p1');
    await fhir().request('DELETE', 'Patient/p5');
    await fhir().request('POST', 'Patient', patient('same'));
    const next = first.link?.find((link) => link.relation === 'next')?.url ?? '';
    expect(ids((await fhir().request('GET', next)).body as Bundle)).toEqual(['p4', 'p6']);
  });

  it('says that a search it does not know is gone', async () => {
    expect((await fhir().request('GET', `${fhir().server.url}?_getpages=unknown&_getpagesoffset=3`)).status).toBe(410);
  });
});
