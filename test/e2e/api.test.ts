import { QueueClient } from '@azure/storage-queue';
import { useAzurite } from '../support/azurite';
import { type CastApp, type ListedEntry, startCastApp } from '../support/castApp';
import { answersNotMet } from '../support/describedApi';
import { type HostProcess, startHostProcess } from '../support/hostProcess';
import { ctInstance, element, testUid } from '../support/instances';

/** Studies without PatientID, refused by the FHIR server, with an invalid birth date, and an ordinary one. */
const nameless = [1, 2, 3].map((number) => testUid(80, number));
const refused = [1, 2].map((number) => testUid(81, number));
const doubtful = testUid(82);
const good = testUid(83);

interface Problem {
  readonly status: number;
  readonly title: string;
  readonly errors?: readonly { readonly field: string; readonly expected: string }[];
}

interface Page<T> {
  readonly items: readonly T[];
  readonly continuationToken?: string;
}

interface WrongInput {
  readonly name: string;
  readonly request: string;
  readonly body?: unknown;
  /** Default: 400. */
  readonly status?: number;
  readonly field: string;
  readonly expected: RegExp;
}

const JSON_ROUTES = ['POST /api/failed-entries/retry', 'POST /api/resync', 'PUT /api/cursor'] as const;
const uidExpected = /DICOM UID: digits and dots/;
const unknown = /no field of this name/;

