import { TableClient } from '@azure/data-tables';
import type { ImagingStudy, Patient } from 'fhir/r4';
import { statusOf } from '../../src/failures/storageError';
import { isSignKey } from '../../src/failures/tableKeys';
import { type DicomService, startDicomService } from '../../local/dicom/dicomService';
import { type LocalFhirServer, startFhirServer } from '../../local/fhir';
import { useAzurite } from '../support/azurite';
import { eventually } from '../support/eventually';
import { type HostProcess, startHostProcess } from '../support/hostProcess';
import { ctInstance, testUid } from '../support/instances';
import { locksRunOut } from '../support/locksRunOut';
import { type GatedRequest, type RequestGate, startGate } from '../support/requestGate';
import { isThorough } from '../support/thorough';

const azurite = useAzurite();

/** Never by itself within a test. */
const NEVER = '0 0 0 1 1 *';

let dicom: DicomService;
let fhir: LocalFhirServer;
let gate: RequestGate;
beforeAll(async () => {
  dicom = await startDicomService();
  fhir = await startFhirServer();
  const { blobUrl, queueUrl, tableUrl } = azurite.running;
  gate = await startGate({ dicom: dicom.url, fhir: fhir.url, blob: blobUrl, queue: queueUrl, table: tableUrl });
});
afterAll(async () => {
  await gate.stop();
  await fhir.stop();
  await dicom.stop();
});

/** The built app in a process of its own, every request of which goes through the gate. */
function startApp(): Promise<HostProcess> {
  const { blobUrl, queueUrl, tableUrl } = azurite.running;
  const storage = [blobUrl, queueUrl, tableUrl].reduce(
    (text, url) => text.replace(url, gate.through(url)),
    azurite.connectionString,
  );
  return startHostProcess({
    settings: {
      AzureWebJobsStorage: storage,
      DICOM_URL: gate.through(dicom.url),
      DICOM_PUBLIC_URL: 'https://dicom.example',
      FHIR_URL: gate.through(fhir.url),
      PATIENT_ID_SYSTEM: 'urn:oid:1.2.3.4',
      CHANGE_FEED_SCHEDULE: NEVER,
      MARK_SWEEP_SCHEDULE: NEVER,
      RECONCILE_SWEEP_SCHEDULE: NEVER,
      FUNCTION_TIMEOUT_SECONDS: '10',
      FHIR_TIMEOUT_SECONDS: '1',
      BACK_OFF_BASE_SECONDS: '1',
      AzureFunctionsJobHost__extensions__queues__maxPollingInterval: '00:00:00.100',
      AzureFunctionsJobHost__extensions__queues__visibilityTimeout: '00:00:01',
    },
    // What a dead host has taken comes back after this time, not after ten minutes.
    commandLine: ['--message-lease-seconds', '1'],
  });
}

/** Everything but the host's looks into its queues, which come and go as they please. */
const counts = ({ service, method, path }: GatedRequest): boolean =>
  service !== 'queue' || method !== 'GET' || !path.includes('/messages');

async function cursor(): Promise<number> {
  const table = TableClient.fromConnectionString(azurite.connectionString, 'SyncState', {
    allowInsecureConnection: true,
  });
  return table.getEntity('cast', 'change-feed').then(
    ({ sequence }) => Number(sequence),
    () => 0,
  );
}

async function messagesLeft(): Promise<number> {
  const left = ['study-changes', 'study-changes-poison'].map((name) =>
    azurite
      .queueClient(name)
      .getProperties()
      .then(
        ({ approximateMessagesCount = 0 }) => approximateMessagesCount,
        // Nobody has sent to it yet; of any other failure nothing is known.
        (error: unknown) => (statusOf(error) === 404 ? 0 : 1),
      ),
  );
  return (await Promise.all(left)).reduce((sum, count) => sum + count, 0);
}

const atRest = async (): Promise<true | undefined> =>
  (await cursor()) === dicom.latestSequence && (await messagesLeft()) === 0 ? true : undefined;

async function bringUpToDate(app: HostProcess): Promise<void> {
  await app.invoke('pull-change-feed');
  await eventually(atRest, 15_000);
}

/** A minute passes for the locks of the dead. */
async function leasesRunOut(): Promise<void> {
  const locks = TableClient.fromConnectionString(azurite.connectionString, 'PatientLocks', {
    allowInsecureConnection: true,
  });
  // A process that died early has not made it yet.
  await locks.createTable();
  await locksRunOut(locks);
}

const failedEntries = (): TableClient =>
  TableClient.fromConnectionString(azurite.connectionString, 'FailedEntries', { allowInsecureConnection: true });

async function failedEntriesAndMarks(): Promise<readonly { readonly partitionKey: string; readonly rowKey: string }[]> {
  const rows: { readonly partitionKey: string; readonly rowKey: string }[] = [];
  for await (const { partitionKey = '', rowKey = '' } of failedEntries().listEntities())
    if (!isSignKey(rowKey)) rows.push({ partitionKey, rowKey });
  return rows;
}

