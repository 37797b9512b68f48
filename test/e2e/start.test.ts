import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ReconcileSummary } from '../../local/reconcile/showReconcile';
import type { Summary } from '../../local/start/summary';
import { ctInstance, element, testUid } from '../support/instances';
import { part10Of } from '../support/part10';

const MAIN = join(__dirname, '..', '..', 'dist', 'local', 'start', 'main.js');

interface Ended {
  readonly code: number | null;
  readonly output: string;
  /** Lines of the error stream: progress, and what went wrong. */
  readonly told: readonly string[];
}

/** `npm start -- …`, as npm runs it after the build. */
function start(commandLine: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [MAIN, ...commandLine], { env: { ...process.env, ...environment } });
    let [output, errors] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    child.once('error', reject);
    child.once('close', (code) => {
      resolve({ code, output, told: errors.split('\n').filter((line) => line !== '') });
    });
  });
}

interface SummaryOfBothRounds extends Summary {
  readonly reconcile: ReconcileSummary;
  readonly secondRound: { readonly resourcesWritten: number };
}

const summaryOf = ({ output }: Ended): SummaryOfBothRounds => JSON.parse(output) as SummaryOfBothRounds;

let folder: string;
let busy: Server;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'start-'));
  busy = createServer((connection) => connection.destroy());
  await new Promise<void>((resolve) => busy.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  await new Promise((resolve) => busy.close(resolve));
  await rm(folder, { recursive: true });
});

/** A folder of its own with these files. */
async function folderWith(name: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  const directory = join(folder, name);
  for (const [path, content] of Object.entries(files)) {
    await mkdir(join(directory, path, '..'), { recursive: true });
    await writeFile(join(directory, path), content);
  }
  return directory;
}

describe('npm start -- --once', () => {
  let firstRun: Promise<Ended> | undefined;
  const first = (): Promise<Ended> => (firstRun ??= start(['--once']));

  it('brings the samples into FHIR, says in figures what that took, and finds nothing to write in a second round', async () => {
    const ended = await first();
    expect(ended.code).toBe(0);
    const { studies, instances, fhir, dicom, failedEntries, secondRound } = summaryOf(ended);
    expect(studies).toBeGreaterThan(20);
    expect(instances).toBeGreaterThan(studies);
    expect(fhir.resourcesWritten).toMatchObject({ ImagingStudy: studies });
    expect(fhir.resourcesWritten.Patient).toBeGreaterThan(20);
    expect(fhir.requests).toBe(Object.values(fhir.requestsByKind).reduce((sum, count) => sum + count, 0));
    // Small studies that are worked on at once share a transaction.
    expect(fhir.requestsByKind.transaction).toBeLessThanOrEqual(studies);
    // 5 where the Patient is new, one more where Observations are searched; the Endpoint and the health check cost a few.
    expect(fhir.requests).toBeLessThanOrEqual(6 * studies + 10);
    expect(dicom.requests).toBeLessThanOrEqual(studies + 10);
    expect(failedEntries).toEqual({ total: 0, byReason: {} });
    expect(secondRound).toEqual({ resourcesWritten: 0 });
    expect(ended.told.join('\n')).toMatch(/Stored \d+ instances of \d+ studies/);
  }, 180_000);

  it('finds the orphans among the sample payloads of a FHIR server, and moves them to quarantine', async () => {
    const { reconcile } = summaryOf(await first());
    expect(reconcile.dryRun).toMatchObject({ state: 'complete', listed: 1229, ok: 1193, orphans: 23 });
    expect(reconcile.deleteRun).toMatchObject({ state: 'complete', orphans: 23, quarantined: 23 });
  }, 180_000);

  it('takes the files of a folder, and names and skips the one that cannot be read', async () => {
    const study = testUid(1);
    const instance = (number: number) => ctInstance({ study, instance: `${study}.1.${number}` });
    const directory = await folderWith('mixed', {
      'a.dcm': part10Of(instance(1)),
      'deeper/below/b': part10Of(instance(2)),
      'deeper/c.json': JSON.stringify([instance(3), ctInstance({ study: testUid(2), patientId: 'PATIENT-2' })]),
      'broken.dcm': 'this was an image once',
    });
    const ended = await start(['--once', '--dicom', directory]);
    expect(ended.code).toBe(0);
    expect(ended.told).toContainEqual(expect.stringMatching(/^Skipped broken\.dcm: ./));
    expect(summaryOf(ended)).toMatchObject({
      studies: 2,
      instances: 4,
      skipped: 1,
      fhir: { resourcesWritten: { ImagingStudy: 2, Patient: 2 } },
      failedEntries: { total: 0 },
      secondRound: { resourcesWritten: 0 },
    });
  }, 120_000);

  it('ends with 1 and counts by reason when an instance is not in FHIR', async () => {
    const directory = await folderWith('nameless', {
      'a.dcm': part10Of(ctInstance({ instance: `${testUid(1)}.1.1` })),
      'b.dcm': part10Of(ctInstance({ instance: `${testUid(1)}.1.2`, '00100020': element('LO') })),
    });
    const ended = await start(['--once', '--dicom', directory]);
    expect(ended.code).toBe(1);
    const { failedEntries, fhir } = summaryOf(ended);
    expect(failedEntries.total).toBeGreaterThan(0);
    expect(failedEntries.byReason).toEqual({ RequiredAttributeMissing: failedEntries.total });
    expect(fhir.resourcesWritten).toMatchObject({ ImagingStudy: 1 });
    expect(ended.told.join('\n')).not.toContain('Doe');
  }, 120_000);
});