const wrongInputs: readonly WrongInput[] = [
  ...['GET /api/failed-entries', 'DELETE /api/failed-entries', 'GET /api/warnings'].flatMap((route): WrongInput[] => [
    { name: 'unknown field', request: `${route}?colour=red`, field: 'colour', expected: unknown },
    { name: 'field of every object', request: `${route}?constructor=x`, field: 'constructor', expected: unknown },
    { name: 'field __proto__', request: `${route}?__proto__=x`, field: '__proto__', expected: unknown },
    { name: 'bad UID', request: `${route}?study=1.2..3`, field: 'study', expected: uidExpected },
    {
      name: 'UID of 65 characters',
      request: `${route}?study=${'1'.repeat(65)}`,
      field: 'study',
      expected: uidExpected,
    },
    { name: 'empty UID', request: `${route}?study=`, field: 'study', expected: uidExpected },
    { name: 'bad partition', request: `${route}?study=1.2&partition=a/b`, field: 'partition', expected: /64 letters/ },
    { name: 'partition alone', request: `${route}?partition=a`, field: 'partition', expected: /together with study/ },
    { name: 'bad time', request: `${route}?since=yesterday`, field: 'since', expected: /2024-01-31T10:15:00Z/ },
    { name: 'twice the same', request: `${route}?study=1.2&study=1.3`, field: 'study', expected: /one value/ },
  ]),
  ...['GET /api/failed-entries', 'DELETE /api/failed-entries'].flatMap((route): WrongInput[] => [
    { name: 'bad reason', request: `${route}?reason=Rain`, field: 'reason', expected: /RequiredAttributeMissing/ },
    { name: 'bad type', request: `${route}?errorType=Rain`, field: 'errorType', expected: /TransientFailure/ },
    { name: 'empty row key', request: `${route}?rowKey=`, field: 'rowKey', expected: /./ },
  ]),
  ...['GET /api/failed-entries', 'GET /api/warnings'].flatMap((route): WrongInput[] => [
    ...['0', '1001', '-1', 'ten', '1e2', ''].map((top) => ({
      name: `top ${top}`,
      request: `${route}?top=${top}`,
      field: 'top',
      expected: /1 to 1000/,
    })),
    ...['x', 'e30', '', Buffer.from('{"filter":"x","at":"y"}').toString('base64url')].map((token) => ({
      name: `continuation token ${token}`,
      request: `${route}?continuationToken=${token}`,
      field: 'continuationToken',
      expected: /earlier answer to the same query/,
    })),
  ]),
  { name: 'bad instance', request: 'GET /api/warnings?instance=x', field: 'instance', expected: uidExpected },
  {
    name: 'bad keyword',
    request: 'GET /api/warnings?keyword=(0010,0030)',
    field: 'keyword',
    expected: /keyword such as/,
  },
  { name: 'no filter', request: 'DELETE /api/failed-entries', field: 'filter', expected: /at least one of study/ },
  {
    name: 'a filter in the body',
    request: 'DELETE /api/failed-entries',
    body: { reason: 'TransactionFailed' },
    field: 'filter',
    expected: /at least one of study/,
  },
  ...JSON_ROUTES.flatMap((request): WrongInput[] => [
    { name: 'no JSON', request, body: '{"all": true', field: 'body', expected: /JSON object/ },
    { name: 'an array', request, body: '[]', field: 'body', expected: /JSON object/ },
    { name: 'null', request, body: 'null', field: 'body', expected: /JSON object/ },
    { name: 'a text', request, body: '"all"', field: 'body', expected: /JSON object/ },
    { name: 'unknown field', request, body: { colour: 'red' }, field: 'colour', expected: unknown },
    { name: 'field __proto__', request, body: '{"__proto__": {"all": true}}', field: '__proto__', expected: unknown },
    {
      name: 'more than 64 KiB',
      request,
      body: { all: true, padding: 'x'.repeat(65_536) },
      status: 413,
      field: 'body',
      expected: /at most 65536 bytes/,
    },
  ]),
  ...(
    [
      [undefined, 'filter', /or "all": true/],
      [{}, 'filter', /or "all": true/],
      [{ all: false }, 'all', /true/],
      [{ all: 'true' }, 'all', /true/],
      [{ study: 12 }, 'study', uidExpected],
      [{ study: '1.2.x' }, 'study', uidExpected],
      [{ partition: 'p', reason: 'Unexpected' }, 'partition', /together with study/],
      [{ reason: ['Unexpected'] }, 'reason', /one of/],
      [{ errorType: 'Rain' }, 'errorType', /one of/],
      [{ since: '2024-01-31' }, 'since', /2024-01-31T10:15:00Z/],
    ] as const
  ).map(([body, field, expected]) => ({
    name: body === undefined ? 'no body' : JSON.stringify(body),
    request: 'POST /api/failed-entries/retry',
    body,
    field,
    expected,
  })),
  ...(
    [
      [{ partition: 'a b' }, 'partition', /64 letters/],
      [{ partition: 7 }, 'partition', /64 letters/],
      [{ continuationToken: 'x' }, 'continuationToken', /earlier answer/],
      [
        { continuationToken: Buffer.from('{"partition":"other","offset":0}').toString('base64url') },
        'continuationToken',
        /earlier answer/,
      ],
      [
        { continuationToken: Buffer.from('{"partition":"Microsoft.Default","offset":-1}').toString('base64url') },
        'continuationToken',
        /earlier answer/,
      ],
    ] as const
  ).map(([body, field, expected]) => ({
    name: JSON.stringify(body),
    request: 'POST /api/resync',
    body,
    field,
    expected,
  })),
  ...(
    [
      [undefined, 'expected', /whole number/],
      [{ expected: 7 }, 'sequence', /whole number/],
      [{ sequence: 0 }, 'expected', /whole number/],
      [{ expected: 7, sequence: -1 }, 'sequence', /0 or more/],
      [{ expected: 7, sequence: 1.5 }, 'sequence', /whole number/],
      [{ expected: 7, sequence: '3' }, 'sequence', /whole number/],
      [{ expected: 7, sequence: 1e300 }, 'sequence', /whole number/],
    ] as const
  ).map(([body, field, expected]) => ({
    name: body === undefined ? 'no body' : JSON.stringify(body),
    request: 'PUT /api/cursor',
    body,
    field,
    expected,
  })),
  {
    name: 'a cursor that somebody else has moved',
    request: 'PUT /api/cursor',
    body: { expected: 1, sequence: 0 },
    status: 409,
    field: 'expected',
    expected: /the present cursor, 7/,
  },
  { name: 'bad UID', request: 'POST /api/studies/1.2.x/sync', field: 'uid', expected: uidExpected },
  { name: 'UID of 65', request: `POST /api/studies/${'1'.repeat(65)}/sync`, field: 'uid', expected: uidExpected },
  { name: 'UID that climbs', request: 'POST /api/studies/..%2F1/sync', field: 'uid', expected: uidExpected },
  {
    name: 'bad partition',
    request: 'POST /api/studies/1.2/sync?partition=a%2Fb',
    field: 'partition',
    expected: /64 letters/,
  },
  { name: 'unknown field', request: 'POST /api/studies/1.2/sync?force=1', field: 'force', expected: unknown },
  {
    name: 'twice the same',
    request: 'POST /api/studies/1.2/sync?partition=a&partition=b',
    field: 'partition',
    expected: /one value/,
  },
];

