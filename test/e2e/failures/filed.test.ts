import { type ImagingStudy, type Patient, type Resource } from 'fhir/r4';
import { QueueClient } from '@azure/storage-queue';
import type { InterceptAnswer } from '../../../local/fhir/intercept';
import { useAzurite } from '../../support/azurite';
import { type CastApp, type ListedEntry, startCastApp } from '../../support/castApp';
import { eventually } from '../../support/eventually';
import { ctInstance, element, testUid } from '../../support/instances';

/** What a study meets on its way, and what becomes of it. The rows are those of the error table of docs/architecture.md. */
interface TaxonomyRow {
  readonly name: string;
  /** Answers instead of the FHIR server to the transaction of this study. */
  readonly transaction?: (patientId: string) => InterceptAnswer;
  /** Answers instead of the FHIR server to the search for this study's ImagingStudy. */
  readonly search?: () => InterceptAnswer;
  /** Status of the DICOM service for the metadata of this study. */
  readonly metadata?: { readonly status: number; readonly body?: string };
  /** What stands on the FHIR server before. */
  readonly before?: (uid: string, patientId: string) => readonly Resource[];
  readonly instance?: Parameters<typeof ctInstance>[0];
  readonly expected: {
    readonly errorType: string;
    readonly reason: string;
    readonly httpStatus?: number;
    readonly message?: RegExp;
  };
  /** Deliveries that it took: 1 for what another attempt would not help. */
  readonly attempts: 1 | 2;
}

/** As servers do, it repeats what it was sent. */
const outcome =
  (status: number, code = 'processing') =>
  (patientId: string): InterceptAnswer => {
    const diagnostics = `No: Doe, Jane (DOE^JANE), born 29.02.1980, 1980-02-29, for ACC-1 of ${patientId}`;
    return { status, body: { resourceType: 'OperationOutcome', issue: [{ severity: 'error', code, diagnostics }] } };
  };

const foreignStudy = (uid: string, id: string): ImagingStudy => ({
  resourceType: 'ImagingStudy',
  id,
  status: 'available',
  subject: { reference: 'Patient/x' },
  identifier: [{ system: 'urn:dicom:uid', value: `urn:oid:${uid}` }],
});

const foreignPatient = (patientId: string, more: object = {}): Patient => ({
  resourceType: 'Patient',
  identifier: [{ system: 'urn:oid:1.2.3.4', value: patientId }],
  ...more,
});

const searchset = (resource: object): InterceptAnswer => ({
  status: 200,
  body: { resourceType: 'Bundle', type: 'searchset', entry: [{ resource, search: { mode: 'match' } }] },
});

const answered = (status: number, entries: readonly object[]): InterceptAnswer => ({
  status,
  body: { resourceType: 'Bundle', type: 'transaction-response', entry: entries },
});

const created = (): object => ({ response: { status: '201', location: 'ImagingStudy/none/_history/1' } });
const transient = (reason: string, httpStatus?: number): TaxonomyRow['expected'] => ({
  errorType: 'TransientFailure',
  reason,
  ...(httpStatus !== undefined && { httpStatus }),
});
const fhirError = (reason: string, httpStatus?: number): TaxonomyRow['expected'] => ({
  errorType: 'FhirError',
  reason,
  ...(httpStatus !== undefined && { httpStatus }),
});

