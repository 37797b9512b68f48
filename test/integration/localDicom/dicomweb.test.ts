import type { DicomJson } from '../../../local/dicom/dicomJson';
import { useDicomService } from '../../support/dicomService';
import { ctInstance, element, testUid } from '../../support/instances';
import { part10Of } from '../../support/part10';

const dicom = useDicomService();
const STUDY = testUid(1);
const SERIES = `${STUDY}.1`;
const INSTANCE = `${SERIES}.1`;
const CT = '1.2.840.10008.5.1.4.1.1.2';

async function send(
  method: string,
  path: string,
  body?: string | Uint8Array<ArrayBuffer>,
  contentType?: string,
): Promise<Response> {
  const headers = contentType === undefined ? {} : { 'content-type': contentType };
  return fetch(dicom.service.url + path, { method, headers, ...(body === undefined ? {} : { body }) });
}

async function get(path: string): Promise<Response> {
  return send('GET', path);
}

async function json(path: string): Promise<unknown> {
  const response = await get(path);
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/dicom+json']);
  return response.json();
}

function multipart(...parts: readonly Buffer[]): Uint8Array<ArrayBuffer> {
  const head = Buffer.from('--cut here\r\nContent-Type: application/dicom\r\n\r\n');
  return Buffer.concat([
    ...parts.flatMap((part) => [head, part, Buffer.from('\r\n')]),
    Buffer.from('--cut here--\r\n'),
  ]);
}

const MULTIPART = 'multipart/related; type="application/dicom"; boundary="cut here"';
const DICOM_JSON = 'application/dicom+json';