function expectProblem(answer: { status: number; headers: Headers; text: string }, status: number): Problem {
  expect({ status: answer.status, type: answer.headers.get('content-type') }).toEqual({
    status,
    type: expect.stringMatching(/^application\/problem\+json/) as unknown,
  });
  const problem = JSON.parse(answer.text) as Problem;
  expect(problem).toMatchObject({ type: 'about:blank', status, title: expect.stringMatching(/\w/) as unknown });
  return problem;
}

describe('the HTTP functions of the app on the host', () => {
  const azurite = useAzurite();
  let app: CastApp;

  beforeAll(async () => {
    app = await startCastApp(azurite);
    for (const [index, uid] of nameless.entries())
      app.dicom.store(ctInstance({ study: uid, patientId: `P-${index}`, '00100020': element('LO') }));
    for (const uid of refused) app.dicom.store(ctInstance({ study: uid, patientId: 'P-REFUSED' }));
    app.dicom.store(
      ctInstance({
        study: doubtful,
        patientId: 'P-DOUBTFUL',
        '00100030': element('DA', '19991399'),
        '00080020': element('DA', 'today'),
      }),
    );
    app.dicom.store(ctInstance({ study: good, patientId: 'P-GOOD' }));
    app.fhir.intercept = ({ kind, body }) =>
      kind === 'transaction' && refused.some((uid) => body.includes(`"urn:oid:${uid}"`))
        ? { status: 422, body: { resourceType: 'OperationOutcome', issue: [] } }
        : undefined;
    await app.pull();
    await app.drained();
  }, 40_000);

  afterAll(async () => {
    await app.stop();
  });

  const page = async <T = ListedEntry>(path: string): Promise<Page<T>> => {
    const answer = await app.host.http(path);
    expect({ status: answer.status, text: answer.text }).toMatchObject({ status: 200 });
    return answer.json() as Page<T>;
  };
  const studiesOf = ({ items }: Page<ListedEntry>): readonly (string | undefined)[] =>
    items.map(({ study }) => study?.uid).sort();
  const send = (request: string, body?: unknown): ReturnType<HostProcess['http']> => {
    const [method = '', path = ''] = request.split(' ');
    return app.host.http(path, { method, ...(body !== undefined && { body }) });
  };

  describe('lists', () => {
    it('all failed entries, each with its study, cause and what to do about it', async () => {
      const { items, continuationToken } = await page('/api/failed-entries');
      expect(continuationToken).toBeUndefined();
      expect(studiesOf({ items })).toEqual([...nameless, ...refused].sort());
      for (const item of items) {
        expect(item).toMatchObject({
          study: { partition: 'Microsoft.Default', uid: expect.stringMatching(/^[\d.]+$/) as unknown },
          failureCount: 1,
          message: expect.stringMatching(/\w/) as unknown,
          suggestedFix: expect.stringMatching(/\w/) as unknown,
        });
      }
    });

    it.each([
      ['study', `study=${nameless[0]}`, [nameless[0]]],
      ['study and partition', `study=${nameless[0]}&partition=Microsoft.Default`, [nameless[0]]],
      ['a study of another partition', `study=${nameless[0]}&partition=other`, []],
      ['reason', 'reason=TransactionFailed', refused],
      ['error type', 'errorType=DicomError', nameless],
      ['reason and error type that exclude each other', 'reason=TransactionFailed&errorType=DicomError', []],
      ['row key', `rowKey=${'4'.padStart(20, '0')}`, [refused[0]]],
      ['a time before', 'since=2024-01-31T10:15:00%2B01:00', [...nameless, ...refused]],
      ['a time to come', 'since=2999-01-31T10:15:00Z', []],
      ['the function key, which is the host’s', 'code=abc&reason=TransactionFailed', refused],
    ])('failed entries by %s', async (_name, query, expected) => {
      expect(studiesOf(await page(`/api/failed-entries?${query}`))).toEqual([...expected].sort());
    });

    it.each(['', '&errorType=DicomError'])('page by page, each entry once (%s)', async (filter) => {
      const all = studiesOf(await page(`/api/failed-entries?top=1000${filter}`));
      const seen: (string | undefined)[] = [];
      let token: string | undefined;
      do {
        const query = `top=2${filter}${token === undefined ? '' : `&continuationToken=${token}`}`;
        const { items, continuationToken } = await page(`/api/failed-entries?${query}`);
        expect(items.length).toBeLessThanOrEqual(2);
        seen.push(...studiesOf({ items }));
        token = continuationToken;
      } while (token !== undefined);
      expect(seen.sort()).toEqual(all);
    });

    it('a continuation token of another query is refused', async () => {
      const { continuationToken } = await page('/api/failed-entries?top=1');
      expect(continuationToken).toBeDefined();
      for (const path of ['failed-entries?top=1&errorType=DicomError', 'warnings?top=1']) {
        const answer = await app.host.http(`/api/${path}&continuationToken=${continuationToken}`);
        expect(expectProblem(answer, 400).errors).toEqual([
          { field: 'continuationToken', expected: expect.stringMatching(/earlier answer/) as unknown },
        ]);
      }
    });

    it('warnings name the field, its problem and the instance, and never the value', async () => {
      const { items } = await page<Record<string, unknown>>('/api/warnings');
      expect(items.map(({ keyword }) => keyword).sort()).toEqual(['PatientBirthDate', 'StudyDate']);
      for (const item of items) {
        expect(item).toMatchObject({
          study: { partition: 'Microsoft.Default', uid: doubtful },
          seriesUid: `${doubtful}.1`,
          instanceUid: `${doubtful}.1.1`,
          tag: expect.stringMatching(/^[0-9A-F]{8}$/) as unknown,
          problem: expect.stringMatching(/\w/) as unknown,
        });
      }
      expect(JSON.stringify([items, await app.tableRows('ValidationWarnings')])).not.toMatch(/19991399|today/);
    });

    it.each([
      [`study=${doubtful}`, 2],
      [`study=${good}`, 0],
      [`instance=${doubtful}.1.1`, 2],
      ['keyword=PatientBirthDate', 1],
      ['since=2999-01-31T10:15:00Z', 0],
    ])('warnings by %s', async (query, count) => {
      expect((await page(`/api/warnings?${query}`)).items).toHaveLength(count);
    });

    it('warnings page by page', async () => {
      const first = await page<{ keyword: string }>('/api/warnings?top=1');
      const second = await page<{ keyword: string }>(
        `/api/warnings?top=1&continuationToken=${first.continuationToken}`,
      );
      expect([...first.items, ...second.items].map(({ keyword }) => keyword).sort()).toEqual([
        'PatientBirthDate',
        'StudyDate',
      ]);
    });
  });

  describe('wrong input is named, and nothing changes', () => {
    const stored = async (): Promise<unknown> => ({
      rows: await Promise.all(
        (['FailedEntries', 'ValidationWarnings', 'SyncState'] as const).map((name) => app.tableRows(name)),
      ),
      waiting: (await new QueueClient(azurite.connectionString, 'study-changes').getProperties())
        .approximateMessagesCount,
    });
    const requests = (): unknown => [{ ...app.dicom.requests, partitions: 0 }, app.fhir.requests.counts()];
    let before: unknown;
    let requestsBefore: unknown;

    beforeAll(async () => {
      before = await stored();
      requestsBefore = requests();
    });

    it.each(wrongInputs)('$request: $name', async ({ request, body, status = 400, field, expected }) => {
      const problem = expectProblem(await send(request, body), status);
      expect(problem.errors).toContainEqual({ field, expected: expect.stringMatching(expected) as unknown });
    });

    it.each(JSON_ROUTES)('%s: more than 64 KiB without saying so before', async (request) => {
      const [method = '', path = ''] = request.split(' ');
      const chunk = new TextEncoder().encode(' '.repeat(16_384));
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          for (let count = 0; count < 5; count++) controller.enqueue(chunk);
          controller.close();
        },
      });
      const response = await fetch(app.host.url + path, { method, body, duplex: 'half' });
      const answer = { status: response.status, headers: response.headers, text: await response.text() };
      expect(expectProblem(answer, 413).errors).toEqual([{ field: 'body', expected: 'at most 65536 bytes' }]);
    });

    it('several wrong fields are named at once', async () => {
      const problem = expectProblem(await send('GET /api/failed-entries?study=x&top=0&reason=Rain&colour=red'), 400);
      expect(problem.errors?.map(({ field }) => field).sort()).toEqual(['colour', 'reason', 'study', 'top']);
    });

    it('what was sent is not repeated', async () => {
      const answer = await send('GET /api/failed-entries?study=Doe%5EJane&reason=19800229');
      expect(answer.text).not.toMatch(/Jane|19800229/);
    });

    it.each([
      'GET /api/failed-entries/retry',
      'PATCH /api/failed-entries',
      'POST /api/cursor',
      'GET /api/studies/1.2/sync',
    ])('%s does not exist', async (request) => {
      expect((await send(request)).status).toBe(404);
    });

    it('and after all of them no row has changed, no message was sent and no service was asked', async () => {
      expect(await stored()).toEqual(before);
      expect(requests()).toEqual(requestsBefore);
    });
  });

  describe('what an operator can do', () => {
    it('status tells the cursor, the lag, the queues, the failures and the breakers', async () => {
      expect(await app.status()).toEqual({
        changeFeed: {
          condition: 'ok',
          sequence: 7,
          latestSeen: 7,
          lagEntries: 0,
          lagSeconds: 0,
          lastRunAt: expect.stringMatching(/^\d{4}-/) as unknown,
          lastSuccessAt: expect.stringMatching(/^\d{4}-/) as unknown,
          lastRoundEntries: 7,
        },
        queues: { 'study-changes': 0, 'study-changes-poison': 0 },
        failedEntries: { total: 5, byReason: { RequiredAttributeMissing: 3, TransactionFailed: 2 } },
        breakers: { dicom: { dependency: 'dicom', state: 'closed' }, fhir: { dependency: 'fhir', state: 'closed' } },
      });
    });

    it('health says yes', async () => {
      const answer = await send('GET /api/health');
      expect(answer.status).toBe(200);
      expect(answer.json()).toEqual({
        healthy: true,
        checks: ['storage', 'change-feed', 'dicom', 'fhir'].map((name) => ({ name, healthy: true })),
      });
    });

    it('health names a FHIR server that is none of ours, and its answer is 503', async () => {
      const scripted = app.fhir.intercept;
      app.fhir.intercept = ({ kind }) =>
        kind === 'capabilities'
          ? { status: 200, body: { resourceType: 'CapabilityStatement', fhirVersion: '5.0.0', rest: [] } }
          : undefined;
      const answer = await send('GET /api/health');
      app.fhir.intercept = scripted;
      expect(answer.status).toBe(503);
      expect(answer.json()).toMatchObject({
        healthy: false,
        checks: expect.arrayContaining([
          { name: 'dicom', healthy: true },
          { name: 'fhir', healthy: false, problem: 'The FHIR server does not speak FHIR R4 (4.0)' },
        ]) as unknown,
      });
    });

    it('retry of one entry: its row counts again as long as it fails, and goes when it does not', async () => {
      const [uid = ''] = nameless;
      const body = { study: uid, rowKey: '1'.padStart(20, '0') };
      const retry = async (): Promise<void> => {
        const answer = await send('POST /api/failed-entries/retry', body);
        expect({ status: answer.status, body: answer.json() }).toEqual({
          status: 202,
          body: { entries: 1, studies: 1, notRetryable: 0 },
        });
        await app.drained();
      };
      await retry();
      expect((await page(`/api/failed-entries?study=${uid}`)).items).toMatchObject([{ failureCount: 2 }]);
      app.dicom.update(uid, { '00100020': element('LO', 'P-FOUND') });
      await retry();
      expect((await page(`/api/failed-entries?study=${uid}`)).items).toEqual([]);
      expect(app.fhir.all('Patient').filter((patient) => JSON.stringify(patient).includes('P-FOUND'))).toHaveLength(1);
    });

    it('retry by a filter touches nothing else', async () => {
      app.fhir.intercept = undefined;
      const answer = await send('POST /api/failed-entries/retry', { reason: 'TransactionFailed' });
      expect(answer.json()).toEqual({ entries: 2, studies: 2, notRetryable: 0 });
      await app.drained();
      const { items } = await page('/api/failed-entries');
      expect(studiesOf({ items })).toEqual(nameless.slice(1).sort());
      expect(items.every(({ failureCount }) => failureCount === 1)).toBe(true);
    });

    it('retry of all', async () => {
      const answer = await send('POST /api/failed-entries/retry', { all: true });
      expect(answer.json()).toEqual({ entries: 2, studies: 2, notRetryable: 0 });
      await app.drained();
      expect((await page('/api/failed-entries')).items).toMatchObject([{ failureCount: 2 }, { failureCount: 2 }]);
    });

    it('retry of nothing', async () => {
      const answer = await send('POST /api/failed-entries/retry', { reason: 'Unconfirmed' });
      expect(answer.json()).toEqual({ entries: 0, studies: 0, notRetryable: 0 });
    });

    it('dismiss forgets what the filter fits', async () => {
      const one = await send(`DELETE /api/failed-entries?study=${nameless[1]}`);
      expect({ status: one.status, body: one.json() }).toEqual({ status: 200, body: { dismissed: 1 } });
      expect(studiesOf(await page('/api/failed-entries'))).toEqual([nameless[2]]);
      expect((await send('DELETE /api/failed-entries?reason=TransactionFailed')).json()).toEqual({ dismissed: 0 });
      expect((await send('DELETE /api/failed-entries?errorType=DicomError')).json()).toEqual({ dismissed: 1 });
      expect(await app.tableRows('FailedEntries')).toEqual([]);
    });

    it('a study is looked at on request', async () => {
      for (const study of app.fhir.all('ImagingStudy').filter((one) => JSON.stringify(one).includes(`urn:oid:${good}`)))
        await fetch(`${app.fhir.url}/ImagingStudy/${study.id}`, { method: 'DELETE' });
      const answer = await send(`POST /api/studies/${good}/sync`);
      expect({ status: answer.status, body: answer.json() }).toEqual({
        status: 202,
        body: { study: { partition: 'Microsoft.Default', uid: good } },
      });
      await app.drained();
      expect(
        app.fhir.all('ImagingStudy').filter((one) => JSON.stringify(one).includes(`urn:oid:${good}`)),
      ).toHaveLength(1);
    });

    it('a study that is nowhere is no error', async () => {
      expect((await send(`POST /api/studies/${testUid(99)}/sync?partition=Microsoft.Default`)).status).toBe(202);
      await app.drained();
      expect(await app.tableRows('FailedEntries')).toEqual([]);
    });

    it('resync looks at every study, and writes nothing where nothing differs', async () => {
      // Rows that were dismissed come back: the studies are still not in FHIR.
      const writes = app.fhir.writes;
      const answer = await send('POST /api/resync');
      expect({ status: answer.status, body: answer.json() }).toEqual({ status: 202, body: { studies: 7 } });
      await app.drained();
      expect(app.fhir.writes).toBe(writes);
      expect(studiesOf(await page('/api/failed-entries'))).toEqual(nameless.slice(1).sort());
    });

    it.each([{ status: 503 }, { status: 500 }, { status: 403 }, { destroy: 'before' as const }])(
      'resync while the DICOM service is down (%j) says so',
      async (fault) => {
        app.dicom.faults.intercept = () => fault;
        const answer = await send('POST /api/resync', { partition: 'Microsoft.Default' });
        app.dicom.faults.intercept = undefined;
        expect(expectProblem(answer, 502).title).toMatch(/DICOM service/);
        await app.drained();
      },
    );

    it('resync of a partition that does not exist says so', async () => {
      const answer = await send('POST /api/resync', { partition: 'nowhere' });
      expect(expectProblem(answer, 400).errors).toEqual([
        { field: 'partition', expected: 'a data partition of the DICOM service' },
      ]);
    });

    it('the cursor is set where it is expected, and the feed is read again from there', async () => {
      const answer = await send('PUT /api/cursor', { expected: (await app.status()).changeFeed.sequence, sequence: 2 });
      expect({ status: answer.status, body: answer.json() }).toEqual({ status: 200, body: { sequence: 2 } });
      expect((await app.status()).changeFeed).toMatchObject({ sequence: 2, condition: 'ok' });
      await app.pull();
      await app.drained();
      expect((await app.status()).changeFeed).toMatchObject({ sequence: app.dicom.latestSequence, lagEntries: 0 });
    });

    it('of two who set the cursor at once, one is refused', async () => {
      const { sequence } = (await app.status()).changeFeed;
      const answers = await Promise.all(
        [3, 4].map((target) => send('PUT /api/cursor', { expected: sequence, sequence: target })),
      );
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
    });
  });
});

