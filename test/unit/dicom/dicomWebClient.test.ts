import { createDicomWebClient, type PartitionedDicomWebClient } from '../../../src/dicom/dicomWebClient';
import { createHttpClient, type HttpClient } from '../../../src/http/httpClient';
import { failureOf } from '../../support/fhirClient';
import { metadataOf } from '../../support/metadata';
import { useScriptedServer } from '../../support/scriptedServer';
import { runsOf } from '../../support/thorough';

const never = new AbortController().signal;
const study = { partition: 'Microsoft.Default', uid: '1.2.3' };
const instance = (uid: string): object => ({ '00080018': { vr: 'UI', Value: [uid] } });

const MANY = runsOf(50_000, 10_000);

describe('the DICOMweb client', () => {
  const scripted = useScriptedServer();
  let http: HttpClient;
  let client: PartitionedDicomWebClient;
  beforeEach(() => {
    const streaming = createHttpClient({ origin: scripted.server.url, timeoutMs: 2000, maxConnections: 2 });
    http = streaming;
    client = createDicomWebClient({ http: streaming, baseUrl: `${scripted.server.url}/workspace/`, version: 'v2' });
  });
  afterEach(async () => {
    await scripted.server.stop();
    await http.close();
  });
  const urls = (): readonly string[] => scripted.server.requests.map(({ url }) => url);

  it('reads the metadata of all instances of a study', async () => {
    scripted.server.replies({
      headers: { 'content-type': 'application/dicom+json' },
      body: [instance('1'), instance('2')],
    });
    expect(await metadataOf(client, study, never)).toEqual([instance('1'), instance('2')]);
    expect(urls()).toEqual(['/workspace/v2/studies/1.2.3/metadata']);
    expect(scripted.server.requests[0]?.headers.accept).toBe('application/dicom+json');
  });

  it('names the partition in the path, unless it is the default one', async () => {
    scripted.server.replies({ body: '[]' });
    await metadataOf(client, { partition: 'p 1', uid: '1.2.3' }, never);
    expect(urls()).toEqual(['/workspace/v2/partitions/p%201/studies/1.2.3/metadata']);
  });

  it.each([
    ['204', { status: 204 }],
    ['an empty array', { status: 200, body: '[]' }],
  ])('takes %s as nothing live', async (_, reply) => {
    scripted.server.replies(reply);
    expect(await metadataOf(client, study, never)).toEqual([]);
  });

  it('takes "not found" as nothing live, each time after it has made sure that the service is there', async () => {
    scripted.server.script(({ url }) =>
      url.includes('/changefeed/') ? { status: 204 } : { status: 404, body: 'not found' },
    );
    expect(await metadataOf(client, study, never)).toEqual([]);
    expect(await metadataOf(client, study, never)).toEqual([]);
    const asked = ['/workspace/v2/studies/1.2.3/metadata', '/workspace/v2/changefeed/latest?includeMetadata=false'];
    expect(urls()).toEqual([...asked, ...asked]);
  });

  it.each([
    ['a body that was cut down to nothing', ''],
    ['white space', ' \r\n'],
    ['a byte order mark alone', '\ufeff'],
  ])('never takes %s as nothing live', async (_, body) => {
    scripted.server.replies({ status: 200, body });
    expect(await failureOf(metadataOf(client, study, never))).toMatchObject({ code: 'MalformedMetadata' });
  });

  it.each([206, 202])('never takes the instances of an answer %d as all that are live', async (status) => {
    const incomplete = { status, body: [instance('1'), 'x'.repeat(4 * 1024 * 1024)] };
    scripted.server.replies(incomplete, incomplete, incomplete, { body: [instance('1'), instance('2')] });
    // More than there are connections: each has to be free again.
    for (let time = 0; time < 3; time++)
      expect(await failureOf(metadataOf(client, study, never))).toMatchObject({ code: 'MalformedMetadata' });
    expect(await metadataOf(client, study, never)).toHaveLength(2);
  });

  it('names the default partition in the path where data partitions are enabled', async () => {
    const http = createHttpClient({ origin: scripted.server.url, timeoutMs: 5000, maxConnections: 1 });
    const partitioned = createDicomWebClient({ http, baseUrl: scripted.server.url, version: 'v2', partitioned: true });
    scripted.server.replies({ body: '[]' });
    expect(await metadataOf(partitioned, study, never)).toEqual([]);
    expect(urls()).toEqual(['/v2/partitions/Microsoft.Default/studies/1.2.3/metadata']);
    await http.close();
  });

  it('never takes a wrong address as nothing live', async () => {
    scripted.server.script(() => ({ status: 404, body: 'no such thing' }));
    expect(await failureOf(metadataOf(client, study, never))).toMatchObject({ code: 'HttpStatusError', status: 404 });
  });

  it('never takes the page of a gateway as nothing live', async () => {
    scripted.server.replies(
      { body: '[]' },
      { status: 404, headers: { 'content-type': 'text/html; charset=utf-8' }, body: '<html>site not found</html>' },
    );
    await metadataOf(client, study, never);
    expect(await failureOf(metadataOf(client, study, never))).toMatchObject({ code: 'HttpStatusError', status: 404 });
  });

  it.each([
    ['an HTML page', '<html>Doe</html>'],
    ['an object', { PatientName: 'Doe' }],
    ['half of an array', '[{"00100010":{"vr":"PN","Value":[{"Alphabetic":"Doe'],
  ])('reports %s as malformed, without its content', async (_, body) => {
    scripted.server.replies({ body });
    const error = await failureOf(metadataOf(client, study, never));
    expect(error).toMatchObject({ code: 'MalformedMetadata' });
    expect(String(error)).not.toContain('Doe');
  });

  it('reports an answer that breaks off as a broken connection', async () => {
    scripted.server.replies({ body: '[{"a":1}', missingBytes: 20 });
    expect(await failureOf(metadataOf(client, study, never))).toMatchObject({
      code: 'ConnectionError',
      requestSent: true,
    });
  });

  it.each([401, 403, 429, 500, 503, 302])('reports the status %d', async (status) => {
    scripted.server.replies({ status, headers: { 'retry-after': '2' }, body: 'Doe' });
    const error = await failureOf(metadataOf(client, study, never));
    expect(error).toMatchObject({ code: 'HttpStatusError', status, retryAfterMs: 2000, body: 'Doe' });
    expect(String(error)).not.toContain('Doe');
  });

  it('ends with what the caller throws at a part, and frees the connection', async () => {
    const long = Array.from({ length: 100_000 }, (_, index) => instance(`1.${index}`));
    scripted.server.replies({ body: long }, { body: long }, { body: [instance('1')] });
    const broken = new Error('enough');
    let parts = 0;
    const take = (): never => {
      parts++;
      throw broken;
    };
    // As many as there are connections.
    for (let index = 0; index < 2; index++)
      expect(await failureOf(client.studyMetadata(study, take, never))).toBe(broken);
    expect(parts).toBe(2);
    expect(await metadataOf(client, study, never)).toEqual([instance('1')]);
  });

  it("ends with the caller's own reason", async () => {
    scripted.server.replies({ body: '[{"a":1},', fault: 'hangBody' });
    const abort = new AbortController();
    const reason = new Error('stop');
    const failing = failureOf(metadataOf(client, study, abort.signal));
    await scripted.server.received(1);
    abort.abort(reason);
    expect(await failing).toBe(reason);
  });

  it(`reads a study of ${MANY} instances without holding up everything else`, async () => {
    const texts = Object.fromEntries(
      Array.from({ length: 40 }, (_, index) => [`0040A${100 + index}`, { vr: 'LO', Value: ['some text'] }]),
    );
    const body = Buffer.from(
      `[${Array.from({ length: MANY }, (_, index) => JSON.stringify({ ...instance(`1.${index}`), ...texts })).join(',')}]`,
    );
    scripted.server.replies({ body });
    const patient = createHttpClient({ origin: scripted.server.url, timeoutMs: 25_000, maxConnections: 1 });
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    try {
      const read = createDicomWebClient({ http: patient, baseUrl: scripted.server.url, version: 'v2' });
      const metadata = await metadataOf(read, study, never);
      expect(metadata).toHaveLength(MANY);
      expect(metadata.at(-1)).toMatchObject(instance(`1.${MANY - 1}`));
      // One parse of the whole text would leave no turn to anybody else.
      expect(turns).toBeGreaterThan(10);
    } finally {
      clearInterval(timer);
      await patient.close();
    }
  });

  it('searches the studies of a partition page by page', async () => {
    scripted.server.replies(
      { body: [{ '0020000D': { vr: 'UI', Value: ['1.2.3'] } }, { '0020000d': { vr: 'UI', Value: ['1.2.4\0'] } }] },
      { status: 204 },
    );
    expect(await client.searchStudies({ partition: 'p1', limit: 100, offset: 200 }, never)).toEqual(['1.2.3', '1.2.4']);
    expect(await client.searchStudies({ partition: 'Microsoft.Default', limit: 1, offset: 0 }, never)).toEqual([]);
    expect(urls()).toEqual([
      '/workspace/v2/partitions/p1/studies?limit=100&offset=200',
      '/workspace/v2/studies?limit=1&offset=0',
    ]);
  });

  it('does not skip a study that a search does not name', async () => {
    scripted.server.replies({ body: [{ '00080018': {} }] }, { status: 404 });
    expect(await failureOf(client.searchStudies({ ...study, limit: 1, offset: 0 }, never))).toMatchObject({
      code: 'MalformedMetadata',
    });
    expect(await failureOf(client.searchStudies({ ...study, limit: 1, offset: 0 }, never))).toMatchObject({
      status: 404,
    });
  });

  it.each([200, 204])('is content with a probe that is answered %d', async (status) => {
    scripted.server.replies({ status });
    await client.probe(never);
    expect(urls()).toEqual(['/workspace/v2/changefeed/latest?includeMetadata=false']);
  });

  it.each([401, 404, 500])('fails a probe that is answered %d', async (status) => {
    scripted.server.replies({ status });
    expect(await failureOf(client.probe(never))).toMatchObject({ code: 'HttpStatusError', status });
  });

  it('lists partitions', async () => {
    scripted.server.replies({
      body: [{ partitionKey: 1, partitionName: 'Microsoft.Default' }, { PartitionName: 'p1' }],
    });
    expect(await client.partitions(never)).toEqual(['Microsoft.Default', 'p1']);
    expect(urls()).toEqual(['/workspace/v2/partitions']);
  });

  it.each([400, 404, 204])('knows the default partition only where the service has none (%d)', async (status) => {
    scripted.server.replies({ status });
    expect(await client.partitions(never)).toEqual(['Microsoft.Default']);
  });

  it('does not take an outage for a service without partitions', async () => {
    scripted.server.replies({ status: 503 }, { body: [{}] });
    expect(await failureOf(client.partitions(never))).toMatchObject({ status: 503 });
    expect(await failureOf(client.partitions(never))).toMatchObject({ code: 'MalformedMetadata' });
  });
});