describe('store (STOW-RS)', () => {
  test('DICOM files in a multipart body are stored and named in the answer', async () => {
    const files = [ctInstance(), ctInstance({ instance: `${SERIES}.2` })].map((dataset) => part10Of(dataset));
    const response = await send('POST', '/v2/studies', multipart(...files), MULTIPART);
    expect([response.status, response.headers.get('content-type')]).toEqual([200, DICOM_JSON]);
    const referenced = (instance: string): DicomJson => ({
      '00081150': element('UI', CT),
      '00081155': element('UI', instance),
      '00081190': element('UR', `${dicom.service.url}/v2/studies/${STUDY}/series/${SERIES}/instances/${instance}`),
    });
    expect(await response.json()).toEqual({
      '00081199': element('SQ', referenced(INSTANCE), referenced(`${SERIES}.2`)),
    });
    expect(dicom.service.liveInstances('Microsoft.Default', STUDY)).toHaveLength(2);
  });

  test('the address of the study is in the answer when the request named the study', async () => {
    const response = await send('POST', `/v1/studies/${STUDY}`, JSON.stringify([ctInstance()]), DICOM_JSON);
    expect(await response.json()).toMatchObject({
      '00081190': element('UR', `${dicom.service.url}/v1/studies/${STUDY}`),
    });
  });

  test.each([
    ['one DICOM file', part10Of(ctInstance()), 'application/dicom'],
    ['DICOM JSON of one instance', JSON.stringify(ctInstance()), DICOM_JSON],
    ['DICOM JSON of several', JSON.stringify([ctInstance()]), DICOM_JSON],
    [
      'DICOM JSON in a multipart body',
      `--b\r\nContent-Type: application/dicom+json\r\n\r\n${JSON.stringify([ctInstance()])}\r\n--b--`,
      'multipart/related; type="application/dicom+json"; boundary=b',
    ],
    [
      'parts without a type of their own',
      `--b\r\n\r\n${JSON.stringify(ctInstance())}\r\n--b--`,
      'multipart/related; type="application/dicom+json"; boundary=b',
    ],
  ])('%s can be sent', async (_name, body, contentType) => {
    expect(
      (await send('POST', '/v2/studies', typeof body === 'string' ? body : new Uint8Array(body), contentType)).status,
    ).toBe(200);
    expect(dicom.service.liveInstances('Microsoft.Default', STUDY)).toEqual([ctInstance()]);
  });

  test('202: some were stored, the others are named with the reason', async () => {
    dicom.service.store(ctInstance());
    const datasets = [
      ctInstance(),
      ctInstance({ instance: `${SERIES}.2`, '0020000E': undefined }),
      ctInstance({ study: testUid(2) }),
      ctInstance({ instance: `${SERIES}.3` }),
    ];
    const response = await send('POST', `/v2/studies/${STUDY}`, JSON.stringify(datasets), DICOM_JSON);
    expect(response.status).toBe(202);
    const failed = (instance: string, reason: number): DicomJson => ({
      '00081150': element('UI', CT),
      '00081155': element('UI', instance),
      '00081197': element('US', reason),
    });
    expect(await response.json()).toMatchObject({
      '00081198': element(
        'SQ',
        failed(INSTANCE, 45070),
        failed(`${SERIES}.2`, 43264),
        failed(`${testUid(2)}.1.1`, 43265),
      ),
      '00081199': { Value: [{ '00081155': element('UI', `${SERIES}.3`) }] },
    });
  });

  test('409: nothing was stored; unreadable bytes are a processing failure without UIDs', async () => {
    const response = await send('POST', '/v2/studies', multipart(Buffer.from('no DICOM')), MULTIPART);
    expect(response.status).toBe(409);
    expect(await response.json()).toEqual({ '00081198': element('SQ', { '00081197': element('US', 272) }) });
  });

  test('an instance that is already stored stays as it is', async () => {
    dicom.service.store(ctInstance());
    const other = ctInstance({ patientId: 'OTHER' });
    expect((await send('POST', '/v2/studies', JSON.stringify(other), DICOM_JSON)).status).toBe(409);
    expect(await json(`/v2/studies/${STUDY}/metadata`)).toEqual([ctInstance()]);
    expect(dicom.service.latestSequence).toBe(1);
  });

  test.each([
    ['nothing was sent', '', DICOM_JSON, 204],
    ['no part was sent', '--b--', 'multipart/related; boundary=b', 204],
    ['the body is no JSON', '{', DICOM_JSON, 400],
    ['the body has no end', '--b\r\n\r\nabc', 'multipart/related; boundary=b', 400],
    ['the boundary is missing', '--b--', 'multipart/related', 400],
    ['the media type is another one', 'x', 'image/jpeg', 415],
    [
      'a part has another media type',
      '--b\r\nContent-Type: text/plain\r\n\r\nabc\r\n--b--',
      'multipart/related; boundary=b',
      415,
    ],
  ])('%s', async (_name, body, contentType, status) => {
    expect((await send('POST', '/v2/studies', body, contentType)).status).toBe(status);
  });
});

describe('metadata (WADO-RS)', () => {
  beforeEach(() => {
    dicom.service.store([
      ctInstance(),
      ctInstance({ instance: `${SERIES}.2` }),
      ctInstance({ series: `${STUDY}.2` }),
      ctInstance({ study: testUid(2) }),
    ]);
  });

  test('of a study, a series and an instance', async () => {
    expect(await json(`/v2/studies/${STUDY}/metadata`)).toHaveLength(3);
    expect(await json(`/v2/studies/${STUDY}/series/${SERIES}/metadata`)).toHaveLength(2);
    expect(await json(`/v1/studies/${STUDY}/series/${SERIES}/instances/${INSTANCE}/metadata`)).toEqual([ctInstance()]);
  });

  test.each([
    `/v2/studies/${testUid(9)}/metadata`,
    `/v2/studies/${STUDY}/series/${testUid(9)}/metadata`,
    `/v2/studies/${STUDY}/series/${SERIES}/instances/${testUid(9)}/metadata`,
    `/v2/studies/${testUid(2)}/series/${SERIES}/metadata`,
  ])('404 where there is nothing: %s', async (path) => {
    expect((await get(path)).status).toBe(404);
  });

  test('400 for what is no UID', async () => {
    expect((await get('/v2/studies/not%20a%20uid/metadata')).status).toBe(400);
    expect((await get(`/v2/studies/${'1'.repeat(65)}/metadata`)).status).toBe(400);
  });

  test('304 as long as nothing has changed', async () => {
    const path = `${dicom.service.url}/v2/studies/${STUDY}/metadata`;
    const etag = (await fetch(path)).headers.get('etag') ?? '';
    expect((await fetch(path, { headers: { 'if-none-match': etag } })).status).toBe(304);
    dicom.service.update(STUDY, { '00081030': element('LO', 'Other') });
    expect((await fetch(path, { headers: { 'if-none-match': etag } })).status).toBe(200);
  });
});

