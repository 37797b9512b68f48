import { type ChangeFeedClient, createChangeFeedClient, UnreadableWindow } from '../../../src/feed/changeFeedClient';
import { createHttpClient, type HttpClient } from '../../../src/http/httpClient';
import { failureOf } from '../../support/fhirClient';
import { useScriptedServer } from '../../support/scriptedServer';

const never = new AbortController().signal;
const wireEntry = (sequence: unknown, more: object = {}): object => ({
  sequence,
  partitionName: 'Microsoft.Default',
  studyInstanceUid: '1.2.3',
  seriesInstanceUid: '1.2.3.4',
  sopInstanceUid: '1.2.3.4.5',
  action: 'Create',
  timestamp: '2024-05-01T10:11:12.1234567+00:00',
  state: 'Current',
  ...more,
});
const entry = (sequence: number, more: object = {}): object => ({
  sequence,
  partition: 'Microsoft.Default',
  studyUid: '1.2.3',
  seriesUid: '1.2.3.4',
  instanceUid: '1.2.3.4.5',
  action: 'Create',
  timestamp: '2024-05-01T10:11:12.1234567+00:00',
  ...more,
});

describe('the change feed client', () => {
  const scripted = useScriptedServer();
  let http: HttpClient;
  let client: ChangeFeedClient;
  beforeEach(() => {
    http = createHttpClient({ origin: scripted.server.url, timeoutMs: 2000, maxConnections: 2 });
    client = createChangeFeedClient({ http, baseUrl: `${scripted.server.url}/workspace/dicom/` });
  });
  afterEach(async () => {
    await scripted.server.stop();
    await http.close();
  });

  describe('asked for the latest entry', () => {
    it('asks version 1 below the path of the service, without metadata', async () => {
      scripted.server.replies({ body: wireEntry(41) });
      expect(await client.latest(never)).toEqual({ sequence: 41, timestamp: '2024-05-01T10:11:12.1234567+00:00' });
      expect(scripted.server.requests[0]).toMatchObject({
        method: 'GET',
        url: '/workspace/dicom/v1/changefeed/latest?includeMetadata=false',
      });
      expect(scripted.server.requests[0]?.headers.accept).toBe('application/json');
    });

    it.each([
      ['204', { status: 204 }],
      ['an empty body', { status: 200, body: '' }],
      ['null', { status: 200, body: 'null' }],
    ])('takes %s as an empty feed', async (_, reply) => {
      scripted.server.replies(reply);
      expect(await client.latest(never)).toEqual({ sequence: 0 });
    });

    it('needs nothing but the sequence', async () => {
      scripted.server.replies({ body: { Sequence: 7, Timestamp: 5, Action: 'burn' } });
      expect(await client.latest(never)).toEqual({ sequence: 7 });
    });

    it.each([
      ['an HTML page', '<html></html>'],
      ['no JSON', '{'],
      ['no sequence', '{}'],
      ['a sequence beyond 2^53', '{"sequence":9007199254740993}'],
    ])('never takes %s for the start of the feed', async (_, body) => {
      scripted.server.replies({ body });
      expect(await failureOf(client.latest(never))).toMatchObject({ code: 'InvalidDicomResponse' });
    });
  });

  describe('asked for a window', () => {
    it('asks by sequence and width', async () => {
      scripted.server.replies({ body: [wireEntry(12)] });
      expect(await client.window(10, 100, never)).toEqual([entry(12)]);
      expect(scripted.server.requests[0]?.url).toBe(
        '/workspace/dicom/v1/changefeed?offset=10&limit=100&includeMetadata=false',
      );
    });

    it.each([['[]'], [''], ['null'], [' \n']])('takes %j as a window without entries', async (body) => {
      scripted.server.replies({ body });
      expect(await client.window(0, 10, never)).toEqual([]);
    });

    it('reads names and actions in any case, and leaves out what it does not know', async () => {
      scripted.server.replies({
        body: [
          {
            Sequence: 3,
            PartitionName: 'p1',
            StudyInstanceUid: '1.2.3\0',
            SeriesInstanceUID: '1.2.3.4',
            SopInstanceUid: '1.2.3.4.5 ',
            Action: 'delete',
            Timestamp: null,
            FilePath: 'x',
            Metadata: { '00100020': { vr: 'LO' } },
          },
        ],
      });
      const { timestamp: _, ...expected } = entry(3, { partition: 'p1', action: 'Delete' }) as { timestamp: string };
      expect(await client.window(0, 10, never)).toEqual([expected]);
    });

    it.each([
      ['UPDATE', 'Update'],
      [0, 'Create'],
      [1, 'Delete'],
      [2, 'Update'],
    ])('reads the action %j as %s', async (action, expected) => {
      scripted.server.replies({ body: [wireEntry(1, { action })] });
      expect(await client.window(0, 1, never)).toMatchObject([{ action: expected }]);
    });

    it('takes an entry without a partition as one of the default partition', async () => {
      scripted.server.replies({ body: [wireEntry(1, { partitionName: undefined })] });
      expect(await client.window(0, 1, never)).toEqual([entry(1)]);
    });

    it('puts entries into the order of the feed', async () => {
      scripted.server.replies({ body: [wireEntry(3), wireEntry(1), wireEntry(2)] });
      expect((await client.window(0, 10, never)).map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
    });

    it('tolerates comments and trailing commas, but never within text', async () => {
      const text = JSON.stringify(wireEntry(1, { filePath: 'a,]//b/*c*/,}' })).replace(/}$/, ', /* more? */ }');
      scripted.server.replies({ body: `[ // entries\n ${text}, ]` });
      expect(await client.window(0, 1, never)).toEqual([entry(1)]);
    });

    it.each([
      ['cut off', `[${JSON.stringify(wireEntry(1))},{"sequence":`],
      ['no JSON', 'Secret'],
      ['no array', { error: 'Secret' }],
    ])('cannot read an answer that is %s', async (_, body) => {
      scripted.server.replies({ body });
      const error = await failureOf(client.window(0, 10, never));
      expect(error).toBeInstanceOf(UnreadableWindow);
      expect(error).toMatchObject({ code: 'UnreadableWindow', afterSequence: 0, width: 10, readableSequences: [] });
      expect(String(error)).not.toContain('Secret');
    });

    it.each([
      ['an action that is none', wireEntry(2, { action: 'Secret' }), 'action: expected Create, Update or Delete'],
      ['no study', wireEntry(2, { studyInstanceUid: undefined }), 'studyinstanceuid: expected a UID'],
      ['a UID that is none', wireEntry(2, { sopInstanceUid: 'Secret' }), 'sopinstanceuid: expected a UID'],
      ['a sequence beyond 2^53', wireEntry(2 ** 53), 'sequence: expected a whole number'],
      ['no sequence', wireEntry('Secret'), 'sequence: expected a number'],
      ['no object', 'Secret', 'expected an object'],
      ['null', null, 'expected an object; sequence: expected a number; studyinstanceuid: expected a UID'],
    ])('says which entries it could read when one has %s', async (_, broken, problem) => {
      scripted.server.replies({ body: [wireEntry(1), broken, wireEntry(3)] });
      const error = await failureOf(client.window(0, 10, never));
      expect(error).toMatchObject({ code: 'UnreadableWindow', readableSequences: [1, 3] });
      expect((error as UnreadableWindow).problem).toContain(problem);
      expect(String(error)).not.toContain('Secret');
    });

    it('blames no entry when the answer is an HTML page', async () => {
      scripted.server.replies({ body: '<!doctype html><p>maintenance</p>' });
      expect(await failureOf(client.window(0, 10, never))).toMatchObject({ code: 'InvalidDicomResponse' });
    });

    it.each([10, 111])('does not take entries that it did not ask for (%d)', async (sequence) => {
      scripted.server.replies({ body: [wireEntry(sequence)] });
      expect(await failureOf(client.window(10, 100, never))).toMatchObject({ code: 'InvalidDicomResponse' });
    });

    it('passes on refusals with the time to wait', async () => {
      scripted.server.replies({ status: 503, headers: { 'retry-after': '9' } }, { status: 500 });
      expect(await failureOf(client.window(0, 10, never))).toMatchObject({
        code: 'HttpStatusError',
        status: 503,
        retryAfterMs: 9000,
      });
      expect(await failureOf(client.window(0, 10, never))).toMatchObject({ code: 'HttpStatusError', status: 500 });
    });

    it.each([
      [-1, 10],
      [0, 0],
      [0, 101],
      [2 ** 53, 10],
    ])('refuses a window that the service does not have (%d, %d)', async (after, width) => {
      expect(await failureOf(client.window(after, width, never))).toBeInstanceOf(RangeError);
      expect(scripted.server.requests).toHaveLength(0);
    });
  });
});
