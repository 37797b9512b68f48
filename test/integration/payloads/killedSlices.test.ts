import type { ContainerClient } from '@azure/storage-blob';
import { readBlobName, type PayloadKey } from '../../../src/payloads/blobName';
import { createPayloadContainer } from '../../../src/payloads/container/azureContainer';
import type { PayloadContainer } from '../../../src/payloads/container/payloadContainer';
import { createQuarantineContainer } from '../../../src/payloads/container/quarantine';
import type { FhirDatabase } from '../../../src/payloads/database/fhirDatabase';
import type { PayloadStore } from '../../../src/payloads/payloadStore';
import { blobFiles, reportFiles } from '../../../src/payloads/runs/pageFiles';
import type { RunMode } from '../../../src/payloads/runs/run';
import type { ReconcileServices } from '../../../src/payloads/runs/services';
import { tableRunStore } from '../../../src/payloads/runs/tableRunStore';
import { useAzurite } from '../../support/azurite';
import { isThorough, sampleOf } from '../../support/thorough';
import { loadGolden, goldenExpected, goldenNames } from './golden';
import { openSchema, startPostgres, type PostgresServer } from './postgresServer';
import { finished, limitsOfTests, namesIn, putBlobs, reconcileServices } from './reconcileRig';
import { startAndDeliver, TestClock, type Delivery } from './sliceDriver';

const azurite = useAzurite();
let server: PostgresServer;
let database: FhirDatabase;
let client: ContainerClient;
let quarantine: ContainerClient;

