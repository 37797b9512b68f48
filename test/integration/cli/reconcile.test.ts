import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ContainerClient } from '@azure/storage-blob';
import { Client } from 'pg';
import { useAzurite } from '../../support/azurite';
import { eventually } from '../../support/eventually';
import { LOST_PAYLOADS } from '../../../local/samples/reconcile/samplePayloads';
import { goldenExpected, goldenNames, grantReading, loadGolden, storeGolden } from '../payloads/golden';
import { startPostgres, type PostgresServer } from '../payloads/postgresServer';
import { nextSecondOfStorage, putBlobs } from '../payloads/reconcileRig';
import { configureServer, startReconcile, type ConfiguredServer, type FinishedCommand } from './reconcileProcess';

const azurite = useAzurite();
let server: PostgresServer;
let owner: Client;
let golden: ContainerClient;
let goldenServer: ConfiguredServer;
/** It tries again for half a minute, while the other tests run. */
let unreachable: Promise<FinishedCommand>;

beforeAll(async () => {
  server = await startPostgres();
  await loadGolden(server.connection);
  await grantReading(server.connection, 'reader');
  owner = new Client(server.connection);
  await owner.connect();
  golden = await azurite.container();
  await storeGolden(azurite.running, golden);
  await nextSecondOfStorage(golden);
  // A database has no say on times after its newest row.
  await owner.query(`update fhirdata.logical_resources set last_updated = now() at time zone 'utc' + interval '1 hour'
    where logical_id = 'pat-0001'`);
  goldenServer = serverOf(golden);
  const nobody = configureServer(
    { default: { connectionString: azurite.connectionString, containerName: golden.containerName } },
    { 'db.host': '127.0.0.1', 'db.port': 1, 'db.database': 'postgres', user: 'reader', password: 'secret-word' },
  );
  unreachable = reconcile(nobody);
}, 120_000);

afterAll(async () => {
  await owner.end();
  await server.stop();
});

const serverOf = (
  container: ContainerClient,
  more: Readonly<Record<string, Record<string, string>>> = {},
): ConfiguredServer =>
  configureServer(
    { default: { connectionString: '${PAYLOADS}', containerName: container.containerName }, ...more },
    {
      'db.host': server.connection.host,
      'db.port': server.connection.port,
      'db.database': server.connection.database,
      user: 'reader',
      password: 'not-needed-here',
    },
  );

const start = (args: readonly string[]) => startReconcile(args, { PAYLOADS: azurite.connectionString });
const run = (...args: string[]) => start(args).ended;
const reconcile = ({ config, database }: ConfiguredServer, ...args: string[]) =>
  run(...config, ...database, '--reconcile', ...args);

const linesWith = (text: string, start: string): readonly string[] =>
  text.split('\n').filter((line) => line.startsWith(start));
const tokens = (stderr: string) => linesWith(stderr, '__CONTINUATION_TOKEN__ = ').map((line) => line.split(' = ')[1]!);

/** What is an orphan of the golden data: those added by hand that are one, and those that came by themselves. */
const added = new Map(goldenExpected.added_blobs.map(({ name, exact }) => [name, exact]));
const orphans: ReadonlySet<string> = new Set([
  ...goldenExpected.reference_orphans.filter((name) => !added.has(name)),
  ...[...added.keys()].filter((name) => added.get(name) === 'orphan'),
]);

/** The whole container becomes an hour old. */
function makeOld({ containerName }: ContainerClient): void {
  azurite.running.backdateBlobs(containerName, new Date(Date.now() - 3_600_000));
}

async function namesIn(container: ContainerClient): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const { name } of container.listBlobsFlat()) names.push(name);
  return names;
}

