import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ContainerClient } from '@azure/storage-blob';
import { readBlobName } from '../../../src/payloads/blobName';
import { createPayloadContainer } from '../../../src/payloads/container/azureContainer';
import type { FhirDatabase } from '../../../src/payloads/database/fhirDatabase';
import type { PayloadStore } from '../../../src/payloads/payloadStore';
import type { RunMode } from '../../../src/payloads/runs/run';
import { useAzurite } from '../../support/azurite';
import { goldenExpected, goldenNames, loadGolden, makeCurrent, storeGolden } from './golden';
import { openSchema, startPostgres, type PostgresServer } from './postgresServer';
import {
  namesIn,
  nextSecondOfStorage,
  putBlobs,
  reconcileServices,
  runToTheEnd,
  type FinishedRun,
} from './reconcileRig';

const azurite = useAzurite();
let server: PostgresServer;
let database: FhirDatabase;

beforeAll(async () => {
  server = await startPostgres();
  await loadGolden(server.connection);
  await makeCurrent(server.connection);
  database = openSchema(server.connection);
}, 120_000);

afterAll(async () => {
  await database.close();
  await server.stop();
});

interface Scenario {
  readonly name: string;
  readonly blob: string | null;
  readonly exit: number;
}

const { scenarios } = JSON.parse(
  readFileSync(join(__dirname, '..', '..', 'fixtures', 'reconcile', 'abort-scenarios.json'), 'utf8'),
) as { scenarios: readonly Scenario[] };

const nameOf = (prefix: string): string =>
  goldenNames.find((name) => name.startsWith(prefix) && name.split('/').length === 4)!;
const good = goldenNames.filter(
  (name) =>
    /^(104\/pat-0001|97\/obs-0003)\/1\/[0-9a-f-]{36}$/.test(name) &&
    !name.includes('/00000000-') &&
    !name.endsWith('-x'),
);
const [keyOfPatient, keyOfObservation] = [
  nameOf('104/pat-0001/1/0257adb5').split('/')[3]!,
  nameOf('97/obs-0003/1/').split('/')[3]!,
];
const RETIRED_TYPE = '44';

function blobsOf({ name, blob }: Scenario): readonly string[] {
  if (name.startsWith('empty') || name.startsWith('container')) return [];
  if (name.startsWith('only short names')) return ['a', 'b/c', 'b/d/e'];
  const odd = blob!
    .replace('{P1}', keyOfPatient)
    .replace('{O3}', keyOfObservation)
    .replace('{uuid}', '00000000-0000-4000-8000-0000000000aa')
    .replace('{x*300}', 'x'.repeat(300))
    .replace('{its id}', RETIRED_TYPE);
  return [...good, odd];
}

/** What our run says of the odd blob, where the Java tool aborted or was wrong. */
const verdicts: Readonly<Record<string, string>> = {
  'five parts': 'malformed',
  'type not a number': 'malformed',
  'version not a number': 'malformed',
  'version 2^31': 'malformed',
  'version 2^31-1, live key': 'orphan',
  'unknown type id': 'unknown-type',
  'retired type (EffectEvidenceSynthesis)': 'unknown-type',
  'live key under another type in the same page': 'orphan',
  'id of 300 characters': 'malformed',
  'non-ASCII id, arabic digit as version': 'malformed',
};

