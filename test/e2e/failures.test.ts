import { QueueClient } from '@azure/storage-queue';
import type { ImagingStudy, Patient } from 'fhir/r4';
import type { DicomJsonElement } from '../../local/dicom/dicomJson';
import type { InterceptAnswer } from '../../local/fhir/intercept';
import { useAzurite } from '../support/azurite';
import { type CastApp, startCastApp } from '../support/castApp';
import { eventually } from '../support/eventually';
import { codeItem, ctInstance, element, testUid } from '../support/instances';

/** What becomes of studies on the way: beside the rows of the error table, which failures/ plays one by one. */

const studyOf = (app: CastApp, uid: string): readonly ImagingStudy[] =>
  app.fhir
    .all<ImagingStudy>('ImagingStudy')
    .filter(({ identifier }) => identifier?.some(({ value }) => value === `urn:oid:${uid}`));

const rowsOf = async (app: CastApp, uid: string): Promise<readonly Record<string, unknown>[]> =>
  (await app.tableRows('FailedEntries')).filter(({ studyInstanceUid }) => studyInstanceUid === uid);

const logsOf = (app: CastApp, uid: string, word: string): readonly string[] =>
  app.host.logs.filter((line) => line.includes(`study=${uid} `) && line.includes(word));

const refusal = (status: number): InterceptAnswer => ({
  status,
  body: { resourceType: 'OperationOutcome', issue: [] },
});

