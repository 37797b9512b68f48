import { Random } from '../chaos/random';
import { namesIn } from '../integration/payloads/reconcileRig';
import { advance } from '../../src/payloads/runs/advance';
import { memoryRunStore } from '../../src/payloads/runs/memoryRunStore';
import type { Run, RunRequest } from '../../src/payloads/runs/run';
import { DEFAULT_LIMITS, type ReconcileServices } from '../../src/payloads/runs/services';
import { startRun } from '../../src/payloads/runs/startRun';
import type { FollowUp, SliceMessage } from '../../src/payloads/runs/steps';
import { StorageClock, TICK_MS } from './clock';
import {
  containerOnClock,
  gatedContainer,
  gatedDatabase,
  gatedRuns,
  postgresOf,
  reportsInMemory,
  type Surroundings,
} from './engine';
import { Slice } from './gates';
import type { Mutant, MutantContext } from './mutants';
import { drawPlan, drawScene, drawStyle, type Style } from './scenes';
import { ANCHORS, FIRST_RACE_ID, liveNames, SCHEMA, type World } from './world';
import { LONGEST_PUT_TO_BEGIN_MS, Writer } from './writer';

export interface SeedResult {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly history: readonly string[];
  readonly figures: Readonly<Record<'runs' | 'deleted' | 'committed' | 'steps', number>>;
}

const MOST_STEPS = 3000;
/** Then time only passes where nothing else can happen. */
const MOST_TICKS = 24;
const URGENCIES = { now: 0.6, soon: 0.1 } as const;
const never = new AbortController().signal;

/** Plays one interleaving of writers and delete runs and asks whether a live payload was lost, or an orphan left. */
export async function playSeed(world: World, seed: number, mutant?: Mutant): Promise<SeedResult> {
  const race = new Race(world, seed, mutant);
  try {
    await race.play();
    await race.judge();
  } finally {
    await race.close();
  }
  return race.result();
}

interface Choice {
  readonly weight: number;
  readonly value: () => Promise<void>;
}

class Race {
  private readonly random: Random;
  private readonly clock = new StorageClock();
  private readonly history: string[] = [];
  private readonly violations: string[] = [];
  private readonly writers: readonly Writer[];
  private readonly runs = memoryRunStore();
  private readonly reports = reportsInMemory();
  private readonly memories = new Map<string, Map<string, unknown>>();
  private readonly skewMs: number;
  private readonly limits: ReconcileServices['limits'];
  private readonly graceMs: number;
  private readonly plain: Surroundings;
  private slices: readonly Slice[] = [];
  private messages: readonly { readonly message: SliceMessage; readonly dueMs: number }[] = [];
  private runsToStart: number;
  private readonly runIds: string[] = [];
  private ids = 0;
  private steps = 0;
  private ticks = 0;
  /** slices that die, messages that come twice */
  private accidents = 3;
  private readonly deleted = new Set<string>();
  private deletes = 0;
  private readonly style: Style;

  constructor(
    private readonly world: World,
    private readonly seed: number,
    private readonly mutant: Mutant | undefined,
  ) {
    const random = (this.random = new Random(seed));
    const scene = mutant?.scene ?? drawScene(random);
    this.style = { ...drawStyle(random), ...scene.style };
    const log = (name: string) => (event: string) => {
      this.tell(`${name} ${event}`);
    };
    this.writers = Array.from({ length: this.style.writers }, (_, place) => {
      const [session, holder] = [world.sessions[2 * place]!, world.sessions[2 * place + 1]!];
      const plan = { ...drawPlan(random), ...scene.plan };
      const rowId = FIRST_RACE_ID + seed * 10 + place;
      return new Writer(world, this.clock, session, holder, rowId, plan, log(`writer ${place + 1}`));
    });
    this.runsToStart = this.style.runs;
    this.skewMs = random.between(-100_000, 100_000);
    this.graceMs = mutant?.graceMs ?? LONGEST_PUT_TO_BEGIN_MS;
    this.limits = {
      ...DEFAULT_LIMITS,
      pageSize: random.pick([2, 5000]),
      sliceMs: random.pick([2000, 60_000]),
      claimMs: random.pick([1000, 10_000]),
      // The age of what outlasts the drain is hidden from the role, so that such a run is stopped by its guard.
      drainMs: random.chance(0.1) ? 0 : 60_000,
      drainPollMs: 0,
      fanOut: false,
      sweepBatch: random.pick([1, 200]),
    };
    const metadata = new Map<string, string>();
    const container = containerOnClock(world, this.clock, metadata, (name) => {
      this.onDelete(name);
    });
    this.plain = { container, database: postgresOf(world.database, { resourceTypes: () => world.types }) };
  }

  private tell(event: string): void {
    this.history.push(`${(this.clock.nowMs % 1_000_000) / 1000}s ${event}`);
  }

  /** The invariant, at the moment of the delete and at that of a commit after it. */
  private onDelete(name: string): void {
    this.deletes += 1;
    this.deleted.add(name);
    this.tell(`DELETED ${name}`);
    this.requireNoLoss();
  }