describe('a dry run of the golden container', () => {
  it('tells each orphan in the words of the Java tool, prints a summary alone to stdout, and ends with 3', async () => {
    const report = join(goldenServer.config[1]!, 'report.ndjson');
    const { code, stdout, stderr } = await reconcile(
      goldenServer,
      '--min-age-hours',
      '0',
      '--audit',
      '--report',
      report,
    );
    expect(stderr).not.toMatch(/AccountKey|not-needed-here/);
    expect(code).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({
      state: 'complete',
      dryRun: true,
      totals: { listed: goldenNames.length, orphans: 23, ok: goldenExpected.exact_verdict_counts.referenced },
      audit: { missingCurrent: expect.any(Number) as unknown },
    });
    const orphans = linesWith(stderr, '[ORPHAN] ');
    expect(orphans).toHaveLength(23);
    expect(orphans).toContain('[ORPHAN] 104/ghost-1/1 [00000000-0000-4000-8000-000000000002]');
    const path = '104/ghost-1/1/00000000-0000-4000-8000-000000000002';
    expect(linesWith(stderr, 'Would erase orphaned payload ')).toContain(
      `Would erase orphaned payload ${path} [path=${path}]`,
    );
    expect(stderr).toMatch(/^Page size: 1217; took: \d+\.\d s; orphans: 23; rate: \d+ resources\/s$/m);
    expect(stderr).toMatch(/^Scan complete$/m);
    const findings = readFileSync(report, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { name: string; verdict: string });
    expect(findings.filter(({ verdict }) => verdict === 'orphan')).toHaveLength(23);
  });

  it('calls nothing an orphan that is younger than the age of 24 hours, and ends with 0', async () => {
    const { code, stdout, stderr } = await reconcile(goldenServer);
    expect(JSON.parse(stdout)).toMatchObject({ totals: { orphans: 0, young: 24 } });
    expect(linesWith(stderr, '[ORPHAN]')).toEqual([]);
    expect(code).toBe(0);
  });

  it('gives a token after each page but the last, and each goes on exactly there', async () => {
    const whole = await reconcile(goldenServer, '--min-age-hours', '0', '--page-size', '500');
    const given = tokens(whole.stderr);
    expect(given).toHaveLength(2);
    const rest = await reconcile(
      goldenServer,
      '--min-age-hours',
      '0',
      '--page-size',
      '500',
      '--continuation-token',
      given[0]!,
    );
    expect(JSON.parse(rest.stdout)).toMatchObject({ state: 'complete', totals: { listed: goldenNames.length - 500 } });
  });

  it('stops after one page when there is no time, says with 4 that it is not complete, and goes on from its token', async () => {
    const stopped = await reconcile(
      goldenServer,
      '--min-age-hours',
      '0',
      '--page-size',
      '500',
      '--max-scan-seconds',
      '0',
    );
    expect(stopped.code).toBe(4);
    expect(stopped.stderr).not.toMatch(/Scan complete/);
    const { state, totals, continuationToken } = JSON.parse(stopped.stdout) as {
      state: string;
      totals: { listed: number; orphans: number };
      continuationToken: string;
    };
    expect({ state, listed: totals.listed }).toEqual({ state: 'time-limit', listed: 500 });
    expect(tokens(stopped.stderr)).toEqual([continuationToken]);
    const rest = await reconcile(goldenServer, '--min-age-hours', '0', '--continuation-token', continuationToken);
    const after = JSON.parse(rest.stdout) as { totals: { orphans: number } };
    expect(totals.orphans + after.totals.orphans).toBe(23);
  });

  it('stops after its page at an interrupt, with a token and 4', async () => {
    const command = start([...goldenServer.config, ...goldenServer.database, '--reconcile', '--page-size', '5']);
    await eventually(() => Promise.resolve(command.stderr().includes('__CONTINUATION_TOKEN__') || undefined));
    command.child.kill('SIGINT');
    const { code, stdout, stderr } = await command.ended;
    expect(code).toBe(4);
    const { state, continuationToken } = JSON.parse(stdout) as { state: string; continuationToken: string };
    expect(state).toBe('cancelled');
    expect(tokens(stderr).at(-1)).toBe(continuationToken);
  });
});

