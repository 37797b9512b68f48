import type { ImagingStudy, Patient } from 'fhir/r4';
import { Random } from '../../chaos/random';
import { useAzurite } from '../../support/azurite';
import { CastRig } from '../../support/castRig';
import { ctInstance, element, testUid } from '../../support/instances';
import { violationsOf } from '../../support/oracle';
import { sampleOf } from '../../support/thorough';

type Intercept = NonNullable<CastRig['fhir']['intercept']>;
type Intercepted = Parameters<Intercept>[0];

const STUDIES = 12;
const NUMBERS = Array.from({ length: STUDIES }, (_, index) => index + 1);
const uidOf = (number: number): string => testUid(800, number);
const nameOf = (number: number): string => `Zwölfender${number}^Alma`;
const idOf = (number: number): string => `MRN-88${100 + number}`;

/** Studies that one process works on at the same time: their FHIR requests meet. */
describe('studies that are worked on at once', () => {
  const azurite = useAzurite();
  let rig: CastRig;

  afterEach(async () => {
    await rig.stop();
  });

  const start = async (settings: Readonly<Record<string, string>> = {}): Promise<void> => {
    rig = await CastRig.start(azurite, { settings });
    // The Endpoint is ensured once per process.
    rig.dicom.store(ctInstance({ study: testUid(1), patientId: 'WARM-UP' }));
    await rig.settle();
    for (const number of NUMBERS)
      rig.dicom.store(
        ctInstance({
          study: uidOf(number),
          patientId: idOf(number),
          '00100010': element('PN', { Alphabetic: nameOf(number) }),
        }),
      );
    await rig.pull();
    rig.fhir.requests.reset();
  };

  /** One process takes every message that is visible. */
  const deliverAll = async (): Promise<void> => {
    await Promise.all(rig.queue.visible().map((message) => rig.deliver(message)));
  };
  const isTransaction = ({ kind }: Intercepted): boolean => kind === 'transaction';
  const isShared = (request: Intercepted): boolean =>
    isTransaction(request) && NUMBERS.filter((number) => request.body.includes(`${uidOf(number)}"`)).length > 1;
  /** Answers slowly enough that the others come meanwhile. */
  const slowly = (request: Intercepted, answer?: object): ReturnType<Intercept> =>
    isTransaction(request) || request.method === 'GET' ? { delayMs: 40, ...answer } : answer;
  /** A server that repeats what it was sent. */
  const talkative = (status: number, { body }: Intercepted): object => ({
    status,
    headers: { 'content-type': 'application/fhir+json' },
    body: JSON.stringify({
      resourceType: 'OperationOutcome',
      issue: [
        {
          severity: 'error',
          code: 'invalid',
          diagnostics: `Cannot store ${NUMBERS.filter((number) => body.includes(idOf(number)))
            .map((number) => `${nameOf(number)} ${idOf(number)}`)
            .join(', ')}`,
        },
      ],
    }),
  });

  it('share FHIR requests: there are fewer than studies of each kind, and every resource is right', async () => {
    await start();
    rig.fhir.intercept = (request) => slowly(request);
    await deliverAll();
    expect(rig.queue.length).toBe(0);
    const { counts } = rig.fhir;
    expect(counts).toMatchObject({ ImagingStudy: STUDIES + 1, Patient: STUDIES + 1 });
    expect(await violationsOf(rig)).toEqual([]);
    expect(await rig.failures()).toEqual([]);
    for (const study of rig.fhir.all<ImagingStudy>('ImagingStudy')) {
      const number = NUMBERS.find((one) => study.identifier?.[0]?.value === `urn:oid:${uidOf(one)}`);
      const patient = rig.fhir.read<Patient>('Patient', study.subject.reference?.split('/')[1] ?? '');
      if (number !== undefined) expect(patient?.identifier?.[0]?.value).toBe(idOf(number));
    }
    // Alone it would be 5 of each study: one of them is the transaction.
    expect(rig.fhir.requests.total).toBeLessThan(STUDIES * 4);
    expect(rig.fhir.requests.count('transaction')).toBeLessThan(STUDIES);
  });

  it('have a request each with FHIR_TOGETHER=1', async () => {
    await start({ FHIR_TOGETHER: '1' });
    rig.fhir.intercept = (request) => slowly(request);
    await deliverAll();
    expect(rig.fhir.requests.total).toBe(5 * STUDIES);
    expect(await violationsOf(rig)).toEqual([]);
  });

  it('are stored when the server refuses one of them, which is filed with its own reason and nothing about the others', async () => {
    await start();
    const bad = 7;
    let shared = 0;
    rig.fhir.intercept = (request) => {
      if (isShared(request)) shared++;
      const refused = isTransaction(request) && request.body.includes(`${uidOf(bad)}"`);
      return slowly(request, refused ? talkative(422, request) : undefined);
    };
    await deliverAll();
    expect(shared).toBeGreaterThan(0);
    // It has a message of its own now.
    expect(rig.queue.all().map((message) => rig.queue.parse(message).study.uid)).toEqual([uidOf(bad)]);
    await rig.drain();
    expect(rig.fhir.counts.ImagingStudy).toBe(STUDIES);
    const rows = await rig.failures();
    expect(rows).toMatchObject([
      { study: { uid: uidOf(bad) }, errorType: 'FhirError', reason: 'TransactionFailed', httpStatus: 422 },
    ]);
    expect(rows[0]?.message).toContain('Cannot store');
    expectNothingOf(NUMBERS, rows);
    expect(await violationsOf(rig)).toEqual([]);
  });

  it('are all deferred when the server has no time for a shared transaction (503), with nothing that it said, and come in later', async () => {
    await start();
    let shared = 0;
    rig.fhir.intercept = (request) => {
      if (isShared(request)) shared++;
      return slowly(request, isTransaction(request) ? talkative(503, request) : undefined);
    };
    await deliverAll();
    expect(shared).toBeGreaterThan(0);
    const waiting = rig.queue.all().map((message) => rig.queue.parse(message));
    expect(waiting.map(({ deferred }) => deferred?.times)).toEqual(NUMBERS.map(() => 1));
    expect(new Set(waiting.map(({ study }) => study.uid)).size).toBe(STUDIES);
    expect(await rig.failures()).toEqual([]);
    expectNothingOf(NUMBERS, [rig.queue.sent, rig.notifications, rig.telemetry]);
    rig.fhir.intercept = undefined;
    await rig.drain();
    expect(rig.fhir.counts.ImagingStudy).toBe(STUDIES + 1);
    expect(await violationsOf(rig)).toEqual([]);
  });

  it('that are given up after a shared transaction was refused with 503 again and again say nothing about each other', async () => {
    await start({ OUTAGE_BUDGET_HOURS: '1' });
    rig.fhir.intercept = (request) => slowly(request, isTransaction(request) ? talkative(503, request) : undefined);
    await deliverAll();
    for (let round = 0; round < 3; round++) {
      rig.advance(3_600_000);
      await deliverAll();
    }
    const rows = await rig.failures();
    expect(new Set(rows.map(({ reason }) => reason))).toEqual(new Set(['OutageBudgetExceeded']));
    expect(rows).toHaveLength(STUDIES);
    for (const row of rows)
      expectNothingOf(
        NUMBERS.filter((number) => uidOf(number) !== row.study.uid),
        row,
      );
  });

  const faults = [
    { status: 400 },
    { status: 403 },
    { status: 409 },
    { status: 412 },
    { status: 429 },
    { status: 500 },
    { status: 503 },
    { status: 504 },
    { body: '<html>', status: 200 },
    { destroy: 'before' },
    { destroy: 'after' },
  ] as const;

  it.each(sampleOf([1, 2, 3], 0.3))(
    'end with FHIR true to DICOM, or with rows that say why not, whatever happens to what they share (seed %i)',
    async (seed) => {
      const random = new Random(seed);
      await start({ MAX_ATTEMPTS: '3', BACK_OFF_BASE_SECONDS: '1' });
      const act = (): void => {
        const study = uidOf(random.between(1, STUDIES));
        if (random.chance(0.3)) rig.dicom.deleteStudy(study);
        else {
          const instance = `${study}.1.${random.between(1, 4)}`;
          const patientId = random.pick(['SHARED-1', 'SHARED-2', `OWN-${study.slice(-3)}`]);
          rig.dicom.deleteStudy(study);
          rig.dicom.store(ctInstance({ study, instance, patientId }));
        }
      };
      for (let round = 0; round < 3; round++) {
        for (let acts = 0; acts < STUDIES; acts++) act();
        await rig.pull();
        rig.fhir.intercept = (request) => {
          const fault = random.chance(0.1) ? random.pick(faults) : undefined;
          // Refused for good after the write, a search would leave a row about something that is in FHIR.
          const isForGood = fault !== undefined && 'status' in fault && fault.status === 400;
          return slowly(request, isForGood && !isTransaction(request) ? undefined : fault);
        };
        await deliverAll();
        rig.advance(random.between(1000, 1_000_000));
        await deliverAll();
      }
      rig.fhir.intercept = undefined;
      await rig.settle();
      expect(await violationsOf(rig)).toEqual([]);
    },
  );

  it('of one Patient, old and new, make one Patient', async () => {
    await start();
    for (const number of NUMBERS)
      rig.dicom.store(ctInstance({ study: testUid(801, number), patientId: `SAME-${number % 2}` }));
    await rig.pull();
    rig.fhir.intercept = (request) => slowly(request);
    await deliverAll();
    await rig.settle();
    expect(rig.fhir.counts).toMatchObject({ ImagingStudy: 2 * STUDIES + 1, Patient: STUDIES + 3 });
    expect(await violationsOf(rig)).toEqual([]);
  });
});

/** No name and no PatientID of these stands anywhere in it. */
function expectNothingOf(numbers: readonly number[], texts: unknown): void {
  const all = JSON.stringify(texts);
  for (const number of numbers)
    for (const secret of [idOf(number), nameOf(number).split('^')[0] ?? ''])
      expect(all).not.toMatch(new RegExp(`${secret}(?!\\d)`));
}