const added = new Set(goldenExpected.added_blobs.map(({ name }) => name));
const withVerdict = (word: string) => goldenExpected.added_blobs.filter(({ exact }) => exact === word);
/** Something of everything, of two types, so that it makes several pages, batches and shards. */
const okNames = ['104/', '104/', '97/'].flatMap((type, place) =>
  goldenNames.filter((name) => !added.has(name) && name.startsWith(type)).slice(place * 3, place * 3 + 3),
);
const payloadsOf = (name: string): readonly PayloadKey[] => {
  const reading = readBlobName(name);
  return reading.kind === 'payload' ? [reading.payload] : [];
};
const names: readonly string[] = [
  ...okNames,
  ...withVerdict('orphan')
    .map(({ name }) => name)
    .filter((name) => /^(104|97)\//.test(name))
    .slice(0, 6),
  ...withVerdict('malformed')
    .map(({ name }) => name)
    .slice(0, 2),
  ...withVerdict('tombstone_payload').map(({ name }) => name),
];

beforeAll(async () => {
  server = await startPostgres();
  await loadGolden(server.connection);
  const real = openSchema(server.connection);
  // What does not change is asked once: there are hundreds of runs.
  const [types, state] = [await real.resourceTypes(), await real.state()];
  database = {
    ...real,
    resourceTypes: () => Promise.resolve(types),
    state: () => Promise.resolve({ ...state, newest: new Date() }),
    drain: () => Promise.resolve({ oldestAgeMs: 0 }),
    otherSchemas: () => Promise.resolve([]),
    // Most rows of the golden data have no blob here.
    sampleRows: (type) =>
      Promise.resolve(okNames.flatMap((name) => payloadsOf(name)).filter(({ typeId }) => typeId === type.id)),
  };
  [client, quarantine] = [await azurite.container(), await azurite.container()];
}, 120_000);

afterAll(async () => {
  await database.close();
  await server.stop();
});

/** Blobs are as old as one likes. */
function withOldBlobs(container: PayloadContainer): PayloadContainer {
  const old = new Date('2026-01-01T00:00:00Z');
  return {
    ...container,
    list: async (request, signal) => {
      const { blobs, nextMarker } = await container.list(request, signal);
      return { nextMarker, blobs: blobs.map((blob) => ({ ...blob, lastModified: old })) };
    },
  };
}

type Death = 'before the call' | 'after the call' | 'for ever';

/** Counts the calls of all slices, and ends the slice that makes the one of a number. */
function mortal(killAt: number, death: Death): { next: NonNullable<Delivery['next']>; calls: () => number } {
  let calls = 0;
  const next: NonNullable<Delivery['next']> = (services) => {
    let isDead = false;
    let die: () => void = () => undefined;
    const died = new Promise<void>((resolve) => (die = resolve));
    const call = async (perform: () => Promise<unknown>): Promise<unknown> => {
      calls += 1;
      if (isDead) return new Promise(() => undefined);
      if (calls !== killAt) return perform();
      if (death === 'for ever') {
        isDead = true;
        die();
        return new Promise(() => undefined);
      }
      if (death === 'after the call') await perform();
      throw new Error('killed by the test');
    };
    const wrapped = <T extends object>(target: T): T =>
      Object.fromEntries(
        Object.entries(target).map(([name, value]: [string, unknown]) => [
          name,
          typeof value !== 'function' || name === 'close'
            ? value
            : (...args: unknown[]) => call(() => (value as (...all: unknown[]) => Promise<unknown>)(...args)),
        ]),
      ) as T;
    const openStore = (): PayloadStore => {
      const store = services.openStore('default', 'default');
      return {
        ...store,
        container: wrapped(store.container),
        database: wrapped(store.database),
        ...(store.quarantine && { quarantine: wrapped(store.quarantine) }),
      };
    };
    return {
      services: { ...services, runs: wrapped(services.runs), reports: wrapped(services.reports), openStore },
      died,
    };
  };
  return { next, calls: () => calls };
}

interface Played {
  readonly state: string;
  readonly totals: unknown;
  readonly byType: unknown;
  readonly findings: readonly unknown[];
  readonly left: readonly string[];
}

interface How {
  readonly mode: RunMode;
  readonly fanOut: boolean;
  readonly change?: () => Promise<Partial<ReconcileServices>>;
}

async function play({ mode, fanOut, change }: How, delivery: Omit<Delivery, 'clock'> = {}): Promise<Played> {
  const present = await namesIn(client);
  await putBlobs(
    client,
    names.filter((name) => !present.includes(name)),
  );
  for (const name of await namesIn(quarantine)) await quarantine.deleteBlob(name);
  await client.setMetadata();
  const store: PayloadStore = {
    tenantId: 'default',
    dsId: 'default',
    container: withOldBlobs(createPayloadContainer(client)),
    database,
    quarantine: createQuarantineContainer({ payloads: client, quarantine }),
  };
  const clock = new TestClock();
  const services = reconcileServices(store, {
    limits: { ...limitsOfTests, fanOut, pageSize: 7, sweepBatch: 3 },
    clock: clock.now,
    ...(await change?.()),
  });
  const runId = await startAndDeliver(services, { mode, includeTombstones: true }, { ...delivery, clock });
  const { view, findings } = await finished(services, runId);
  const told = findings.map(({ name, verdict, reason, outcome, code }) => ({ name, verdict, reason, outcome, code }));
  return {
    state: view.state,
    totals: view.totals,
    byType: view.totalsByType,
    findings: told.sort((one, other) => (one.name < other.name ? -1 : 1)),
    left: await namesIn(client),
  };
}

const tableStore = async (): Promise<Partial<ReconcileServices>> => ({
  runs: tableRunStore(await azurite.table()),
  reports: reportFiles(blobFiles(await azurite.container())),
});

/** One call after another; dying before a call is like dying after the one before it. */
const deathsAt = (call: number): readonly Death[] => [
  'after the call',
  ...(call % 7 === 0 ? (['for ever'] as const) : []),
  ...(call % 11 === 0 ? (['before the call'] as const) : []),
];

const deathsIn = (calls: number, step: number) =>
  Array.from({ length: Math.ceil(calls / step) }, (_, index) => 1 + index * step).flatMap((killAt) =>
    deathsAt(killAt).map((death) => ({ killAt, death })),
  );

describe.each([
  { mode: 'report', fanOut: true, step: 11, where: '' },
  { mode: 'delete', fanOut: false, step: 1, where: '' },
  { mode: 'delete', fanOut: true, step: 13, where: '' },
  { mode: 'quarantine', fanOut: false, step: 7, where: '' },
  { mode: 'delete', fanOut: true, step: 31, change: tableStore, where: 'with its rows in a table ' },
] as const)('a run in mode $mode, fan-out $fanOut, $where', ({ step, ...how }) => {
  it(`ends as one that nobody disturbs, wherever a slice of it dies (${isThorough ? 'all' : 'some'} places)`, async () => {
    const counting = mortal(-1, 'before the call');
    const undisturbed = await play(how, { next: counting.next });
    expect(undisturbed.state).toBe('complete');
    expect(undisturbed.totals).toMatchObject({ listed: names.length, orphans: 6, tombstone: 1 });
    if (how.mode !== 'report') expect(undisturbed.left).toHaveLength(names.length - 7);

    for (const { killAt, death } of sampleOf(deathsIn(counting.calls(), step), 0.12, ({ death }) => death)) {
      const disturbed = await play(how, { next: mortal(killAt, death).next });
      expect({ killAt, death, ...disturbed }).toEqual({ killAt, death, ...undisturbed });
    }
  }, 240_000);

  it('ends the same when every message comes twice at once', async () => {
    const undisturbed = await play(how);
    expect(await play(how, { copies: 2 })).toEqual(undisturbed);
  });
});