describe('it never', () => {
  it.each([
    ['a token of the Java tool', ['--continuation-token', '104/pat-0001/1/x'], /--continuation-token: .*none of ours/],
    ['a token of another mode', [], /--continuation-token: .*mode report/],
  ])('goes on from %s', async (_name, given, expected) => {
    const stopped = await reconcile(goldenServer, '--page-size', '100', '--max-scan-seconds', '0');
    const args = given.length > 0 ? given : ['--no-dry-run', '--continuation-token', tokens(stopped.stderr)[0]!];
    const { code, stdout, stderr } = await reconcile(goldenServer, ...args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(expected);
  });

  it('deletes from a container that another datasource uses too', async () => {
    const shared = serverOf(golden, {
      other: { connectionString: '${PAYLOADS}', containerName: golden.containerName },
    });
    const { code, stdout, stderr } = await reconcile(shared, '--no-dry-run');
    expect(code).toBe(4);
    expect(stderr).toMatch(
      /STOPPED: The datasources default\/default and default\/other store their payloads in one container/,
    );
    expect(JSON.parse(stdout)).toMatchObject({ state: 'stopped-by-guard' });
  });

  it('calls a container empty that is not there', async () => {
    const missing = configureServer(
      { default: { connectionString: azurite.connectionString, containerName: 'not-there' } },
      {
        'db.host': server.connection.host,
        'db.port': server.connection.port,
        'db.database': 'postgres',
        user: 'reader',
      },
    );
    const { code, stderr } = await reconcile(missing);
    expect(code).toBe(1);
    expect(stderr).toMatch(/FAILED: There is no container not-there/);
    expect(stderr).not.toMatch(/Scan complete/);
  });
});

describe('a run that deletes', () => {
  const orphansOf = (stdout: string) =>
    (JSON.parse(stdout) as { totals: { deleted?: number; orphans: number } }).totals;
  const lost = `wrong-pair=${LOST_PAYLOADS.join(',')}`;
  const deletes = ['--no-dry-run', '--min-age-hours', '0.25', '--override', lost];
  let container: ContainerClient;
  let old: ConfiguredServer;

  beforeAll(async () => {
    container = await azurite.container();
    await storeGolden(azurite.running, container);
    makeOld(container);
    old = serverOf(container);
  });

  it('deletes the orphans and nothing else, and tells each; a second one finds nothing', async () => {
    const expected = goldenNames.filter((name) => !orphans.has(name));
    const first = await reconcile(old, ...deletes, '--page-size', '500');
    expect(first.stderr).toMatch(/^Scan complete$/m);
    expect([first.code, orphansOf(first.stdout)]).toMatchObject([0, { orphans: 23, deleted: 23 }]);
    const path = '104/ghost-1/1/00000000-0000-4000-8000-000000000002';
    expect(linesWith(first.stderr, 'Erasing orphaned payload ')).toHaveLength(23);
    expect(first.stderr).toMatch(`Erasing orphaned payload ${path} [path=${path}]\n`);
    expect(tokens(first.stderr)).toHaveLength(2);
    expect([...(await namesIn(container))].sort()).toEqual([...expected].sort());
    const second = await reconcile(old, ...deletes);
    expect([second.code, orphansOf(second.stdout)]).toMatchObject([0, { orphans: 0 }]);
  });

  it('stops at a guard with 4, without a token and without a delete, and goes on with the override that it names', async () => {
    const ghosts = Array.from({ length: 150 }, (_name, n) => `104/ghost-${n + 100}/1/${randomUUID()}`);
    await putBlobs(container, ghosts);
    makeOld(container);
    const before = await namesIn(container);
    const stopped = await reconcile(old, ...deletes, '--page-size', '500');
    expect([stopped.code, tokens(stopped.stderr)]).toEqual([4, []]);
    expect(await namesIn(container)).toEqual(before);
    const [, override] = /STOPPED: .*\(--override (orphan-share=\d+)\)/.exec(stopped.stderr) ?? [];
    expect((await reconcile(old, ...deletes, '--override', override!)).code).toBe(0);
    expect(await namesIn(container)).toEqual(before.filter((name) => !ghosts.includes(name)));
  });

  it('puts orphans into quarantine when asked to, from where a run can be restored', async () => {
    const ghost = `104/ghost-1/1/${randomUUID()}`;
    await putBlobs(container, [ghost]);
    makeOld(container);
    const { code, stdout } = await reconcile(old, ...deletes, '--quarantine');
    const { runId, totals } = JSON.parse(stdout) as {
      runId: string;
      totals: { quarantined: number; orphans: number };
    };
    expect([code, totals.quarantined]).toEqual([0, totals.orphans]);
    expect(await namesIn(container)).not.toContain(ghost);
    const dry = await run(...old.config, '--restore', `${runId}/${ghost}`);
    expect([dry.code, JSON.parse(dry.stdout)]).toMatchObject([0, { dryRun: true, restored: 1 }]);
    expect(await namesIn(container)).not.toContain(ghost);
    const restored = await run(...old.config, '--restore', `${runId}/${ghost}`, '--no-dry-run');
    expect([restored.code, JSON.parse(restored.stdout)]).toMatchObject([0, { dryRun: false, restored: 1 }]);
    expect(await namesIn(container)).toContain(ghost);
    expect((await run(...old.config, '--restore', `${runId}/${ghost}`, '--no-dry-run')).code).toBe(1);
  });
});

describe('--read', () => {
  const NAME = '104/pat-0001/1/0257adb5-4fbc-4431-9ada-28eb679b7dc4';

  it('prints one payload by its full key, with the id of its type', async () => {
    const { code, stdout } = await run(...goldenServer.config, '--read', NAME);
    expect([code, stdout]).toEqual([0, `${NAME}: {}\n`]);
  });

  it('prints every payload of a version by the name of its type, and of several paths', async () => {
    const { code, stdout, stderr } = await run(
      ...[...goldenServer.config, ...goldenServer.database],
      ...['--read', 'Patient/pat-0001/1', '--read', 'Patient/raced-inm'],
    );
    const lines = stdout.trim().split('\n');
    expect(code).toBe(0);
    expect(lines).toContain(`Patient/pat-0001/1/0257adb5-4fbc-4431-9ada-28eb679b7dc4: {}`);
    expect(lines.filter((line) => line.startsWith('Patient/raced-inm/'))).toHaveLength(
      goldenNames.filter((name) => name.startsWith('104/raced-inm/')).length,
    );
    expect(stderr).toMatch(/^Scanning all entries with prefix: '104\/pat-0001\/1\/'$/m);
  });

  it.each([
    ['104', /--read: blobPath must contain at least 2 parts/],
    ['104/a/1/k/x', /--read: blobPath must contain no more than 4 parts/],
    ['Patient/a/1', /--read: Must use resourceTypeId for path, or provide a database configuration/],
  ])('refuses %s with 2, and the words of the Java tool', async (path, expected) => {
    const { code, stdout, stderr } = await run(...goldenServer.config, '--read', path);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(expected);
  });

  it('goes on after a payload that is not there, and ends with 1', async () => {
    const { code, stdout, stderr } = await run(
      ...goldenServer.config,
      '--read',
      '104/nope/1/x',
      '--read',
      NAME,
      '--read',
      '104/none',
    );
    expect([code, stdout]).toEqual([1, `${NAME}: {}\n`]);
    expect(stderr).toMatch(new RegExp(`^blob fetch failed: ${golden.containerName}:104/nope/1/x$`, 'm'));
  });
});

it('creates the container only without dry run, and says each time what it does', async () => {
  const name = azurite.freshName();
  const { config } = configureServer(
    { default: { connectionString: azurite.connectionString, containerName: name } },
    {},
  );
  expect(await run(...config, '--create-container')).toEqual({
    code: 0,
    stdout: '',
    stderr: `[dry-run] Creating container: ${name}\n`,
  });
  expect(await run(...config, '--create-container', '--no-dry-run')).toEqual({
    code: 0,
    stdout: '',
    stderr: `Creating container: ${name}\nContainer created\n`,
  });
  expect(await run(...config, '--create-container', '--no-dry-run')).toEqual({
    code: 0,
    stdout: '',
    stderr: `Container already exists: ${name}\n`,
  });
});

it('never shows a password, nor waits without end, when the database cannot be reached', async () => {
  const { code, stderr } = await unreachable;
  expect(code).toBe(1);
  expect(stderr).toMatch(/The database cannot be reached/);
  expect(stderr).not.toMatch(/secret-word/);
});