const taxonomy: readonly TaxonomyRow[] = [
  // Transient: the service works, this study fails. Tried again with a delay, then filed with its root cause.
  {
    name: '409',
    transaction: outcome(409, 'conflict'),
    expected: transient('ResourceConflict', 409),
    attempts: 2,
  },
  {
    name: '412',
    transaction: outcome(412, 'conflict'),
    expected: transient('ResourceConflict', 412),
    attempts: 2,
  },
  { name: '429', transaction: outcome(429, 'throttled'), expected: transient('ServerTooBusy', 429), attempts: 2 },
  { name: '500', transaction: outcome(500, 'exception'), expected: transient('ServerError', 500), attempts: 2 },
  { name: '408', transaction: outcome(408, 'timeout'), expected: transient('RequestTimeout', 408), attempts: 2 },
  {
    name: 'metadata that are cut',
    metadata: { status: 200, body: '[{"00080018":' },
    expected: transient('InvalidDicomResponse'),
    attempts: 2,
  },
  { name: '500 for metadata', metadata: { status: 500 }, expected: transient('ServerError', 500), attempts: 2 },
  // FHIR: filed at once with a suggested fix.
  { name: '400', transaction: outcome(400), expected: fhirError('TransactionFailed', 400), attempts: 1 },
  { name: '404', transaction: outcome(404), expected: fhirError('TransactionFailed', 404), attempts: 1 },
  { name: '422', transaction: outcome(422), expected: fhirError('TransactionFailed', 422), attempts: 1 },
  {
    name: 'more than one ImagingStudy of others',
    before: (uid) => [foreignStudy(uid, 'twin-a'), foreignStudy(uid, 'twin-b')],
    expected: { ...fhirError('MultipleMatchingResources'), message: /ImagingStudy.*twin-a, twin-b/ },
    attempts: 1,
  },
  {
    name: 'more than one Patient of others',
    before: (_, patientId) => [
      foreignPatient(patientId, { id: 'one-of-two' }),
      foreignPatient(patientId, { id: 'two-of-two' }),
    ],
    expected: { ...fhirError('MultipleMatchingResources'), message: /Patient.*one-of-two, two-of-two/ },
    attempts: 1,
  },
  {
    name: '412 that means several matches',
    transaction: outcome(412, 'multiple-matches'),
    expected: fhirError('MultipleMatchingResources'),
    attempts: 1,
  },
  {
    name: 'a resource without id',
    search: () => searchset({ resourceType: 'ImagingStudy', status: 'available', meta: { versionId: '1' } }),
    expected: { ...fhirError('FhirResourceValidation'), message: /ImagingStudy.* no id/ },
    attempts: 1,
  },
  {
    name: 'a resource without version',
    search: () => searchset({ resourceType: 'ImagingStudy', status: 'available', id: 'unversioned' }),
    expected: { ...fhirError('FhirResourceValidation'), message: /versionId/ },
    attempts: 1,
  },
  {
    name: 'a response entry that is missing',
    transaction: () => answered(200, [created()]),
    expected: { ...fhirError('InvalidFhirResponse'), message: /2 entries has 1/ },
    attempts: 1,
  },
  {
    name: 'a response entry that failed',
    transaction: () => answered(200, [created(), { response: { status: '422 Unprocessable Entity' } }]),
    expected: { ...fhirError('InvalidFhirResponse'), message: /422/ },
    attempts: 1,
  },
  // DICOM: the instance is left out and filed, the rest of the study is stored.
  {
    name: 'a required attribute that is missing',
    instance: { '00100020': element('LO') },
    expected: { errorType: 'DicomError', reason: 'RequiredAttributeMissing', message: /PatientID/ },
    attempts: 1,
  },
  {
    name: 'a DICOM service that refuses the request',
    metadata: { status: 400 },
    expected: { errorType: 'DicomError', reason: 'DicomRequestRefused', httpStatus: 400 },
    attempts: 1,
  },
  // A bug: what a server holds can make code fail that nobody thought of.
  {
    name: 'a defect',
    before: (_, patientId) => [foreignPatient(patientId, { id: 'odd', link: {} })],
    expected: { errorType: 'Unexpected', reason: 'Unexpected', message: /TypeError[^]*at / },
    attempts: 2,
  },
];

const uidOf = (row: TaxonomyRow): string => testUid(77, taxonomy.indexOf(row) + 1);
const patientOf = (row: TaxonomyRow): string => `PAT-${taxonomy.indexOf(row) + 1}`;

/** Alone, or together with others. */
const asksFor = (path: string, uid: string): boolean =>
  decodeURIComponent(path)
    .split(/[=,&]/)
    .some((token) => token.endsWith(`urn:oid:${uid}`));

const refusalOf = (row: TaxonomyRow | undefined): InterceptAnswer | undefined =>
  row === undefined ? undefined : row.transaction?.(patientOf(row));