describe('delete', () => {
  beforeEach(() => {
    dicom.service.store([ctInstance(), ctInstance({ instance: `${SERIES}.2` }), ctInstance({ series: `${STUDY}.2` })]);
  });

  test.each([
    [`/v2/studies/${STUDY}/series/${SERIES}/instances/${INSTANCE}`, 2],
    [`/v2/studies/${STUDY}/series/${SERIES}`, 1],
    [`/v1/studies/${STUDY}`, 0],
  ])('204 and gone, then 404: %s', async (path, left) => {
    expect((await send('DELETE', path)).status).toBe(204);
    expect(dicom.service.liveInstances('Microsoft.Default', STUDY)).toHaveLength(left);
    expect((await send('DELETE', path)).status).toBe(404);
  });

  test('a study without instances is gone', async () => {
    await send('DELETE', `/v2/studies/${STUDY}`);
    expect((await get(`/v2/studies/${STUDY}/metadata`)).status).toBe(404);
    expect((await get('/v2/studies')).status).toBe(204);
    expect(dicom.service.studies()).toEqual([]);
  });
});

describe('search (QIDO-RS)', () => {
  beforeEach(() => {
    dicom.service.store([
      ctInstance({ patientId: 'P1' }),
      ctInstance({ patientId: 'P1', series: `${STUDY}.2`, seriesNumber: 2, '00080060': element('CS', 'SR') }),
      ctInstance({ patientId: 'P1', series: `${STUDY}.2`, instance: `${STUDY}.2.2` }),
      ctInstance({ study: testUid(2), patientId: 'P2', '00080020': element('DA', '20230201') }),
    ]);
  });

  async function uids(path: string, tag = '0020000D'): Promise<unknown> {
    return ((await json(path)) as DicomJson[]).map((dataset) => dataset[tag]?.Value?.[0]);
  }

  test('studies come newest first with the attributes of their level', async () => {
    expect(await uids('/v2/studies')).toEqual([testUid(2), STUDY]);
    const [study] = (await json('/v2/studies?limit=1')) as DicomJson[];
    expect(Object.keys(study ?? {})).toEqual([
      '00080020',
      '00080050',
      '00080090',
      '00081030',
      '00100010',
      '00100020',
      '00100030',
      '0020000D',
    ]);
  });

  test.each([
    [`StudyInstanceUID=${STUDY}`, [STUDY]],
    [`0020000d=${STUDY}`, [STUDY]],
    [`StudyInstanceUID=${STUDY},${testUid(2)},${testUid(3)}`, [testUid(2), STUDY]],
    ['PatientID=p2', [testUid(2)]],
    ['PatientName=Doe^Jane&PatientID=P1', [STUDY]],
    ['StudyDate=20230101-20231231', [testUid(2)]],
    ['StudyDate=20230202-', [STUDY]],
    ['StudyDate=-20230201', [testUid(2)]],
    ['ModalitiesInStudy=SR', [STUDY]],
  ])('studies with %s', async (query, expected) => {
    expect(await uids(`/v2/studies?${query}`)).toEqual(expected);
  });

  test('limit and offset page through; 204 behind the end', async () => {
    expect(await uids('/v2/studies?limit=1&offset=1')).toEqual([STUDY]);
    expect((await get('/v2/studies?offset=2')).status).toBe(204);
    expect((await get('/v2/studies?PatientID=nobody')).status).toBe(204);
  });

  test('more attributes are included by keyword, by tag, or all of the level', async () => {
    const [named] = (await json(
      `/v2/studies?PatientID=P1&includefield=NumberOfStudyRelatedInstances,00100040&includefield=ModalitiesInStudy`,
    )) as DicomJson[];
    expect(named).toMatchObject({
      '00201208': element('IS', 3),
      '00100040': element('CS', 'F'),
      '00080061': element('CS', 'CT', 'SR'),
    });
    const [all] = (await json('/v2/studies?includefield=all&limit=1')) as DicomJson[];
    expect(all).toHaveProperty('00200010');
    expect(all).not.toHaveProperty('00200011');
  });

  test('series and instances, everywhere or below a study or series', async () => {
    expect(await uids('/v2/series', '0020000E')).toEqual([`${testUid(2)}.1`, `${STUDY}.2`, `${STUDY}.1`]);
    expect(await uids(`/v2/studies/${STUDY}/series?Modality=SR`, '0020000E')).toEqual([`${STUDY}.2`]);
    expect(await uids('/v2/instances', '00080018')).toHaveLength(4);
    expect(await uids(`/v2/studies/${STUDY}/instances`, '00080018')).toHaveLength(3);
    expect(await uids(`/v2/studies/${STUDY}/series/${STUDY}.2/instances`, '00080018')).toEqual([
      `${STUDY}.2.2`,
      `${STUDY}.2.1`,
    ]);
    const [series] = (await json(
      '/v2/series?includefield=NumberOfSeriesRelatedInstances&SeriesInstanceUID=' + `${STUDY}.2`,
    )) as DicomJson[];
    expect(series).toMatchObject({ '00100020': element('LO', 'P1'), '00201209': element('IS', 2) });
  });

  test.each(['limit=0', 'limit=201', 'offset=-1', 'Unknown=1', 'PatientID='])('%s is a 400', async (query) => {
    expect((await get(`/v2/studies?${query}`)).status).toBe(400);
  });
});

