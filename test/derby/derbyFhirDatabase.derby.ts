import { execFileSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { payloadBlobName, readBlobName, type PayloadKey } from '../../src/payloads/blobName';
import type { DerbySettings } from '../../src/payloads/configuration/derbySettings';
import type { DatabaseIdentity } from '../../src/payloads/database/databaseIdentity';
import type { AuditBucket, FhirDatabase } from '../../src/payloads/database/fhirDatabase';
import type { ResourceType } from '../../src/payloads/database/resourceTypes';
import { judgeLook, judgeName, type ListedBlob, type Verdict } from '../../src/payloads/verdict';
import { openDerby } from '../../cli/reconcile/derby/derbyBridge';
import { derbyFhirDatabase } from '../../cli/reconcile/derby/derbyFhirDatabase';
import { derbyClassPath } from '../../cli/reconcile/derby/derbyJars';
import { goldenExpected, goldenNames } from '../integration/payloads/golden';
import { configureServer, startReconcile } from '../integration/cli/reconcileProcess';
import { nextSecondOfStorage, putBlobs } from '../integration/payloads/reconcileRig';
import { useAzurite } from '../support/azurite';
import { createDerby, goldenRows, tablesOf } from './goldenDerby';

const azurite = useAzurite();
const before = new Date('2027-01-01T00:00:00Z');
const signal = new AbortController().signal;
const listed = (name: string): ListedBlob => ({ name, etag: '"0x1"', lastModified: new Date(0) });
const drainRequest = (identity: DatabaseIdentity) => ({ identity, drainMs: 1000, pollMs: 10, signal });

let classPath: string;
let folder: string;
let database: FhirDatabase;
let types: ReadonlyMap<number, ResourceType>;
let identity: DatabaseIdentity;

const settings = (of: Partial<DerbySettings> = {}): DerbySettings => ({
  kind: 'derby',
  folder,
  schema: 'FHIRDATA',
  user: undefined,
  password: undefined,
  encryption: {},
  ...of,
});

async function open(of: Partial<DerbySettings> = {}): Promise<FhirDatabase> {
  const chosen = settings(of);
  return derbyFhirDatabase(await openDerby(chosen, classPath, process.env), chosen);
}

const OTHER_TENANT = [
  ...tablesOf('TENANT2', ['PATIENT']),
  `insert into TENANT2.RESOURCE_TYPES values (104, 'Patient', 'N')`,
  `insert into TENANT2.PATIENT_LOGICAL_RESOURCES values (1, 'pat-of-tenant2', 11, 'N', timestamp('2026-11-23 20:00:00'), 1)`,
  `insert into TENANT2.PATIENT_RESOURCES values (11, 1, 1, timestamp('2026-11-23 20:00:00'), 'N', null, '11111111-2222-4333-8444-555555555555')`,
];

const NEVER_STORED = [
  `insert into FHIRDATA.PATIENT_LOGICAL_RESOURCES values (900001, 'imported', 900002, 'N', timestamp('2026-11-23 20:00:00'), 1)`,
  `insert into FHIRDATA.PATIENT_RESOURCES values (900002, 900001, 1, timestamp('2026-11-23 20:00:00'), 'N', null, null)`,
];

beforeAll(async () => {
  classPath = await derbyClassPath(process.env, () => undefined);
  folder = createDerby(classPath, [...tablesOf('FHIRDATA'), ...goldenRows(), ...NEVER_STORED, ...OTHER_TENANT]);
  database = await open();
  types = await database.resourceTypes();
  ({ identity } = await database.state());
}, 120_000);

afterAll(async () => {
  await database.close();
  rmSync(dirname(folder), { recursive: true, force: true });
});

function payload(name: string): PayloadKey {
  const reading = readBlobName(name);
  if (reading.kind !== 'payload') throw new Error(`not a payload: ${name}`);
  return reading.payload;
}

async function judge(names: readonly string[]): Promise<ReadonlyMap<string, Verdict>> {
  const verdicts = new Map<string, Verdict>();
  const byType = new Map<number, string[]>();
  for (const name of names) {
    const first = judgeName(listed(name), new Set(types.keys()));
    if (first.kind === 'decided') verdicts.set(name, first.verdict);
    else byType.set(first.payload.typeId, [...(byType.get(first.payload.typeId) ?? []), name]);
  }
  for (const [typeId, ofType] of byType) {
    const payloads = ofType.map(payload);
    const { orphans } = await database.look({ type: types.get(typeId)!, payloads, deciding: true, identity });
    ofType.forEach((name, place) => verdicts.set(name, judgeLook(listed(name), orphans.get(place), before)));
  }
  return verdicts;
}

const exactWord = (verdict: Verdict): string =>
  ({ ok: 'referenced', tombstone: 'tombstone_payload', 'non-canonical': 'malformed' })[verdict.kind as string] ??
  verdict.kind;

it('says of every golden blob exactly what is true', async () => {
  const verdicts = await judge(goldenNames);
  const counts: Record<string, number> = {};
  for (const verdict of verdicts.values()) counts[exactWord(verdict)] = (counts[exactWord(verdict)] ?? 0) + 1;
  expect(counts).toEqual(goldenExpected.exact_verdict_counts);
  for (const { name, exact } of goldenExpected.added_blobs)
    expect([name, exactWord(verdicts.get(name)!)]).toEqual([name, exact]);
  const reasons = [...verdicts.values()].flatMap((verdict) => (verdict.kind === 'orphan' ? [verdict.reason] : []));
  expect(reasons.filter((reason) => reason === 'no-row')).toHaveLength(15);
  expect(reasons.filter((reason) => reason === 'other-key')).toHaveLength(8);
});

it('knows the types that have tables, and no abstract or retired one', () => {
  expect([...types.keys()].sort((a, b) => a - b)).toEqual([8, 46, 62, 97, 104, 109]);
});

it('proves nothing when a payload that had its row seems to have none', async () => {
  const look = database.look({
    type: types.get(104)!,
    payloads: [payload('104/ghost-1/1/00000000-0000-4000-8000-000000000002')],
    canaries: [payload('104/ghost-2/1/00000000-0000-4000-8000-000000000002')],
    deciding: false,
  });
  await expect(look).rejects.toMatchObject({ name: 'UntrustedLook', code: 'canary-missing' });
});

it('finds the three live rows without a blob, and the row whose payload was never stored', async () => {
  const blobs = new Set(goldenNames);
  const missing: string[] = [];
  for (const type of types.values()) {
    const payloads = goldenNames.flatMap((name) => {
      const reading = readBlobName(name);
      return reading.kind === 'payload' && reading.payload.typeId === type.id ? [reading.payload] : [];
    });
    const { buckets } = await database.look({ type, payloads, deciding: false, auditBefore: before });
    const words = (all: readonly AuditBucket[]): readonly string[] =>
      all.map(({ bucket, count, sum }) => `${bucket} ${count} ${sum}`);
    const scanned = new Set(words(buckets));
    for (const bucket of await database.auditBuckets(type, before)) {
      if (scanned.has(words([bucket]).join())) continue;
      const rows = await database.auditRows(type, bucket.bucket, before);
      missing.push(...rows.map((row) => payloadBlobName(row.payload)).filter((name) => !blobs.has(name)));
    }
  }
  expect(missing.sort()).toEqual([...goldenExpected.rows_live_with_key_but_no_blob].sort());
  expect(await database.neverStored(types.get(104)!, before, 5)).toEqual({
    count: 1,
    examples: [{ typeId: 104, logicalId: 'imported', version: 1 }],
  });
});

it('samples live rows with a key that are older than a time, each once', async () => {
  const sample = await database.sampleRows(types.get(104)!, before, 5);
  expect(sample.length).toBeGreaterThanOrEqual(5);
  expect(new Set(sample.map(payloadBlobName)).size).toBe(sample.length);
  expect([...(await judge(sample.map(payloadBlobName))).values()].map(({ kind }) => kind)).toEqual(
    sample.map(() => 'ok'),
  );
  expect(await database.sampleRows(types.get(104)!, new Date('2020-01-01T00:00:00Z'), 5)).toEqual([]);
});

it("finds another tenant's payloads in that tenant's schema", async () => {
  expect(await database.otherSchemas()).toEqual(['TENANT2']);
  const payloads = ['104/pat-of-tenant2/1/11111111-2222-4333-8444-555555555555', goldenNames[0]!].map((name) =>
    readBlobName(name).kind === 'payload' ? payload(name) : payload('104/x/1/11111111-2222-4333-8444-555555555555'),
  );
  expect([...(await database.foundInSchema('TENANT2', payloads))]).toEqual([0]);
});

it('tells when the newest change was, in UTC, and has nothing to wait for', async () => {
  const { newest, isStandby } = await database.state();
  expect(isStandby).toBe(false);
  expect(newest?.toISOString()).toMatch(/^2026-11-2[34]T/);
  expect(await database.drain(drainRequest(identity))).toEqual({ oldestAgeMs: 0 });
});

it('is reconciled by the command line, as any other database', async () => {
  const container = await azurite.container();
  await putBlobs(container, goldenNames);
  await nextSecondOfStorage(container);
  const { config, database: ofPostgres } = configureServer(
    { default: { connectionString: azurite.connectionString, containerName: container.containerName } },
    { 'db.database': copied('commandLine'), 'db.default.schema': 'FHIRDATA' },
  );
  const args = [...config, ...ofPostgres.slice(0, 2), '--db-type', 'derby', '--reconcile', '--min-age-hours', '0'];
  const { code, stdout, stderr } = await startReconcile(args).ended;
  expect([code, stderr]).toEqual([3, expect.stringMatching(/^Scan complete$/m) as unknown]);
  expect(JSON.parse(stdout)).toMatchObject({ state: 'complete', totals: { orphans: 23, tombstone: 1 } });
});

it('cannot be opened while another process has it open, and says so in one line', async () => {
  await expect(open()).rejects.toMatchObject({
    code: 'DatabaseInUse',
    message: 'The Derby database is open in another process: stop the FHIR server before',
  });
});

it('says which schemas there are when the one that was named has no tables', async () => {
  const copy = copied('schema');
  const wrong = await open({ folder: copy, schema: 'APP' });
  await expect(wrong.resourceTypes()).rejects.toThrow(/"APP" has no table RESOURCE_TYPES.*FHIRDATA, TENANT2/);
  await wrong.close();
});

it('tells a copy of the database from the database itself', async () => {
  const copy = await open({ folder: copied('clone') });
  await expect(copy.drain(drainRequest(identity))).rejects.toMatchObject({ code: 'other-database' });
  const look = copy.look({
    type: types.get(104)!,
    payloads: [payload('104/a/1/11111111-2222-4333-8444-555555555555')],
    deciding: true,
    identity,
  });
  await expect(look).rejects.toMatchObject({ code: 'other-database' });
  await copy.close();
});

it('does not go on while a prepared transaction waits to be committed', async () => {
  const copy = copied('prepared');
  const insert = `insert into FHIRDATA.LOGICAL_RESOURCES (LOGICAL_RESOURCE_ID, RESOURCE_TYPE_ID, LOGICAL_ID) values (999999, 104, 'in-doubt')`;
  execFileSync('java', ['-cp', classPath, join(__dirname, 'PreparedTransaction.java'), copy, insert], {
    cwd: dirname(copy),
  });
  const inDoubt = await open({ folder: copy });
  const state = derbyIdentityOf(copy);
  await expect(inDoubt.drain(drainRequest(state))).rejects.toMatchObject({
    code: 'open-transaction',
    state: 'prepared',
  });
  await inDoubt.close();
});

it('never makes a database that is not there', async () => {
  await expect(open({ folder: join(dirname(folder), 'none') })).rejects.toMatchObject({ code: 'DatabaseMissing' });
});

it('says what to install where Java is missing', async () => {
  const opening = openDerby(settings(), classPath, { ...process.env, JAVA_HOME: '/nowhere' });
  await expect(opening).rejects.toMatchObject({ code: 'JavaMissing' });
  await expect(opening).rejects.toThrow(/JDK, 11 or later/);
});

/** The open database is quiet, so a copy of its files is one of its state, once its lock is left out. */
function copied(name: string): string {
  const copy = join(dirname(folder), name);
  cpSync(folder, copy, { recursive: true, filter: (path) => !/db(ex)?\.lck$/.test(path) });
  return copy;
}

const derbyIdentityOf = (path: string): DatabaseIdentity => ({ ...identity, database: path });