describe('a study that meets a failure', () => {
  const azurite = useAzurite();
  let app: CastApp;

  beforeAll(async () => {
    app = await startCastApp(azurite, { FUNCTION_TIMEOUT_SECONDS: '10', OUTAGE_BUDGET_HOURS: '1' });
  });

  afterEach(() => {
    app.fhir.intercept = undefined;
  });

  afterAll(async () => {
    await app.stop();
  });

  /** Answers to the transactions of one study in turn; further ones reach the server. @returns when they came, in milliseconds */
  const scriptTransactions = (
    uid: string,
    ...answers: readonly (() => InterceptAnswer | undefined)[]
  ): readonly number[] => {
    const times: number[] = [];
    app.fhir.intercept = ({ kind, body }) => {
      if (kind !== 'transaction' || !body.includes(`"urn:oid:${uid}"`)) return undefined;
      times.push(Date.now());
      return answers[times.length - 1]?.();
    };
    return times;
  };

  it.each([409, 412])(
    'a %i that passes is looked at again at once: no attempt is used up, nothing is filed',
    async (status) => {
      const uid = testUid(90, status);
      const times = scriptTransactions(uid, () => refusal(status));
      app.dicom.store(ctInstance({ study: uid, patientId: `P-${status}` }));
      await app.pull();
      await app.drained();
      expect(times).toHaveLength(2);
      expect(studyOf(app, uid)).toHaveLength(1);
      expect(await rowsOf(app, uid)).toEqual([]);
      expect(logsOf(app, uid, 'attempt=')).toEqual([]);
    },
  );

  it('a conditional create that found somebody else’s: it is adopted, and there is one', async () => {
    const uid = testUid(91);
    scriptTransactions(uid, () => {
      app.fhir.put({ resourceType: 'Patient', id: 'of-others' });
      app.fhir.put<ImagingStudy>({
        resourceType: 'ImagingStudy',
        id: 'of-others',
        status: 'registered',
        subject: { reference: 'Patient/of-others' },
        identifier: [{ system: 'urn:dicom:uid', value: `urn:oid:${uid}` }],
      });
      return undefined;
    });
    app.dicom.store(ctInstance({ study: uid, patientId: 'P-91' }));
    await app.pull();
    await app.drained();
    expect(studyOf(app, uid)).toMatchObject([{ id: 'of-others', numberOfInstances: 1 }]);
    expect(await rowsOf(app, uid)).toEqual([]);
    expect(logsOf(app, uid, 'attempt=')).toEqual([]);
  });

  it('429 with Retry-After: the message waits in the queue that long, nothing is filed, the breaker stays closed', async () => {
    const uid = testUid(92);
    const times = scriptTransactions(uid, () => ({ ...refusal(429), headers: { 'retry-after': '3' } }));
    app.dicom.store(ctInstance({ study: uid, patientId: 'P-92' }));
    await app.pull();
    await app.host.waitForLog(new RegExp(`study=${uid} .*attempt=1`));
    expect(await app.status()).toMatchObject({
      queues: { 'study-changes': 1, 'study-changes-poison': 0 },
      failedEntries: { total: 0 },
      breakers: { fhir: { state: 'closed' }, dicom: { state: 'closed' } },
    });
    const { receivedMessageItems } = await new QueueClient(azurite.connectionString, 'study-changes').receiveMessages();
    expect(receivedMessageItems).toEqual([]);
    await app.drained();
    const [first = 0, second = 0] = times;
    // Queue Storage counts in seconds.
    expect(second - first).toBeGreaterThanOrEqual(2000);
    expect(studyOf(app, uid)).toHaveLength(1);
    expect(await rowsOf(app, uid)).toEqual([]);
  });

  it('an instance without PatientID is left out and filed, the rest of its study is stored; corrected, it is there', async () => {
    const uid = testUid(93);
    const first = ctInstance({ study: uid, patientId: 'P-93', instance: `${uid}.1.1` });
    app.dicom.store([
      first,
      ctInstance({ study: uid, instance: `${uid}.1.2`, instanceNumber: 2, '00100020': undefined }),
    ]);
    await app.pull();
    await app.drained();
    expect(studyOf(app, uid)).toMatchObject([{ numberOfInstances: 1, series: [{ instance: [{ number: 1 }] }] }]);
    expect(await rowsOf(app, uid)).toEqual([
      expect.objectContaining({
        errorType: 'DicomError',
        reason: 'RequiredAttributeMissing',
        sopInstanceUid: `${uid}.1.2`,
        action: 'Create',
        sequence: String(app.dicom.latestSequence),
      }),
    ]);
    app.dicom.update(uid, { '00100020': element('LO', 'P-93') });
    await app.pull();
    await app.drained();
    expect(studyOf(app, uid)).toMatchObject([{ numberOfInstances: 2 }]);
    expect(await rowsOf(app, uid)).toEqual([]);
  });

  it('a deletion that FHIR refuses is filed as one and not forgotten: a retry removes the study', async () => {
    const uid = testUid(94);
    app.dicom.store(ctInstance({ study: uid, patientId: 'P-94' }));
    await app.pull();
    await app.drained();
    const [{ id = '' } = {}] = studyOf(app, uid);
    app.fhir.intercept = ({ kind, body }) =>
      kind === 'transaction' && body.includes(`ImagingStudy/${id}"`) ? refusal(422) : undefined;
    app.dicom.deleteStudy(uid);
    await app.pull();
    await app.drained();
    expect(studyOf(app, uid)).toHaveLength(1);
    expect(await app.failedEntries(`?study=${uid}`)).toMatchObject([
      { action: 'Delete', errorType: 'FhirError', reason: 'TransactionFailed', httpStatus: 422 },
    ]);
    app.fhir.intercept = undefined;
    await app.host.http('/api/failed-entries/retry', { method: 'POST', body: { study: uid } });
    await app.drained();
    expect(studyOf(app, uid)).toEqual([]);
    expect(await rowsOf(app, uid)).toEqual([]);
  });

  it('an optional attribute that is invalid is left out and warned about; the instance is stored', async () => {
    const uid = testUid(95);
    app.dicom.store(ctInstance({ study: uid, patientId: 'P-95', '00100030': element('DA', '19991399') }));
    await app.pull();
    await app.drained();
    expect(studyOf(app, uid)).toMatchObject([{ numberOfInstances: 1 }]);
    const [patient] = app.fhir.all<Patient>('Patient').filter(({ identifier }) => identifier?.[0]?.value === 'P-95');
    expect(patient).toMatchObject({ name: [{ family: 'Doe' }], gender: 'female' });
    expect(patient).not.toHaveProperty('birthDate');
    expect(await rowsOf(app, uid)).toEqual([]);
    const answer = await app.host.http(`/api/warnings?study=${uid}`);
    expect(answer.json()).toMatchObject({
      items: [
        {
          keyword: 'PatientBirthDate',
          tag: '00100030',
          problem: 'expected a date that exists',
          instanceUid: `${uid}.1.1`,
        },
      ],
    });
    const told = logsOf(app, uid, 'PatientBirthDate');
    expect(told.join('\n')).toMatch(new RegExp(`instance=${uid}.1.1`));
    expect([answer.text, ...app.host.logs].join('\n')).not.toContain('19991399');
  });

  it('a reply that is lost after the commit: the study is deferred until nothing can arrive any more, and is there once', async () => {
    const uid = testUid(96);
    const times = scriptTransactions(uid, () => ({ destroy: 'after' }));
    app.dicom.store(ctInstance({ study: uid, patientId: 'P-96' }));
    await app.pull();
    await eventually(() => Promise.resolve(logsOf(app, uid, 'Deferred')[0]));
    // The copy is sent before the message is completed: for a moment there are both.
    const status = await eventually(async () => {
      const now = await app.status();
      return now.queues['study-changes'] === 1 ? now : undefined;
    });
    expect(status).toMatchObject({
      failedEntries: { total: 0 },
      breakers: { fhir: { state: 'open', reason: 'ConnectionFailed' } },
    });
    await app.drained(30_000);
    // FUNCTION_TIMEOUT_SECONDS + FHIR_TIMEOUT_SECONDS: by then everything that was sent has arrived.
    expect(Date.now() - (times[0] ?? 0)).toBeGreaterThanOrEqual(10_500);
    expect(times).toHaveLength(1);
    expect(studyOf(app, uid)).toMatchObject([{ numberOfInstances: 1, meta: { versionId: '1' } }]);
    expect(app.fhir.all<Patient>('Patient').filter(({ identifier }) => identifier?.[0]?.value === 'P-96')).toHaveLength(
      1,
    );
    expect(await rowsOf(app, uid)).toEqual([]);
    expect((await app.status()).breakers.fhir.state).toBe('closed');
  });

  it('a service that is down for longer than OUTAGE_BUDGET_HOURS: the study is filed with the cause, and a retry brings it', async () => {
    const uid = testUid(97);
    app.dicom.store(ctInstance({ study: uid, patientId: 'P-97' }));
    app.fhir.intercept = () => refusal(503);
    const waitedForTwoHours = {
      study: { partition: 'Microsoft.Default', uid },
      changes: [{ sequence: app.dicom.latestSequence, action: 'Create', series: `${uid}.1`, instance: `${uid}.1.1` }],
      deferred: { since: new Date(Date.now() - 7_200_000).toISOString(), times: 12 },
    };
    const queue = new QueueClient(azurite.connectionString, 'study-changes');
    await queue.sendMessage(Buffer.from(JSON.stringify(waitedForTwoHours)).toString('base64'));
    const rows = await eventually(async () => {
      const found = await app.failedEntries(`?study=${uid}`);
      return found.length > 0 ? found : undefined;
    });
    await app.drained();
    expect(rows).toMatchObject([
      {
        errorType: 'TransientFailure',
        reason: 'OutageBudgetExceeded',
        httpStatus: 503,
        message: expect.stringMatching(/OUTAGE_BUDGET_HOURS.*ServiceUnavailable/) as unknown,
        sequence: String(app.dicom.latestSequence),
      },
    ]);
    app.fhir.intercept = undefined;
    await app.host.http('/api/failed-entries/retry', { method: 'POST', body: { reason: 'OutageBudgetExceeded' } });
    await app.drained(30_000);
    expect(studyOf(app, uid)).toHaveLength(1);
    expect(await rowsOf(app, uid)).toEqual([]);
  });
});

