import { DicomPortInUse, type Fault, InstanceNotStored, startDicomService } from '../../../local/dicom/dicomService';
import { useDicomService } from '../../support/dicomService';
import { ctInstance, testUid } from '../../support/instances';

const dicom = useDicomService();
const STUDY = testUid(1);

async function get(path: string): Promise<Response> {
  return fetch(dicom.service.url + path);
}

async function deleteStudy(): Promise<Response> {
  return fetch(`${dicom.service.url}/v2/studies/${STUDY}`, { method: 'DELETE' });
}

test('requests are counted by what they ask for', async () => {
  await get('/v1/changefeed');
  await get('/v1/changefeed/latest');
  await get('/v1/changefeed/latest');
  await get(`/v2/studies/${STUDY}/metadata`);
  await get('/favicon.ico');
  expect(dicom.service.requests).toMatchObject({
    changeFeed: 1,
    changeFeedLatest: 2,
    studyMetadata: 1,
    unknown: 1,
    store: 0,
  });
  dicom.service.resetRequests();
  expect(Object.values(dicom.service.requests).every((count) => count === 0)).toBe(true);
});

test('a lost reply: the delete has happened, the client sees only a broken connection', async () => {
  dicom.service.store(ctInstance());
  dicom.service.faults.intercept = () => ({ destroy: 'after' });
  await expect(deleteStudy()).rejects.toThrow();
  expect(dicom.service.studies()).toEqual([]);
});

test('a lost request: the connection breaks before anything happened', async () => {
  dicom.service.store(ctInstance());
  dicom.service.faults.intercept = () => ({ destroy: 'before' });
  await expect(deleteStudy()).rejects.toThrow();
  expect(dicom.service.studies()).toHaveLength(1);
});

test('a scripted status changes nothing', async () => {
  dicom.service.store(ctInstance());
  dicom.service.faults.intercept = ({ kind, studyUid }) =>
    kind === 'deleteStudy' && studyUid === STUDY ? { status: 503 } : undefined;
  expect((await deleteStudy()).status).toBe(503);
  expect(dicom.service.studies()).toHaveLength(1);
});

test('a request can be held until something else has happened', async () => {
  let release = (): void => undefined;
  const held = new Promise<undefined>((resolve) => {
    release = () => resolve(undefined);
  });
  const arrived = new Promise<void>((resolve) => {
    dicom.service.faults.intercept = () => {
      resolve();
      return held;
    };
  });
  const answer = get(`/v2/studies/${STUDY}/metadata`);
  await arrived;
  dicom.service.store(ctInstance());
  release();
  expect(await (await answer).json()).toHaveLength(1);
});

test.each([
  ['delayed', async (): Promise<Fault> => Promise.resolve({ delayMs: 30 })],
  ['held', async (): Promise<undefined> => new Promise((resolve) => setTimeout(() => resolve(undefined), 30))],
])('a request that is %s takes no effect once the service has stopped', async (_name, intercept) => {
  dicom.service.store(ctInstance());
  dicom.service.faults.intercept = intercept;
  const failed = expect(deleteStudy()).rejects.toThrow();
  while (dicom.service.requests.deleteStudy === 0) await new Promise(setImmediate);
  await dicom.service.stop();
  await failed;
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(dicom.service.studies()).toHaveLength(1);
});

test('an answer takes at least the latency that was asked for', async () => {
  const service = await startDicomService({ latencyMs: 40 });
  try {
    const before = performance.now();
    await fetch(`${service.url}/v1/changefeed`);
    expect(performance.now() - before).toBeGreaterThanOrEqual(39);
  } finally {
    await service.stop();
  }
});

test('an interceptor that throws breaks one connection, not the service', async () => {
  dicom.service.faults.intercept = () => {
    throw new Error('mistake in a test');
  };
  await expect(get('/v1/changefeed')).rejects.toThrow();
  dicom.service.faults.intercept = undefined;
  expect((await get('/v1/changefeed')).status).toBe(200);
});

test('storing in the process refuses loudly what the service refuses', () => {
  dicom.service.store(ctInstance());
  expect(() => dicom.service.store(ctInstance())).toThrow(InstanceNotStored);
  expect(() => dicom.service.store(ctInstance({ '00080018': undefined }))).toThrow('SOPInstanceUID');
  expect(dicom.service.offer([ctInstance(), ctInstance({ study: testUid(2) })]).map(({ kind }) => kind)).toEqual([
    'rejected',
    'stored',
  ]);
});

test('a port that is taken is named', async () => {
  const port = Number(new URL(dicom.service.url).port);
  await expect(startDicomService({ port })).rejects.toThrow(new DicomPortInUse(port));
});

test('stopping twice is no error, and everybody that is told sees each request', async () => {
  const seen: string[] = [];
  const service = await startDicomService({
    onRequest: ({ kind, method, path }) => seen.push(`${kind} ${method} ${path}`),
  });
  await fetch(`${service.url}/v2/partitions`);
  await service.stop();
  await service.stop();
  expect(seen).toEqual(['partitions GET /v2/partitions']);
});