describe('bulk update', () => {
  const change = { '00100010': element('PN', { Alphabetic: 'New^Name' }), '00100030': element('DA', '19800301') };

  async function bulkUpdate(body: unknown, path = '/v2/studies/$bulkUpdate'): Promise<Response> {
    return send('POST', path, JSON.stringify(body), 'application/json');
  }

  test('202 with an operation that has completed; all instances carry the changes', async () => {
    dicom.service.store([ctInstance(), ctInstance({ instance: `${SERIES}.2` })]);
    const response = await bulkUpdate({ studyInstanceUids: [STUDY], changeDataset: change });
    expect(response.status).toBe(202);
    const { id, href } = (await response.json()) as { readonly id: string; readonly href: string };
    expect(href).toBe(`${dicom.service.url}/v2/operations/${id}`);
    expect(await (await fetch(href)).json()).toMatchObject({
      ...{ operationId: id, type: 'update', status: 'completed', percentComplete: 100 },
      results: { studyUpdated: 1, instanceUpdated: 2 },
    });
    const live = dicom.service.liveInstances('Microsoft.Default', STUDY);
    expect(live).toEqual([
      { ...ctInstance(), ...change },
      { ...ctInstance({ instance: `${SERIES}.2` }), ...change },
    ]);
    expect(dicom.service.latestSequence).toBe(4);
  });

  test('stays within its partition', async () => {
    dicom.service.store(ctInstance());
    dicom.service.store(ctInstance(), 'Clinic-A');
    const body = { studyInstanceUids: [STUDY], changeDataset: change };
    expect((await bulkUpdate(body, '/v2/partitions/Clinic-A/studies/$bulkUpdate')).status).toBe(202);
    expect(dicom.service.liveInstances('Microsoft.Default', STUDY)).toEqual([ctInstance()]);
    expect(dicom.service.liveInstances('Clinic-A', STUDY)).toEqual([{ ...ctInstance(), ...change }]);
  });

  test('a study that is not there makes the operation fail and leaves no row', async () => {
    const { href } = (await (await bulkUpdate({ studyInstanceUids: [STUDY], changeDataset: change })).json()) as {
      readonly href: string;
    };
    expect(await (await fetch(href)).json()).toMatchObject({
      status: 'failed',
      results: {
        studyUpdated: 0,
        studyFailed: 1,
        instanceUpdated: 0,
        errors: [`Failed to update instances for study ${STUDY}`],
      },
    });
    expect(dicom.service.latestSequence).toBe(0);
  });

  test.each([
    ['no studies', { studyInstanceUids: [], changeDataset: change }],
    [
      '51 studies',
      { studyInstanceUids: Array.from({ length: 51 }, (_value, index) => testUid(index)), changeDataset: change },
    ],
    ['what is no UID', { studyInstanceUids: ['a b'], changeDataset: change }],
    ['no changes', { studyInstanceUids: [STUDY], changeDataset: {} }],
    ['no change dataset', { studyInstanceUids: [STUDY] }],
    ['an attribute of the series', { studyInstanceUids: [STUDY], changeDataset: { '00080060': element('CS', 'MR') } }],
  ])('%s is a 400', async (_name, body) => {
    expect((await bulkUpdate(body)).status).toBe(400);
  });

  test('there is none in version 1, and no operation of another id', async () => {
    expect((await bulkUpdate({}, '/v1/studies/$bulkUpdate')).status).toBe(404);
    expect((await get('/v2/operations/1323c079a1b64efcb8943ef7707b5438')).status).toBe(404);
  });
});

