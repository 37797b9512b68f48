import { UsageError } from '../../../cli/reconcile/usageError';
import { readCommandLine, type ReconcileAction } from '../../../cli/reconcile/commandLine';

const CONFIG = ['--fhir-config-dir', '/server'];
const DATABASE = ['--db-properties', 'database.properties', '--db-type', 'postgresql'];
const RECONCILE = [...CONFIG, ...DATABASE, '--reconcile'];

const read = (...args: string[]) => readCommandLine(args);

function reconcile(...args: string[]): ReconcileAction {
  const line = read(...RECONCILE, ...args);
  if (line.kind !== 'work' || line.action?.kind !== 'reconcile') throw new Error('expected a reconciliation');
  return line.action;
}

it('changes nothing, in the default tenant and datasource, unless told otherwise', () => {
  expect(read(...RECONCILE)).toEqual({
    kind: 'work',
    configDir: '/server',
    tenantId: 'default',
    dsId: 'default',
    database: { propertiesFile: 'database.properties', type: 'postgresql' },
    dryRun: true,
    createContainer: false,
    action: {
      kind: 'reconcile',
      database: { propertiesFile: 'database.properties', type: 'postgresql' },
      maxScanSeconds: undefined,
      continuationToken: undefined,
      minAgeHours: 24,
      includeTombstones: false,
      quarantine: undefined,
      audit: false,
      resourceTypes: undefined,
      reportFile: undefined,
      pageSize: 5000,
      overrides: {},
    },
  });
});

it.each([
  [['--dry-run', '--no-dry-run'], false],
  [['--no-dry-run', '--dry-run'], true],
  [['--no-dry-run'], false],
  [['--dry-run'], true],
  [['--no-dry-run', '--dry-run', '--no-dry-run'], false],
])('lets the last of %j win', (args, dryRun) => {
  expect(read(...RECONCILE, ...args)).toMatchObject({ dryRun });
});

it("takes the lines of the Java tool's documentation", () => {
  const line = [
    '--tenant-id',
    'clinic',
    '--ds-id',
    'main',
    '--max-scan-seconds',
    '600',
    '--continuation-token',
    'token',
  ];
  expect(read(...RECONCILE, ...line, '--no-dry-run')).toMatchObject({
    tenantId: 'clinic',
    dsId: 'main',
    dryRun: false,
  });
  expect(reconcile(...line)).toMatchObject({ maxScanSeconds: 600, continuationToken: 'token' });
});

it('takes several payloads to read, by id or by name of the type', () => {
  const line = read(
    ...CONFIG,
    ...DATABASE,
    '--read',
    '97/my*blob*/7/some-key',
    '--read',
    'Observation/my.blob./7',
    '--read',
    '97/x/',
  );
  expect(line).toMatchObject({
    action: {
      kind: 'read',
      paths: ['97/my*blob*/7/some-key', 'Observation/my.blob./7', '97/x/'],
    },
  });
});

it('creates the container before another action, or alone', () => {
  expect(read(...CONFIG, '--create-container')).toMatchObject({ createContainer: true, action: undefined });
  expect(read(...RECONCILE, '--create-container')).toMatchObject({
    createContainer: true,
    action: { kind: 'reconcile' },
  });
});

it('reads the options that the Java tool does not have', () => {
  expect(
    reconcile(
      ...['--min-age-hours', '0.5', '--include-tombstones', '--report', 'findings.ndjson', '--page-size', '10'],
      ...['--resource-types', 'Patient, Observation', '--resource-types', 'Basic', '--quarantine', 'kept-away'],
      ...['--override', 'orphan-count=500', '--override', 'database-restored=a=b'],
      ...['--override', 'unproven=Patient,Basic', '--override', 'unproven=Observation'],
    ),
  ).toMatchObject({
    minAgeHours: 0.5,
    includeTombstones: true,
    reportFile: 'findings.ndjson',
    pageSize: 10,
    resourceTypes: ['Patient', 'Observation', 'Basic'],
    quarantine: { container: 'kept-away' },
    overrides: {
      'orphan-count': 500,
      'database-restored': 'a=b',
      unproven: ['Patient', 'Basic', 'Observation'],
    },
  });
  expect(reconcile('--quarantine', '--audit')).toMatchObject({ quarantine: { container: undefined }, audit: true });
});