describe('what goes wrong at the start', () => {
  const port = (): string => String((busy.address() as AddressInfo).port);

  it.concurrent.each<{
    readonly name: string;
    readonly commandLine: () => readonly string[];
    readonly environment?: Readonly<Record<string, string>>;
    readonly code: number;
    readonly line: RegExp;
  }>([
    {
      name: 'an option that there is none of',
      commandLine: () => ['--frobnicate'],
      code: 2,
      line: /'--frobnicate'.*--help/,
    },
    {
      name: 'a word that is no option',
      commandLine: () => ['images'],
      code: 2,
      line: /'images'.*--help/,
    },
    {
      name: 'a port that is no number',
      commandLine: () => ['--port', 'many'],
      code: 2,
      line: /^--port expects a port number/,
    },
    {
      name: 'a URL that is none',
      commandLine: () => ['--fhir-url', 'fhir.example'],
      code: 2,
      line: /^--fhir-url expects an absolute http\(s\) URL/,
    },
    {
      name: 'a folder that is not there',
      commandLine: () => ['--once', '--dicom', join(folder, 'nowhere')],
      code: 1,
      line: /^There is no folder .*nowhere$/,
    },
    {
      name: 'a busy port of the DICOM service',
      commandLine: () => ['--once', '--dicom-port', port()],
      code: 1,
      line: /^Port \d+ for the DICOM service is in use; choose another with --dicom-port N$/,
    },
    {
      name: 'a busy port of the FHIR server',
      commandLine: () => ['--once', '--fhir-port', port()],
      code: 1,
      line: /^Port \d+ for the FHIR server is in use; choose another with --fhir-port N$/,
    },
    {
      name: 'a busy port of the functions',
      commandLine: () => ['--once', '--port', port()],
      code: 1,
      line: /^Port \d+ for the functions is in use; choose another with --port N$/,
    },
    {
      name: 'a setting that is wrong',
      commandLine: () => ['--once'],
      environment: { DEFAULT_TIME_ZONE: 'Nowhere' },
      code: 1,
      line: /^A setting is wrong: DEFAULT_TIME_ZONE: expected an IANA time zone/,
    },
    {
      name: 'a FHIR server that cannot be reached',
      commandLine: () => ['--once', '--fhir-url', 'http://127.0.0.1:9/fhir'],
      code: 1,
      line: /^fhir: The FHIR server cannot be reached/,
    },
    {
      name: 'a DICOM service that cannot be reached',
      commandLine: () => ['--once', '--dicom-url', 'http://127.0.0.1:9'],
      code: 1,
      line: /^dicom: The DICOM service cannot be reached/,
    },
  ])(
    '$name is one clear line',
    async ({ commandLine, environment, code, line }) => {
      const ended = await start(commandLine(), environment);
      expect(ended.told.at(-1)).toMatch(line);
      expect(ended.code).toBe(code);
      expect(ended.output).toBe('');
      // The line alone, before anything was started: no progress, no stack and no further words.
      expect(ended.told).toHaveLength(1);
    },
    120_000,
  );

  it.concurrent(
    'a FHIR server that answers nothing is one clear line after the progress',
    async () => {
      const ended = await start(['--once', '--fhir-url', `http://127.0.0.1:${port()}/fhir`]);
      expect(ended.told.at(-1)).toMatch(/^fhir: The FHIR server broke the connection/);
      expect([ended.code, ended.output]).toEqual([1, '']);
      expect(ended.told.filter((told) => !/^(Starting|Stored) /.test(told))).toHaveLength(1);
    },
    120_000,
  );
});
