import type { PayloadContainer } from '../../src/payloads/container/payloadContainer';
import type { Database, RunStatement } from '../../src/payloads/database/database';
import type { FhirDatabase } from '../../src/payloads/database/fhirDatabase';
import { payloadBlobName } from '../../src/payloads/blobName';
import type { RunStore } from '../../src/payloads/runs/runStore';
import type { OrphanReason } from '../../src/payloads/verdict';
import type { StorageClock } from './clock';
import { postgresOf, type Surroundings } from './engine';
import { scenes, type Scene } from './scenes';
import type { World } from './world';

/** Surroundings that take one rule out of the engine: each must cost a payload within a few seeds, or the race proves nothing of that rule. */
export interface Mutant {
  readonly rule: string;
  /** where it matters; with all rules the same scenes are safe */
  readonly scene: Scene;
  readonly graceMs?: number;
  container?(inner: PayloadContainer, context: MutantContext): PayloadContainer;
  database?(inner: Database, context: MutantContext): Database;
  looks?(inner: FhirDatabase, context: MutantContext): FhirDatabase;
  runs?(inner: RunStore, context: MutantContext): RunStore;
}

export interface MutantContext {
  readonly world: World;
  readonly clock: StorageClock;
  readonly graceMs: number;
  /** without the mutant, and without gates */
  readonly plain: Surroundings;
  /** of one run, from one slice to the next */
  readonly memory: Map<string, unknown>;
}

const changed = (inner: Database, change: (run: RunStatement) => RunStatement): Database => ({
  ...inner,
  readOnly: (work, timeoutMs) => inner.readOnly((run) => work(change(run)), timeoutMs),
});

/** The answer to statements with this text is empty. */
const blindFor = (text: string) => (inner: Database) =>
  changed(inner, (run) => async (statement, values) => (statement.includes(text) ? [] : run(statement, values)));

const RUNNING = "locktype = 'virtualxid'";
const running = (inner: Database, condition: string): Database =>
  changed(
    inner,
    (run) => (statement, values) =>
      run(statement.includes(RUNNING) ? `${statement} and ${condition}` : statement, values),
  );

/** A date that is read when it is used, not when it was asked for. */
class LateDate extends Date {
  constructor(private readonly clock: StorageClock) {
    super(clock.date());
  }
  override getTime(): number {
    return this.clock.date().getTime();
  }
}

export const mutants: readonly Mutant[] = [
  { rule: 'the grace', scene: scenes.begunAtTheLastMoment, graceMs: 0 },
  {
    rule: 'the clock of the storage',
    scene: scenes.begunAtTheLastMoment,
    container: (inner, { clock }) => ({
      ...inner,
      storageDate: () => Promise.resolve(new Date(clock.date().getTime() + 3000)),
    }),
  },
  {
    rule: 'strictly before the cutoff',
    scene: scenes.begunAtTheLastMoment,
    container: (inner) => ({
      ...inner,
      list: async (request, signal) => {
        const { blobs, nextMarker } = await inner.list(request, signal);
        const earlier = (date: Date): Date => new Date(date.getTime() - 1);
        return { nextMarker, blobs: blobs.map((blob) => ({ ...blob, lastModified: earlier(blob.lastModified) })) };
      },
    }),
  },
  {
    rule: 'the date before the drain',
    scene: scenes.begunDuringTheDrain,
    container: (inner, { clock }) => ({ ...inner, storageDate: () => Promise.resolve(new LateDate(clock)) }),
  },
  { rule: 'the drain of running transactions', scene: scenes.openForLong, database: blindFor(RUNNING) },
  {
    rule: 'the drain of prepared transactions',
    scene: scenes.preparedForLong,
    database: blindFor('from pg_prepared_xacts'),
  },
  {
    rule: 'the drain of transactions without an id',
    scene: scenes.waitingInALock,
    database: (inner) =>
      running(
        inner,
        "exists (select from pg_locks x where x.pid = l.pid and x.locktype = 'transactionid' and x.mode = 'ExclusiveLock')",
      ),
  },
  {
    rule: 'looks after the drain',
    scene: scenes.openForLong,
    container: (inner, { plain, memory }) => ({
      ...inner,
      storageDate: async (signal) => {
        const date = await inner.storageDate(signal);
        const page = await inner.list({ pageSize: 5000 }, signal);
        memory.set('page', page);
        memory.set(
          'orphans',
          await orphansNow(
            plain.database,
            page.blobs.map(({ name }) => name),
          ),
        );
        return date;
      },
      list: (request, signal) =>
        (memory.get('page') as ReturnType<typeof inner.list> | undefined) === undefined
          ? inner.list(request, signal)
          : Promise.resolve(memory.get('page') as Awaited<ReturnType<typeof inner.list>>),
    }),
    looks: (inner, { memory }) => ({
      ...inner,
      look: (query) => {
        const orphans = memory.get('orphans') as ReadonlyMap<string, OrphanReason> | undefined;
        if (orphans === undefined) return inner.look(query);
        const reasons = query.payloads.flatMap((payload, place) => {
          const reason = orphans.get(payloadBlobName(payload));
          return reason === undefined ? [] : [[place, reason] as const];
        });
        return Promise.resolve({ orphans: new Map(reasons), buckets: [] });
      },
    }),
  },
  {
    rule: 'a snapshot from after the drain',
    scene: scenes.openForLong,
    container: (inner, { world, memory }) => ({
      ...inner,
      storageDate: async (signal) => {
        await world.mutant.query('rollback; begin isolation level repeatable read; select 1');
        memory.set('has snapshot', true);
        return inner.storageDate(signal);
      },
    }),
    database: (inner) => running(inner, "a.application_name <> 'mutant'"),
    looks: (inner, { world, plain, memory }) => {
      const run: RunStatement = async (text, values) =>
        (await world.mutant.query<Record<string, unknown>>(text, values && [...values])).rows;
      const stale = postgresOf({ readOnly: (work) => work(run), close: () => Promise.resolve() }, plain.database);
      return { ...inner, look: (query) => (memory.has('has snapshot') ? stale : inner).look(query) };
    },
  },
  {
    rule: 'deletes of the listed version only',
    scene: scenes.uploadedAgain,
    container: (inner) => ({
      ...inner,
      deleteManyUnchanged: async (blobs, signal) => {
        const now = blobs.map(async ({ name, etag }) => ({
          name,
          etag: (await inner.properties(name, signal))?.etag ?? etag,
        }));
        return inner.deleteManyUnchanged(await Promise.all(now), signal);
      },
    }),
  },
  {
    rule: 'a cutoff that stays',
    scene: scenes.begunDuringTheDrain,
    runs: (inner, { clock, graceMs }) => ({
      ...inner,
      read: async (id, signal) => {
        const run = await inner.read(id, signal);
        if (run?.value.plan === undefined) return run;
        const cutoff = new Date(clock.date().getTime() - graceMs).toISOString();
        return { ...run, value: { ...run.value, plan: { ...run.value.plan, cutoff } } };
      },
    }),
  },
];

async function orphansNow(
  database: FhirDatabase,
  names: readonly string[],
): Promise<ReadonlyMap<string, OrphanReason>> {
  const [type] = [...(await database.resourceTypes()).values()].filter(({ name }) => name === 'Patient');
  const payloads = names.map((name) => {
    const [typeId, logicalId, version, key] = name.split('/');
    return { typeId: Number(typeId), logicalId: logicalId!, version: Number(version), key: key! };
  });
  const { orphans } = await database.look({ type: type!, payloads, deciding: false });
  return new Map([...orphans].map(([place, reason]) => [names[place]!, reason]));
}