describe('an app without work of its own', () => {
  const azurite = useAzurite();
  const routes = [
    ['GET', '/api/status'],
    ['GET', '/api/health'],
    ['GET', '/api/failed-entries'],
    ['GET', '/api/warnings'],
    ['POST', '/api/failed-entries/retry'],
    ['DELETE', '/api/failed-entries'],
    ['POST', '/api/resync'],
    ['POST', '/api/studies/1.2.3/sync'],
    ['PUT', '/api/cursor'],
  ] as const;
  let host: HostProcess | undefined;

  const start = async (
    settings: Readonly<Record<string, string>>,
    commandLine: readonly string[] = [],
  ): Promise<HostProcess> => {
    host = await startHostProcess({
      settings: {
        AzureWebJobsStorage: azurite.connectionString,
        DICOM_URL: 'http://127.0.0.1:1/dicom',
        FHIR_URL: 'http://127.0.0.1:1/fhir',
        CHANGE_FEED_SCHEDULE: '0 0 0 1 1 *',
        MARK_SWEEP_SCHEDULE: '0 0 0 1 1 *',
        RECONCILE_SWEEP_SCHEDULE: '0 0 0 1 1 *',
        'AzureWebJobs.sync-study.Disabled': 'true',
        'AzureWebJobs.sync-study-poison.Disabled': 'true',
        ...settings,
      },
      commandLine,
    });
    return host;
  };

  afterEach(async () => {
    await host?.stop();
    host = undefined;
  });

  it('with wrong settings every route answers 503 and names every one of them, without their values', async () => {
    const { http } = await start({
      DICOM_URL: 'ftp://secret.example',
      FHIR_URL: '',
      MAX_ATTEMPTS: '31',
      VALIDATION: 'strictly',
      ISSUER_SYSTEMS: '{"HOSP": 7}',
      DICOM_AUTH: 'client-credentials',
    });
    for (const [method, path] of routes) {
      const { title } = expectProblem(await http(path, { method }), 503);
      for (const name of [
        'DICOM_URL',
        'FHIR_URL',
        'MAX_ATTEMPTS',
        'VALIDATION',
        'ISSUER_SYSTEMS',
        'DICOM_CLIENT_SECRET',
      ])
        expect(title).toContain(`${name}: `);
      expect(title).not.toMatch(/secret\.example|31|strictly|HOSP": 7/);
    }
  });

  it('function keys: 401 without or with a wrong one, and in with the one of the host or of the function', async () => {
    const keys = ['--enable-auth', '--host-key', 'of-the-host', '--function-key', 'status=of-status'];
    const { http } = await start({}, keys);
    for (const [method, path] of routes) {
      expect((await http(path, { method })).status).toBe(401);
      expect((await http(path, { method, headers: { 'x-functions-key': 'wrong' } })).status).toBe(401);
      const wrongKey = path === '/api/status' ? 'of-another' : 'of-status';
      expect((await http(`${path}?code=${wrongKey}`, { method })).status).toBe(401);
    }
    const withKey = { headers: { 'x-functions-key': 'of-the-host' } };
    for (const path of ['/api/status', '/api/failed-entries', '/api/warnings'])
      expect((await http(path, withKey)).status).toBe(200);
    for (const key of ['of-the-host', 'of-status']) expect((await http(`/api/status?code=${key}`)).status).toBe(200);
    // Behind the key its wrong input is named, and the key is no parameter of it.
    expectProblem(await http('/api/failed-entries?code=of-the-host', { method: 'DELETE' }), 400);
  });

  it('services that are out of reach: health is 503 and names both, without their addresses', async () => {
    const { http } = await start({});
    const answer = await http('/api/health');
    expect(answer.status).toBe(503);
    expect(answer.json()).toMatchObject({
      healthy: false,
      checks: [
        { name: 'storage', healthy: true },
        { name: 'change-feed', healthy: true },
        { name: 'dicom', healthy: false, problem: expect.stringMatching(/DICOM service cannot be reached/) as unknown },
        { name: 'fhir', healthy: false, problem: expect.stringMatching(/FHIR server cannot be reached/) as unknown },
      ],
    });
    expect(answer.text).not.toContain('127.0.0.1');
  });
});

it('every answer of Cast that the OpenAPI description has was met above, as it is described', () => {
  expect(answersNotMet('Cast', { ' 500': 'a defect, or storage that is gone' })).toEqual([]);
});