interface InvalidAttribute {
  readonly keyword: string;
  readonly tag: `0${string}`;
  readonly wrong: DicomJsonElement;
  readonly right: DicomJsonElement;
}

/** Attributes whose invalid value fails the instance under full validation. */
const invalidAttributes: readonly InvalidAttribute[] = [
  { keyword: 'PatientBirthDate', tag: '00100030', wrong: element('DA', '19991399'), right: element('DA', '19991231') },
  { keyword: 'StudyDate', tag: '00080020', wrong: element('DA', 'Fastnacht'), right: element('DA', '20240213') },
  { keyword: 'StudyTime', tag: '00080030', wrong: element('TM', '997700'), right: element('TM', '101500') },
  { keyword: 'SeriesNumber', tag: '00200011', wrong: element('IS', 'Siebzehn'), right: element('IS', 17) },
  { keyword: 'Modality', tag: '00080060', wrong: element('CS', 'Röntgen!'), right: element('CS', 'CT') },
  { keyword: 'PatientSex', tag: '00100040', wrong: element('CS', 'QX'), right: element('CS', 'F') },
  { keyword: 'TimezoneOffsetFromUTC', tag: '00080201', wrong: element('SH', '+9977'), right: element('SH', '+0100') },
  {
    keyword: 'ProcedureCodeSequence',
    tag: '00081032',
    wrong: element('SQ', 'Eingriff'),
    right: { vr: 'SQ', Value: [codeItem('P1', '99LOCAL', 'Procedure')] },
  },
];