describe('the app on the host, each kind of error in a study of its own', () => {
  const azurite = useAzurite();
  let app: CastApp;
  let entries: readonly ListedEntry[] = [];
  const good = testUid(78);

  beforeAll(async () => {
    app = await startCastApp(azurite);
    for (const row of taxonomy) {
      for (const resource of row.before?.(uidOf(row), patientOf(row)) ?? []) app.fhir.put(resource as Patient);
      app.dicom.store(ctInstance({ study: uidOf(row), patientId: patientOf(row), ...row.instance }));
    }
    app.dicom.store(ctInstance({ study: good, patientId: 'PAT-GOOD' }));
    app.fhir.intercept = ({ kind, body, path }) => {
      if (kind === 'transaction') return refusalOf(taxonomy.find((row) => body.includes(`"urn:oid:${uidOf(row)}"`)));
      if (kind === 'search' && path.startsWith('/ImagingStudy'))
        return taxonomy.find((row) => row.search !== undefined && asksFor(path, uidOf(row)))?.search?.();
      return undefined;
    };
    app.dicom.faults.intercept = ({ path }) =>
      taxonomy.find((row) => path.endsWith(`/${uidOf(row)}/metadata`))?.metadata;
    await app.pull();
    await app.drained(40_000);
    entries = await app.failedEntries('?top=1000');
  }, 60_000);

  afterAll(async () => {
    await app.stop();
  });

  it.each(taxonomy)('$name', async (row) => {
    const { message, ...columns } = row.expected;
    const uid = uidOf(row);
    const [entry, ...more] = entries.filter(({ study }) => study?.uid === uid);
    expect(more).toEqual([]);
    expect(entry).toMatchObject({
      ...columns,
      study: { partition: 'Microsoft.Default', uid },
      seriesUid: `${uid}.1`,
      instanceUid: `${uid}.1.1`,
      sequence: String(taxonomy.indexOf(row) + 1),
      action: 'Create',
      failureCount: 1,
      rowKey: String(taxonomy.indexOf(row) + 1).padStart(20, '0'),
    });
    expect(entry?.message).toMatch(message ?? /./);
    expect(entry?.suggestedFix).toMatch(/\w{3,}/);
    expect((await app.tableRows('FailedEntries')).filter(({ studyInstanceUid }) => studyInstanceUid === uid)).toEqual([
      expect.objectContaining({ ...columns, rowKey: `Microsoft.Default~${uid}~${entry?.rowKey ?? ''}` }),
    ]);
    // A line may have a stack before these: what a person searches for is on its last line.
    const lines = app.host.logs.filter((line) => line.includes(`study=${uid} `));
    expect(lines.filter((line) => line.includes(' attempt='))).toHaveLength(row.attempts - 1);
    expect(lines.filter((line) => line.includes('Deferred'))).toEqual([]);
    const named = `series=${uid}.1 instance=${uid}.1.1 sequence=${entry?.sequence ?? ''} suggestedFix=`;
    const told = lines.filter((line) => line.includes('suggestedFix=') && !line.includes(': event '));
    expect(told).toEqual([expect.stringContaining(named)]);
  });

  it('the queue holds nothing, the poison queue neither, and the breakers are closed', async () => {
    expect(await app.status()).toMatchObject({
      queues: { 'study-changes': 0, 'study-changes-poison': 0 },
      breakers: { dicom: { state: 'closed' }, fhir: { state: 'closed' } },
      failedEntries: { total: taxonomy.length },
      changeFeed: { condition: 'ok', lagEntries: 0 },
    });
  });

  it('status counts by reason', async () => {
    const { byReason } = (await app.status()).failedEntries;
    const expected: Record<string, number> = {};
    for (const { expected: filed } of taxonomy) expected[filed.reason] = (expected[filed.reason] ?? 0) + 1;
    expect(byReason).toEqual(expected);
  });

  it('a study between them is in FHIR: the feed went on', () => {
    const ours = app.fhir.all<ImagingStudy>('ImagingStudy').filter(({ meta }) => meta?.tag !== undefined);
    expect(ours.map(({ identifier }) => identifier?.[0]?.value)).toEqual([`urn:oid:${good}`]);
  });

  it('no name, birth date, accession number or PatientID is in a log line, a row or an answer', async () => {
    const told = [...app.host.logs, JSON.stringify(entries), JSON.stringify(await app.tableRows('FailedEntries'))];
    expect(
      told.filter((text) => /doe|jane|19800229|1980-02-29|29\.02\.1980|ACC-1|referrer|PAT-\d/i.test(text)),
    ).toEqual([]);
    expect(entries.filter(({ message }) => message.includes('No: [redacted]'))).not.toEqual([]);
  });

  it('a retry of all brings in what can be brought in, and their rows go', async () => {
    app.fhir.intercept = undefined;
    app.dicom.faults.intercept = undefined;
    const answer = await app.host.http('/api/failed-entries/retry', { method: 'POST', body: { all: true } });
    expect(answer.status).toBe(202);
    expect(answer.json()).toEqual({ entries: taxonomy.length, studies: taxonomy.length, notRetryable: 0 });
    await app.drained();
    const lasting = taxonomy.filter((row) => row.before !== undefined || row.instance !== undefined);
    const left = await app.failedEntries();
    expect(left.map(({ study }) => study?.uid).sort()).toEqual(lasting.map(uidOf).sort());
    expect(left.every(({ failureCount }) => failureCount === 2)).toBe(true);
  });

  it('a message that is no study message is filed, whether it is JSON or not; its content is not repeated', async () => {
    const queue = new QueueClient(azurite.connectionString, 'study-changes');
    for (const text of ['{"study":"of Jane"}', 'no JSON, but Jane'])
      await queue.sendMessage(Buffer.from(text).toString('base64'));
    const rows = await eventually(async () => {
      const found = await app.failedEntries('?reason=UnreadableMessage');
      return found.length >= 2 ? found : undefined;
    });
    await app.drained();
    expect(rows).toHaveLength(2);
    for (const row of rows) {
      expect(row).toMatchObject({ errorType: 'Unexpected', failureCount: 1 });
      expect(JSON.stringify(row)).not.toContain('Jane');
      expect(row.suggestedFix).toMatch(/Study Instance UID/);
    }
    const answer = await app.host.http('/api/failed-entries/retry', {
      method: 'POST',
      body: { reason: 'UnreadableMessage' },
    });
    expect(answer.json()).toEqual({ entries: 0, studies: 0, notRetryable: 2 });
  });

  it('a message that is not base64 stays in the poison queue, where status counts it: the host hands it to nobody', async () => {
    await new QueueClient(azurite.connectionString, 'study-changes').sendMessage('%%% not base64 %%%');
    await eventually(async () => ((await app.status()).queues['study-changes-poison'] === 1 ? true : undefined));
    expect((await app.status()).queues['study-changes']).toBe(0);
  });
});