  private requireNoLoss(): void {
    for (const { name, isLive } of this.writers)
      if (isLive && this.deleted.has(name) && !this.violations.some((violation) => violation.includes(name)))
        this.violations.push(`the payload of a committed row was deleted: ${name}`);
  }

  async play(): Promise<void> {
    while (this.steps < MOST_STEPS && this.violations.length === 0) {
      const choices = this.choices();
      if (choices.length === 0 && !this.passTime()) return;
      if (choices.length === 0) continue;
      this.steps += 1;
      await this.random.weighted(choices)();
      this.requireNoLoss();
    }
    if (this.violations.length === 0)
      throw new Error(`Seed ${this.seed} does not end: ${this.history.slice(-30).join('\n')}`);
  }

  private choices(): readonly Choice[] {
    const working = this.slices.filter(({ hasEnded }) => !hasEnded);
    const due = this.messages.filter(({ dueMs }) => dueMs <= this.clock.nowMs);
    const choices: Choice[] = [
      ...working.map((slice) => ({ weight: slice.isBlocked() ? 0.4 : 1, value: () => this.burst(slice) })),
      ...(this.accidents > 0 ? working.map((slice) => ({ weight: 0.02, value: () => this.abandon(slice) })) : []),
      ...due.map((entry) => ({ weight: 0.7, value: () => this.deliver(entry.message, entry) })),
      ...(this.accidents > 0 ? due.map(({ message }) => ({ weight: 0.05, value: () => this.repeat(message) })) : []),
      ...this.writers.flatMap((writer) => {
        const urgency = writer.urgency();
        if (urgency === 'never') return [];
        const value = async (): Promise<void> => {
          const { uploads } = writer;
          await writer.step();
          if (writer.uploads > uploads) this.deleted.delete(writer.name);
        };
        return [{ weight: urgency === 'late' ? this.lateWeight() : URGENCIES[urgency], value }];
      }),
    ];
    if (this.runsToStart > 0) choices.push({ weight: this.startWeight(), value: () => this.start() });
    const mayPass = this.ticks < MOST_TICKS && this.writers.every((writer) => writer.letsTimePass());
    if (choices.length > 0 && mayPass)
      choices.push({
        weight: this.runIds.length === 0 ? 0.5 : this.style.tick,
        value: () => Promise.resolve(this.tick()),
      });
    return choices;
  }

  /** What is the more telling the later it comes, unless a run waits for it. */
  private lateWeight(): number {
    return this.slices.some((slice) => slice.isBlocked()) ? 0.05 : this.style.late;
  }

  /** A run is dangerous to a payload that is about as old as its cutoff. */
  private startWeight(): number {
    const { ripeMs, late } = this.style;
    if (ripeMs === 0) return 0.3;
    const youngest = this.clock.date().getTime() - ripeMs;
    const isRipe = ({ storedAt, isLive }: Writer): boolean =>
      !isLive && storedAt !== undefined && storedAt.getTime() <= youngest;
    return this.writers.some(isRipe) ? 2 : late / 5;
  }

  private tick(): Promise<void> {
    this.ticks += 1;
    this.clock.tick();
    return Promise.resolve();
  }

  /** Nothing can happen before a message is due. */
  private passTime(): boolean {
    const [next] = [...this.messages].sort((left, right) => left.dueMs - right.dueMs);
    if (next === undefined) return false;
    this.clock.jump(Math.max(next.dueMs - this.clock.nowMs, TICK_MS));
    return true;
  }

  private async start(): Promise<void> {
    this.runsToStart -= 1;
    const request: RunRequest = {
      tenantId: 'default',
      dsId: 'default',
      mode: 'delete',
      graceMs: this.graceMs,
      includeTombstones: false,
      audit: false,
      overrides: { 'wrong-pair': this.writers.map(({ name }) => name) },
    };
    const { run, followUps } = await startRun(this.services(new Slice('start'), this.plain), request);
    this.runIds.push(run.id);
    this.memories.set(run.id, new Map());
    this.tell(`run ${this.runIds.length} is started`);
    this.send(followUps);
  }

  private send(followUps: readonly FollowUp[]): void {
    const sent = followUps.map(({ message, delayMs }) => ({ message, dueMs: this.clock.nowMs + delayMs }));
    this.messages = [...this.messages, ...sent];
  }

  /** The queue delivers a message twice. */
  private repeat(message: SliceMessage): Promise<void> {
    this.accidents -= 1;
    return this.deliver(message);
  }

  private async deliver(message: SliceMessage, entry?: object): Promise<void> {
    this.messages = this.messages.filter((other) => other !== entry);
    const { run, shard } = message.slice;
    const slice = new Slice(`run ${this.runIds.indexOf(run) + 1}${shard === undefined ? '' : ` shard ${shard}`}`);
    const services = this.services(slice, this.mutated(run));
    const readsRun = { ...services, runs: gatedRuns(slice, this.mutatedRuns(run)) };
    void advance(readsRun, message, never)
      .then(
        (followUps) => {
          this.send(followUps);
        },
        (error: unknown) => {
          this.violations.push(`${slice.name} fails: ${String(error)}`);
        },
      )
      .finally(() => {
        slice.end();
      });
    this.slices = [...this.slices, slice];
    this.owners.set(slice, message);
    await slice.quiet();
  }