describe('VALIDATION=full: any invalid attribute fails its instance', () => {
  const azurite = useAzurite();
  let app: CastApp;
  const uidOf = (keyword: string): string =>
    testUid(70, invalidAttributes.findIndex((attribute) => attribute.keyword === keyword) + 1);

  beforeAll(async () => {
    app = await startCastApp(azurite, { VALIDATION: 'full' });
    for (const { keyword, tag, wrong } of invalidAttributes) {
      const study = uidOf(keyword);
      app.dicom.store([
        ctInstance({ study, patientId: `P-${keyword}` }),
        // In a series of its own: attributes of a series may differ.
        { ...ctInstance({ study, patientId: `P-${keyword}`, series: `${study}.2` }), [tag]: wrong },
      ]);
    }
    await app.pull();
    await app.drained();
  }, 40_000);

  afterAll(async () => {
    await app.stop();
  });

  it.each(invalidAttributes)(
    '$keyword: filed by its name, never its value; the rest of the study is stored',
    async (attribute) => {
      const { keyword, tag, wrong } = attribute;
      const uid = uidOf(keyword);
      const entries = await app.failedEntries(`?study=${uid}`);
      expect(entries).toMatchObject([
        {
          errorType: 'DicomError',
          reason: 'InvalidAttribute',
          instanceUid: `${uid}.2.1`,
          seriesUid: `${uid}.2`,
          action: 'Create',
          message: expect.stringMatching(new RegExp(`^${keyword} \\(${tag}\\): expected`)) as unknown,
          suggestedFix: expect.stringMatching(/\w/) as unknown,
        },
      ]);
      expect(JSON.stringify([entries, await rowsOf(app, uid)])).not.toContain(String(wrong.Value?.[0]));
      expect(studyOf(app, uid)).toMatchObject([{ numberOfInstances: 1, series: [{ uid: `${uid}.1` }] }]);
    },
  );

  it('there are no warnings, no value is in the log, and the queue is empty', async () => {
    expect((await app.host.http('/api/warnings')).json()).toEqual({ items: [] });
    for (const { wrong } of invalidAttributes)
      expect(app.host.logs.filter((line) => line.includes(String(wrong.Value?.[0])))).toEqual([]);
    expect(await app.status()).toMatchObject({
      queues: { 'study-changes': 0, 'study-changes-poison': 0 },
      failedEntries: { total: invalidAttributes.length, byReason: { InvalidAttribute: invalidAttributes.length } },
      breakers: { dicom: { state: 'closed' }, fhir: { state: 'closed' } },
    });
  });

  it('corrected, every instance is there and no row is left', async () => {
    for (const { keyword, tag, right } of invalidAttributes) app.dicom.update(uidOf(keyword), { [tag]: right });
    await app.pull();
    await app.drained();
    expect(await app.tableRows('FailedEntries')).toEqual([]);
    for (const { keyword } of invalidAttributes)
      expect(studyOf(app, uidOf(keyword))).toMatchObject([{ numberOfInstances: 2 }]);
  });
});