describe('containers on which the Java tool aborts, or is wrong', () => {
  const containers = new Map<string, ContainerClient>();

  beforeAll(async () => {
    for (const mode of ['report', 'delete'])
      for (const scenario of scenarios) {
        const client = await azurite.container();
        await putBlobs(client, blobsOf(scenario));
        containers.set(`${mode} ${scenario.name}`, client);
        if (scenario.name.startsWith('container')) await client.delete();
      }
    await nextSecondOfStorage(await azurite.container());
  }, 60_000);

  const play = (mode: RunMode, { name }: Scenario): Promise<FinishedRun> => {
    const store: PayloadStore = {
      tenantId: 'default',
      dsId: 'default',
      container: createPayloadContainer(containers.get(`${mode} ${name}`)!),
      // The container holds two payloads of all the rows: those are asked for.
      database: {
        ...database,
        sampleRows: (type) => Promise.resolve(payloadsOf(good).filter(({ typeId }) => typeId === type.id)),
      },
    };
    return runToTheEnd(reconcileServices(store), { mode });
  };

  it.each(scenarios.map((scenario) => [scenario.name, scenario] as const))('finishes: %s', async (name, scenario) => {
    const isMissing = name.startsWith('container');
    for (const mode of ['report', 'delete'] as const) {
      const { view, findings } = await play(mode, scenario);
      expect(view.state).toBe(isMissing ? 'failed' : 'complete');
      if (isMissing) {
        expect(view.problem?.code).toBe('ContainerMissing');
        continue;
      }
      const blobs = blobsOf(scenario);
      expect(view.totals.listed ?? 0).toBe(blobs.length);
      const odd = blobs.find((blob) => !good.includes(blob));
      const verdict = verdicts[name] ?? 'malformed';
      if (odd !== undefined) expect(findings.find((finding) => finding.name === odd)?.verdict).toBe(verdict);
      const left = await namesIn(containers.get(`${mode} ${name}`)!);
      const gone = mode === 'delete' && verdict === 'orphan' ? [odd] : [];
      expect([...left].sort()).toEqual(blobs.filter((blob) => !gone.includes(blob)).sort());
    }
  });
});

const payloadsOf = (names: readonly string[]) =>
  names.flatMap((name) => {
    const reading = readBlobName(name);
    return reading.kind === 'payload' ? [reading.payload] : [];
  });

/** Each class of added blobs of which the verdicts differ, and why. */
const differences: Readonly<Record<string, string>> = {
  'tombstone row with this key':
    'the row of a deletion names it, so its removal is a wish of its own (includeTombstones)',
  'raw-dot copy of a live blob':
    'the server writes dots as asterisks: nobody knows what else wrote it, so it is only reported',
  'copy of live blob under other version':
    'the Java tool compares the key alone; the row of this version has another key',
  'copy of live blob under other id': 'the Java tool compares the key alone; there is no such version of this id',
  'copy of live blob, id in upper case': 'ids are compared byte for byte, as the server does',
  'live key in upper case': 'the server writes keys in lower case: deleting what it did not write is no reconciliation',
  'key not a uuid': 'not a name that the server writes: reported, never deleted',
  'key longer than 36': 'not a name that the server writes: reported, never deleted',
  'empty id': 'not a name that the server writes: reported, never deleted',
  'trailing slash on live name': 'another spelling of a name, which the server never reads: reported, never deleted',
  'plus sign in type': 'another spelling of a name, which the server never reads: reported, never deleted',
  'leading zero version': 'another spelling of a name, which the server never reads: reported, never deleted',
  'negative version': 'no version of a resource is negative: reported, never deleted',
  'live copy of type 97 key under same type other id': 'the Java tool compares the key alone; there is no such id',
};

describe('the verdicts on the golden container, next to those of the Java tool', () => {
  const same: Readonly<Record<string, string>> = { orphan: 'orphan', ok: 'referenced', ignored: 'malformed' };
  const ours: Readonly<Record<string, RegExp>> = {
    orphan: /^orphan$/,
    tombstone_payload: /^tombstone$/,
    malformed: /^(malformed|non-canonical)$/,
  };
  let verdictOf: ReadonlyMap<string, string>;

  beforeAll(async () => {
    const client = await azurite.container();
    await storeGolden(azurite.running, client);
    await nextSecondOfStorage(client);
    const store = { tenantId: 'default', dsId: 'default', container: createPayloadContainer(client), database };
    const { findings } = await runToTheEnd(reconcileServices(store));
    verdictOf = new Map(findings.map(({ name, verdict }) => [name, verdict]));
  }, 60_000);

  it('differ exactly where it is documented', () => {
    const differing = goldenExpected.added_blobs.filter(({ reference, exact }) => same[reference] !== exact);
    expect(new Set(differing.map((blob) => blob.class))).toEqual(new Set(Object.keys(differences)));
  });

  it.each(
    goldenExpected.added_blobs.map((blob) => [blob.class, blob.name, blob.exact, differences[blob.class]] as const),
  )('%s: %s is %s (%s)', (_class, name, exact) => {
    const verdict = verdictOf.get(name);
    if (exact === 'referenced') expect(verdict).toBeUndefined();
    else expect(verdict).toMatch(ours[exact]!);
  });
});