/** The marks of the dead become as old as the sweep wants them. @returns how many there are */
async function marksGrowOld(): Promise<number> {
  const rows = await failedEntriesAndMarks();
  for (const row of rows)
    await failedEntries().updateEntity({ ...row, startedAt: '2026-01-01T00:00:00.000Z' }, 'Merge');
  return rows.length;
}

/** What FHIR should hold, by hand: each study once, with its instances, and its own Patient. */
function expectFhirEqualsLive(): void {
  const held = fhir
    .all<ImagingStudy>('ImagingStudy')
    .map(({ identifier, series = [], numberOfInstances, subject }) => ({
      uid: identifier?.[0]?.value,
      instances: series.flatMap(({ instance = [] }) => instance.map(({ uid }) => uid)).sort(),
      numberOfInstances,
      patient: fhir.read<Patient>('Patient', subject.reference?.split('/')[1] ?? '')?.identifier?.[0]?.value,
    }));
  const live = dicom.studies().map(({ partition, uid }) => ({
    uid: `urn:oid:${uid}`,
    instances: dicom.liveInstances(partition, uid).map((instance) => instance['00080018']?.Value?.[0]),
    numberOfInstances: dicom.liveInstances(partition, uid).length,
    patient: `P-${uid}`,
  }));
  const byUid = (a: { uid?: string | undefined }, b: { uid?: string | undefined }): number =>
    (a.uid ?? '') < (b.uid ?? '') ? -1 : 1;
  expect(held.sort(byUid)).toEqual(live.sort(byUid));
  expect(fhir.counts).toMatchObject({ Patient: live.length, Endpoint: 1 });
}

/** Two instances of a new study and a new Patient. */
function storeNewStudy(number: number): void {
  const study = testUid(900 + number);
  const patientId = `P-${study}`;
  dicom.store([1, 2].map((instance) => ctInstance({ study, instance: `${study}.1.${instance}`, patientId })));
}

/** So that a kind that is new each time shows itself as a failure, and not as a time-out. */
const MOST_KINDS = 40;

/** Which request it is, whatever study and run it is for. */
function kindOf({ service, method, path }: GatedRequest): string {
  const place = decodeURIComponent(path.split('?')[0] ?? '');
  const nameless = place
    .replace(/RowKey='(~[a-z-]+~)?[^']*'/g, "RowKey='$1*'")
    .replace(/[0-9a-f]{8}-[0-9a-f-]{27}|\b[\d.]{10,}/g, '*')
    .replace(/studies-\d/, 'studies-*');
  return `${service} ${method} ${nameless}`;
}

/** The steps that matter most: a process dies before one of each. */
const STEPS = [/^table PUT .*SyncState/, /^queue POST/, /^table PUT .*~/, /^fhir POST/, /^queue DELETE/];

/** Without thoroughness a process dies before every sixth kind and the first of each of these steps. */
const isFatal = (kind: string, place: number, fatal: readonly string[]): boolean =>
  isThorough ||
  place % 6 === 0 ||
  STEPS.some((step) => step.test(kind) && !fatal.some((earlier) => step.test(earlier)));

describe('the app in a process that is killed', () => {
  it(`before ${isThorough ? 'each kind' : 'some kinds'} of its requests, then started again, brings everything into FHIR exactly once`, async () => {
    const fatal: string[] = [];
    const met = new Set<string>();
    for (let round = 1; round <= MOST_KINDS; round++) {
      const app = await startApp();
      try {
        // What the process before left behind.
        await bringUpToDate(app);
        expect({ fatal: fatal.at(-1), ...differences() }).toEqual({ fatal: fatal.at(-1) });

        storeNewStudy(round);
        let isKilled = false;
        const killed = new Promise<'killed'>((resolve) => {
          gate.decide = async (request) => {
            if (isKilled) return 'swallow';
            const kind = kindOf(request);
            const isNew = counts(request) && !met.has(kind);
            if (isNew) met.add(kind);
            if (isNew && isFatal(kind, met.size - 1, fatal)) {
              fatal.push(kind);
              isKilled = true;
              await app.kill();
              resolve('killed');
              return 'swallow';
            }
            return 'forward';
          };
        });
        const survived = bringUpToDate(app).then(
          () => 'survived' as const,
          // The call of the timer dies with the process.
          (error: unknown) => (isKilled ? killed : Promise.reject(error as Error)),
        );
        const outcome = await Promise.race([killed, survived]);
        if (outcome === 'survived') break;
      } finally {
        gate.decide = () => 'forward';
        await app.kill();
      }
      await leasesRunOut();
    }
    expect(fatal.length).toBeLessThan(MOST_KINDS);
    for (const step of STEPS) expect(fatal).toContainEqual(expect.stringMatching(step));

    expect(await marksGrowOld()).toBeGreaterThan(0);
    const last = await startApp();
    try {
      await last.invoke('sweep-marks');
      await eventually(async () => ((await failedEntriesAndMarks()).length === 0 ? atRest() : undefined), 15_000);
      expectFhirEqualsLive();
    } finally {
      await last.stop();
    }
  }, 150_000);
});

function differences(): { readonly problem?: string } {
  try {
    if (dicom.latestSequence > 0) expectFhirEqualsLive();
    return {};
  } catch (error) {
    return { problem: String(error) };
  }
}