describe('partitions', () => {
  test('appear with their first instance and hold their own studies', async () => {
    await send('POST', '/v2/partitions/Clinic-A/studies', JSON.stringify(ctInstance({ patientId: 'A' })), DICOM_JSON);
    dicom.service.store(ctInstance({ patientId: 'Default' }));
    expect(await (await get('/v2/partitions')).json()).toMatchObject([
      { partitionKey: 1, partitionName: 'Microsoft.Default' },
      { partitionKey: 2, partitionName: 'Clinic-A' },
    ]);
    const patient = async (path: string): Promise<unknown> =>
      ((await json(path)) as DicomJson[])[0]?.['00100020']?.Value;
    expect(await patient(`/v2/partitions/Clinic-A/studies/${STUDY}/metadata`)).toEqual(['A']);
    expect(await patient(`/v1/partitions/Microsoft.Default/studies/${STUDY}/metadata`)).toEqual(['Default']);
    expect(await patient(`/v2/studies/${STUDY}/metadata`)).toEqual(['Default']);
    expect(dicom.service.studies()).toEqual([
      { partition: 'Microsoft.Default', uid: STUDY },
      { partition: 'Clinic-A', uid: STUDY },
    ]);
    expect((await send('DELETE', `/v2/partitions/Clinic-A/studies/${STUDY}`)).status).toBe(204);
    expect((await get(`/v2/partitions/Clinic-A/studies`)).status).toBe(204);
    expect((await get(`/v2/studies`)).status).toBe(200);
  });

  test('the address of a stored instance names its partition', async () => {
    const response = await send(
      'POST',
      `/v2/partitions/Clinic-A/studies/${STUDY}`,
      JSON.stringify(ctInstance()),
      DICOM_JSON,
    );
    expect(await response.json()).toMatchObject({
      '00081190': element('UR', `${dicom.service.url}/v2/partitions/Clinic-A/studies/${STUDY}`),
    });
  });

  test('one that does not exist is a 404, a name that is not allowed a 400', async () => {
    expect((await get(`/v2/partitions/Nowhere/studies/${STUDY}/metadata`)).status).toBe(404);
    expect((await get(`/v2/partitions/a%20b/studies/${STUDY}/metadata`)).status).toBe(400);
  });
});