it('restores a run, or one payload of it', () => {
  expect(read(...CONFIG, '--restore', 'run1', '--quarantine', 'kept-away')).toMatchObject({
    action: { kind: 'restore', runId: 'run1', payloadName: undefined, quarantine: { container: 'kept-away' } },
  });
  expect(read(...CONFIG, '--restore', 'run1/104/a/1/key')).toMatchObject({
    action: { kind: 'restore', runId: 'run1', payloadName: '104/a/1/key', quarantine: { container: undefined } },
  });
});

it('shows every option in its help', () => {
  const help = read('--help');
  expect(help).toMatchObject({ kind: 'help' });
  expect(JSON.stringify(help)).toMatch(/--fhir-config-dir.*--max-scan-seconds.*--override.*Exit codes: 0/s);
});

it.each<[readonly string[], RegExp]>([
  [[...RECONCILE, '--no-dryrun'], /unknown option '--no-dryrun'/],
  [[...RECONCILE, 'stray'], /too many arguments/],
  [['--reconcile', ...DATABASE], /required option '--fhir-config-dir <dir>' not specified/],
  [[...RECONCILE, '--tenant-id'], /option '--tenant-id <id>' argument missing/],
  [[...CONFIG, ...DATABASE], /expected at least one action: --reconcile, --read, --restore or --create-container/],
  [[...CONFIG, '--reconcile'], /--reconcile: expected --db-properties and --db-type/],
  [[...CONFIG, '--reconcile', '--db-type', 'derby'], /--db-type: expected --db-properties beside it/],
  [[...CONFIG, '--reconcile', '--db-properties', 'x'], /--db-properties: expected --db-type beside it/],
  [[...RECONCILE, '--db-type', 'db2'], /--db-type.*'db2' is invalid\. Allowed choices are postgresql, derby/],
  [[...RECONCILE, '--tenant-id', '../x'], /--tenant-id.*Expected letters, digits, _ and -/],
  [[...RECONCILE, '--ds-id', 'a.b'], /--ds-id.*Expected letters/],
  [[...RECONCILE, '--max-scan-seconds', 'abc'], /--max-scan-seconds.*Expected a whole number from 0/],
  [[...RECONCILE, '--max-scan-seconds', '-5'], /--max-scan-seconds.*Expected a whole number from 0/],
  [[...RECONCILE, '--page-size', '5001'], /--page-size.*from 1 to 5000/],
  [[...RECONCILE, '--min-age-hours', 'day'], /--min-age-hours.*Expected a number of hours/],
  [
    [...RECONCILE, '--min-age-hours', '0.2', '--no-dry-run'],
    /--min-age-hours: expected 0\.25 or more with --no-dry-run/,
  ],
  [[...RECONCILE, '--resource-types', 'Patient,'], /--resource-types.*Expected names of resource types/],
  [[...RECONCILE, '--quarantine', 'A_b'], /--quarantine.*Expected 3 to 63 lower-case letters/],
  [[...RECONCILE, '--override', 'orphan-count'], /--override.*Expected the name of a guard, =, and the value/],
  [[...RECONCILE, '--override', 'standby=x'], /--override.*Expected one of .*orphan-share/],
  [[...RECONCILE, '--override', 'orphan-count=many'], /--override.*Expected a number after orphan-count=/],
  [[...RECONCILE, '--read', '104/a'], /--read: expected without --reconcile/],
  [[...RECONCILE, '--restore', 'run'], /--restore: expected without --reconcile/],
  [[...RECONCILE, '--audit', '--continuation-token', 't'], /--audit: expected without --continuation-token/],
  [[...RECONCILE, '--audit', '--resource-types', 'Patient'], /--audit: expected without --resource-types/],
  [[...CONFIG, '--restore', '/104/a'], /--restore: expected the id of a run/],
  [[...CONFIG, '--create-container', '--max-scan-seconds', '1'], /--max-scan-seconds: expected with --reconcile only/],
  [[...CONFIG, '--read', '104/a', '--report', 'f'], /--report: expected with --reconcile only/],
  [[...CONFIG, '--read', '104/a', '--quarantine'], /--quarantine: expected with --reconcile or --restore only/],
])('refuses %j in one line', (args, expected) => {
  const refused = () => readCommandLine(args);
  expect(refused).toThrow(UsageError);
  expect(refused).toThrow(expected);
  expect(refused).not.toThrow(/\n/);
});