  private readonly owners = new Map<Slice, SliceMessage>();

  /** Some steps in a row: a pause is the rarer thing. */
  private async burst(slice: Slice): Promise<void> {
    for (
      let left = slice.isBlocked() ? 1 : this.random.between(1, this.style.burst);
      left > 0 && slice.gates.length > 0;
      left -= 1
    ) {
      const gate = this.random.pick(slice.gates);
      this.tell(`${slice.name} ${gate.label}`);
      gate.open();
      await slice.quiet();
      if (slice.hasEnded || slice.isBlocked()) break;
    }
    this.slices = this.slices.filter(({ hasEnded }) => !hasEnded);
  }

  /** The process dies; its message comes back. */
  private async abandon(slice: Slice): Promise<void> {
    this.accidents -= 1;
    this.tell(`${slice.name} dies`);
    this.slices = this.slices.filter((other) => other !== slice);
    this.send([{ message: this.owners.get(slice)!, delayMs: 0 }]);
    await Promise.resolve();
  }

  private context(runId: string): MutantContext {
    const { world, clock, graceMs, plain } = this;
    return { world, clock, graceMs, plain, memory: this.memories.get(runId)! };
  }

  private mutated(runId: string): Surroundings & { readonly raw: World['database'] } {
    const { mutant, plain, world } = this;
    const context = this.context(runId);
    const raw = mutant?.database?.(world.database, context) ?? world.database;
    const database = postgresOf(raw, plain.database);
    return {
      container: mutant?.container?.(plain.container, context) ?? plain.container,
      database: mutant?.looks?.(database, context) ?? database,
      raw,
    };
  }

  private mutatedRuns(runId: string): typeof this.runs {
    return this.mutant?.runs?.(this.runs, this.context(runId)) ?? this.runs;
  }

  private services(
    slice: Slice,
    { container, database, raw = this.world.database }: Surroundings & { readonly raw?: World['database'] },
  ): ReconcileServices {
    const store = {
      tenantId: 'default',
      dsId: 'default',
      container: gatedContainer(slice, container),
      database: gatedDatabase(slice, database, raw),
    };
    return {
      runs: this.runs,
      reports: this.reports,
      openStore: () => store,
      sharedContainers: () => [],
      limits: this.limits,
      reporter: {},
      // The clock of the functions is any clock.
      clock: () => new Date(this.clock.nowMs + this.skewMs),
      monotonicMs: () => this.clock.nowMs,
      newId: () => String((this.ids += 1)).padStart(8, '0'),
    };
  }

  /** At rest: what the database and the container say themselves. */
  async judge(): Promise<void> {
    const [live, stored] = await Promise.all([liveNames(this.world.observer), namesIn(this.world.blobs)]);
    const present = new Set(stored);
    for (const name of live) if (!present.has(name)) this.violations.push(`a live row has no payload: ${name}`);
    for (const run of await this.ended()) {
      this.tell(
        `a run ended as ${run.state} ${run.guards.map(({ guard }) => guard).join(' ')}, cutoff ${run.plan?.cutoff ?? ''}`,
      );
      if (run.state !== 'complete' || run.plan === undefined) {
        if (run.state !== 'stopped-by-guard')
          this.violations.push(`a run ended as ${run.state}: ${run.problem?.message ?? ''}`);
        continue;
      }
      const cutoff = Date.parse(run.plan.cutoff);
      for (const { name, storedAt, wasLive } of this.writers)
        if (!wasLive && storedAt !== undefined && storedAt.getTime() < cutoff && present.has(name))
          this.violations.push(`a complete run left an orphan that is older than its cutoff: ${name}`);
    }
  }

  private async ended(): Promise<readonly Run[]> {
    const rows = await Promise.all(this.runIds.map((id) => this.runs.read(id, never)));
    return rows.flatMap((row) => (row === undefined ? [] : [row.value]));
  }

  async close(): Promise<void> {
    for (const writer of this.writers) await writer.close();
    await this.world.mutant.query('rollback');
    await this.world.observer.query(`delete from ${SCHEMA}.patient_resources where resource_id >= ${FIRST_RACE_ID};
      delete from ${SCHEMA}.patient_logical_resources where logical_resource_id >= ${FIRST_RACE_ID};
      delete from ${SCHEMA}.logical_resource_ident where logical_id like 'race-%'`);
    const left = (await namesIn(this.world.blobs)).filter((name) => !ANCHORS.includes(name));
    await Promise.all(left.map((name) => this.world.blobs.deleteBlob(name)));
  }

  result(): SeedResult {
    const { seed, violations, history } = this;
    return {
      seed,
      violations,
      history,
      figures: {
        runs: this.runIds.length,
        deleted: this.deletes,
        committed: this.writers.filter(({ wasLive }) => wasLive).length,
        steps: this.steps,
      },
    };
  }
}
