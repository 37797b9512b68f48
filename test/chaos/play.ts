import { chooseFault, type Fault, type FaultRates, outageFault } from './faults';
import { check, type Verdict } from './check';
import { History } from './history';
import { Random } from './random';
import { type Actor, type Gate, Scheduler } from './scheduler';
import { SHARED_REQUESTS, type Tables, World } from './world';

export interface SeedResult {
  readonly seed: number;
  readonly server: string;
  readonly violations: readonly string[];
  readonly figures: Readonly<Record<string, number>>;
  /** Faults by boundary and kind. */
  readonly faults: Readonly<Record<string, number>>;
  /** Everything in the order in which it happened. */
  readonly history: readonly string[];
}

/** More steps than any seed needs: whoever gets here runs in a circle. */
const MAX_STEPS = 20_000;
/** A run ends by the host's time-out of ten minutes; passes end before (settings: FUNCTION_TIMEOUT_SECONDS). */
const LONGEST_RUN_MS = 540_000;
/** Runs that may stand still beside those that go on. */
const STANDING_RUNS = 5;
const HOUR_MS = 3_600_000;

/** Plays one seeded history with its faults to its end, and judges what is left. */
export async function playSeed(seed: number, tables: Tables): Promise<SeedResult> {
  const random = new Random(seed);
  const scheduler = new Scheduler(new Random(seed + 1_000_003));
  const character = characterOf(random, new Random(seed + 2_000_003));
  const giveBack = scheduler.takeOver();
  const world = await World.start(scheduler, tables, character);
  try {
    const play = new Play(seed, random, scheduler, world, character);
    await play.run();
    return play.result();
  } finally {
    giveBack();
    await world.stop();
  }
}

interface Character {
  readonly switches: { readonly preset: 'good' | 'hapi' | 'worst'; readonly ids: 'sequential' };
  readonly settings: Readonly<Record<string, string>>;
  /** Runs that go on at the same time. */
  readonly runsAtOnce: number;
  readonly groupsUnderWay: number;
  readonly skewsMs: readonly number[];
  readonly rates: FaultRates;
  readonly acts: number;
  /** How long faults go on when nothing new is stored any more. */
  readonly stepsAfterwards: number;
  /** How likely the run that did the last step does the next one too. */
  readonly stickiness: number;
  /** How likely a run stops for a long time before it writes. */
  readonly freeze: number;
  readonly crashes: number;
  readonly redeliveries: number;
  readonly operations: number;
  readonly outages: number;
  readonly pauses: number;
}

/** @param sharing a source of its own, so that what a seed does otherwise stays what it was */
function characterOf(random: Random, sharing: Random): Character {
  const preset = random.pick(['good', 'hapi', 'worst'] as const);
  const heavy = random.chance(0.25);
  const rate = (): number => random.pick(heavy ? [0.05, 0.15, 0.3] : [0, 0.01, 0.03, 0.08]);
  return {
    switches: { preset, ids: 'sequential' },
    settings: {
      MAX_ATTEMPTS: random.pick(['1', '2', '3', '8']),
      VALIDATION: random.pick(['partial', 'partial', 'full']),
      OBSERVATIONS: random.pick(['summary+events', 'summary+events', 'summary', 'off']),
      STUDIES_PER_MESSAGE: random.pick(['1', '2', '20', '20']),
      PATIENT_LOCK: preset === 'good' ? random.pick(['on', 'off']) : 'on',
      DEMOGRAPHICS: random.pick(['create-only', 'create-only', 'managed']),
      FHIR_TOGETHER: sharing.pick(['1', '2', '5', '20']),
    },
    runsAtOnce: sharing.pick([3, 7, 12]),
    groupsUnderWay: sharing.pick([0, 0, 1, 2]),
    skewsMs: Array.from({ length: random.between(1, 3) }, () => random.between(-20_000, 20_000)),
    rates: {
      fhir: random.pick([0, 0.03, 0.1, 0.1]) || rate(),
      dicom: rate() / 2,
      table: rate(),
      queue: rate(),
      lease: rate(),
    },
    // What a later act heals is not seen: short histories end soon after a mishap.
    acts: random.pick([random.between(2, 6), random.between(2, 8), random.between(5, 40)]),
    stepsAfterwards: random.between(50, 400),
    stickiness: random.pick([0, 0.5, 0.9]),
    freeze: random.pick([0, 0.2, 0.5]),
    crashes: random.pick([0, 0, 1, 3, 12]),
    redeliveries: random.pick([0, 1, 3, 12]),
    operations: random.pick([0, 1, 3]),
    outages: random.pick([0, 0, 0, 1]),
    pauses: random.pick([0, 1, 3]),
  };
}

type Action = () => Promise<void>;

class Play {
  private readonly happened: string[] = [];
  private readonly faults: Record<string, number> = {};
  private readonly history: History;
  private readonly violations: string[] = [];
  private readonly lastSequence = new Map<string, number>();
  private readonly left: Record<'acts' | 'crashes' | 'redeliveries' | 'operations' | 'outages' | 'pauses', number>;
  private last: Gate | undefined;
  /** Runs that stand still, and until which step. */
  private readonly frozen = new Map<Actor, number>();
  private readonly considered = new WeakSet<Gate>();
  private faultsOn = true;
  private steps = 0;
  private crashed = 0;
  private entries = 0;
  /** A puller has been started since; whether it came to its end is another matter. */
  private pulledUpTo = 0;
  private outage: { readonly boundary: 'fhir' | 'dicom'; readonly fault: Fault; readonly untilMs: number } | undefined;
  private first: Verdict | undefined;
  private second: Verdict | undefined;

  constructor(
    private readonly seed: number,
    private readonly random: Random,
    private readonly scheduler: Scheduler,
    private readonly world: World,
    private readonly character: Character,
  ) {
    this.history = new History(random, world.dicom, world.fhir, { dose: random.chance(0.7) });
    world.isBroken = (after, width) => this.history.isBroken(after, width);
    const { acts, crashes, redeliveries, operations, outages, pauses } = character;
    this.left = { acts, crashes, redeliveries, operations, outages, pauses };
    this.note(`seed ${seed}: ${JSON.stringify(character)}`);
  }

  async run(): Promise<void> {
    try {
      for (let calm = 0; calm < this.character.stepsAfterwards || this.left.acts > 0;) {
        await this.step();
        if (this.left.acts <= 0) calm++;
      }
      this.faultsOn = false;
      this.outage = undefined;
      this.note('faults off');
      await this.settle();
      this.first = await this.judge(false);
      if (this.violations.length > 0) return;
      this.note('everything is tried again');
      this.history.repair();
      this.world.retryAll(0);
      await this.settle();
      this.second = await this.judge(true);
    } catch (error) {
      this.violations.push(`the seed did not come to its end: ${error instanceof Error ? (error.stack ?? '') : ''}`);
    }
  }

  private async judge(afterRetry: boolean): Promise<Verdict> {
    const verdict = await check(this.world, this.history, { afterRetry, lastSequence: this.lastSequence });
    for (const row of await this.world.rows())
      this.note(
        `row ${row.study?.partition ?? 'feed'} ${row.study?.uid ?? ''} ${row.rowKey} ${row.instanceUid ?? ''} ${row.reason}: ${row.message}`,
      );
    this.violations.push(...verdict.violations);
    return verdict;
  }

  /** One choice of what happens next. */
  private async step(): Promise<void> {
    const { random, scheduler } = this;
    if (++this.steps > MAX_STEPS) throw new Error(`More than ${MAX_STEPS} steps`);
    await scheduler.quiet();
    const sticky = this.stickyGate();
    if (sticky !== undefined && random.chance(this.character.stickiness)) return this.open(sticky);
    const actions = this.actions();
    if (actions.length === 0) {
      if (this.frozen.size === 0) return this.jump();
      this.frozen.clear();
      return;
    }
    await random.weighted(actions)();
  }

  private stickyGate(): Gate | undefined {
    const { last } = this;
    if (last === undefined || last.kind === 'server') return undefined;
    return this.scheduler.gates.find(
      (gate) => gate.kind === 'request' && gate.actor === last.actor && !this.isFrozen(gate),
    );
  }

  private isFrozen(gate: Gate): boolean {
    return gate.kind !== 'server' && (this.frozen.get(gate.actor) ?? 0) > this.steps;
  }

  /** A worker may stand still for long between what it has read and what it is about to write. */
  private freezes(gate: Extract<Gate, { kind: 'request' }>): boolean {
    const { step, actor } = gate;
    if (!step.writes || !/^fhir|^table (batch|DELETE)/.test(step.label) || this.considered.has(gate)) return false;
    this.considered.add(gate);
    if (!this.random.chance(this.character.freeze)) return false;
    this.frozen.set(actor, this.steps + this.random.between(20, 300));
    this.note(`${actor.name} stands still before ${step.label}`);
    return true;
  }

  private actions(): { readonly weight: number; readonly value: Action }[] {
    const { scheduler, world, left, random } = this;
    const list: { weight: number; value: Action }[] = [];
    const add = (weight: number, value: Action): void => void list.push({ weight, value });
    for (const [actor, until] of this.frozen)
      if (until <= this.steps || !scheduler.actors.has(actor)) this.frozen.delete(actor);
    for (const gate of scheduler.gates) if (!this.isFrozen(gate)) add(this.weightOf(gate), () => this.open(gate));
    for (const request of scheduler.late) {
      add(0.03, async () => {
        this.note(`arrives late: ${request.step.label}`);
        await scheduler.sendLateNow(request);
      });
    }
    const process = (): number => random.below(world.casts.length);
    const { runsAtOnce } = this.character;
    const idle =
      scheduler.actors.size - this.frozen.size < runsAtOnce && scheduler.actors.size < runsAtOnce + STANDING_RUNS;
    const visible = world.queue.visible();
    // Where many may run at once they start at once: only then do their requests meet.
    if (idle && visible.length > 0)
      add(runsAtOnce - 2, async () => this.quietly(() => world.deliver(random.pick(visible), process())));
    const poisoned = world.poison.visible();
    if (idle && poisoned.length > 0)
      add(0.5, async () => this.quietly(() => world.handlePoison(random.pick(poisoned), process())));
    if (!this.faultsOn) return list;
    const behind = this.pulledUpTo < world.dicom.latestSequence;
    if (idle) add(behind ? 0.3 : 0.03, async () => this.pull(process()));
    if (left.acts > 0) add(this.frozen.size > 0 ? 0.3 : 0.1, () => this.act());
    if (left.crashes > 0 && scheduler.actors.size > 0) add(0.05, () => this.crash(process()));
    if (left.redeliveries > 0 && world.underWork.size > 0)
      add(
        0.05,
        sync(() => this.redeliver()),
      );
    if (left.operations > 0) add(0.03, async () => this.operate(process()));
    if (left.outages > 0)
      add(
        0.02,
        sync(() => this.beginOutage()),
      );
    if (left.pauses > 0 && scheduler.actors.size > 0) add(0.03, () => this.pause());
    add(0.05, () => this.advance(random.between(50, 3000)));
    if (scheduler.actors.size === 0 && world.queue.length > 0) add(0.1, () => this.jump());
    return list;
  }

  /** Requests take milliseconds: whoever pauses is seldom through before somebody has done a good deal. */
  private weightOf(gate: Gate): number {
    if (gate.kind === 'sleep' && gate.dueMs > this.scheduler.nowMs) return 0.02;
    return gate.kind === 'server' ? 0.7 : 1;
  }

  private async quietly(start: () => void): Promise<void> {
    const before = new Set(this.scheduler.actors);
    start();
    const started = [...this.scheduler.actors].filter((actor) => !before.has(actor));
    for (const { name, process } of started) this.note(`P${process} starts ${name}`);
    await this.scheduler.quiet();
  }

  private async open(gate: Gate): Promise<void> {
    this.last = gate;
    if (gate.kind !== 'request') {
      this.note(gate.kind === 'server' ? 'the FHIR server goes on' : `${gate.actor.name} wakes up`);
      this.scheduler.open(gate);
      await this.scheduler.quiet();
      return;
    }
    if (this.faultsOn && this.freezes(gate)) return;
    const fault = this.faultFor(gate);
    if (fault !== undefined) this.count(`${gate.step.boundary}: ${fault.name}`);
    this.note(`${gate.actor.name}: ${gate.step.label}${fault === undefined ? '' : `  !! ${fault.name}`}`);
    this.scheduler.open(gate, fault);
    await this.scheduler.quiet();
    await this.scheduler.advance(this.random.between(2, 30));
  }

  private faultFor({ step }: Extract<Gate, { kind: 'request' }>): Fault | undefined {
    if (!this.faultsOn) return undefined;
    if (this.outage !== undefined && this.outage.untilMs <= this.scheduler.nowMs) this.outage = undefined;
    if (this.outage?.boundary === step.boundary) return this.outage.fault;
    return chooseFault(this.random, this.character.rates, step);
  }

  private count(fault: string): void {
    this.faults[fault] = (this.faults[fault] ?? 0) + 1;
  }

  private async pull(process: number): Promise<void> {
    this.pulledUpTo = this.world.dicom.latestSequence;
    await this.quietly(() => this.world.pull(process));
  }

  private async act(): Promise<void> {
    this.left.acts--;
    const before = this.world.dicom.latestSequence;
    this.note(`== ${this.history.act()}`);
    const { latestSequence } = this.world.dicom;
    if (latestSequence > before) await this.readSequences(before);
  }

  /** What the feed says of the act, read past all faults. */
  private async readSequences(before: number): Promise<void> {
    const { dicom } = this.world;
    const broken = this.world.isBroken;
    this.world.isBroken = () => false;
    for (let after = before; after < dicom.latestSequence; after += 100) {
      const url = `${dicom.url}/v1/changefeed?offset=${after}&limit=100&includeMetadata=false`;
      const entries = (await (await fetch(url)).json()) as readonly FeedEntry[];
      for (const { sequence, partitionName, sopInstanceUid } of entries) {
        this.lastSequence.set(`${partitionName}|${sopInstanceUid}`, sequence);
        this.entries++;
      }
    }
    this.world.isBroken = broken;
  }

  private async crash(process: number): Promise<void> {
    const { scheduler } = this;
    const victims = [...scheduler.actors].filter((actor) => actor.process === process);
    if (victims.length === 0) return;
    this.left.crashes--;
    this.crashed++;
    this.end(process, 'crashes');
    await scheduler.quiet();
  }

  /** What runs in one process shares requests: it ends together or not at all. */
  private end(process: number, why: string): void {
    const { scheduler, world } = this;
    const victims = [...scheduler.actors].filter((actor) => actor.process === process);
    this.note(`** process ${process} ${why}: ${victims.map(({ name }) => name).join('; ')}`);
    scheduler.crash(victims, this.random);
    world.restart(process);
  }

  private redeliver(): void {
    const { world, random } = this;
    const message = random.pick([...world.underWork.values()]);
    this.left.redeliveries--;
    this.count('queue: message visible again');
    this.note(`** ${message.id} is visible again`);
    world.queue.redeliver(message);
  }

  private async operate(process: number): Promise<void> {
    this.left.operations--;
    const { world, random } = this;
    const operation = random.pick(['retry', 'resync', 'sweep'] as const);
    await this.quietly(() => {
      if (operation === 'retry') world.retryAll(process);
      else if (operation === 'resync') world.resync(process);
      else world.sweep(process);
    });
  }

  private beginOutage(): void {
    this.left.outages--;
    const boundary = this.random.pick(['fhir', 'dicom'] as const);
    const fault = outageFault(this.random);
    const minutes = this.random.between(1, 60);
    this.outage = { boundary, fault, untilMs: this.scheduler.nowMs + minutes * 60_000 };
    this.note(`** ${boundary} is down for ${minutes} minutes: ${fault.name}`);
  }

  private async pause(): Promise<void> {
    this.left.pauses--;
    this.count('clock: everybody pauses');
    await this.advance(this.random.between(20_000, 120_000));
  }

  /** Moves the clock; a run that gets too old is ended by the host, and its process with it (functionTimeout). */
  private async advance(ms: number): Promise<void> {
    this.note(`-- ${(ms / 1000).toFixed(1)} s pass`);
    await this.scheduler.advance(ms);
    const old = [...this.scheduler.actors].filter(({ startedMs }) => this.scheduler.nowMs - startedMs > LONGEST_RUN_MS);
    if (old.length === 0) return;
    for (const process of new Set(old.map((actor) => actor.process))) this.end(process, 'has a run that is too old');
  }

  /** Nothing can be done now: on to the next moment when something can. */
  private async jump(): Promise<void> {
    const { scheduler, world } = this;
    const moments = [world.queue.nextVisibleAtMs(), world.poison.nextVisibleAtMs()].filter((at) => at !== undefined);
    const next = Math.min(...moments, ...scheduler.late.map(({ deadlineMs }) => deadlineMs));
    if (Number.isFinite(next)) await this.advance(Math.max(1, next - scheduler.nowMs));
    else await this.advance(1000);
  }

  /** Everything under way comes to its end, the feed is read, and what was left behind is swept. */
  private async settle(): Promise<void> {
    const { scheduler, world } = this;
    for (let round = 0; round < 12; round++) {
      await scheduler.quiet();
      await this.drain();
      if ((await world.cursor()) < world.dicom.latestSequence) {
        await this.quietly(() => world.pull(0));
        continue;
      }
      if ((await world.marks()) === 0) return;
      await this.advance(HOUR_MS);
      await this.quietly(() => world.sweep(0));
      await this.drain();
    }
    this.violations.push('the work does not come to rest');
  }

  private async drain(): Promise<void> {
    const { scheduler, world } = this;
    while (scheduler.actors.size > 0 || scheduler.late.length > 0 || world.queue.length > 0 || world.poison.length > 0)
      await this.step();
  }

  private note(what: string): void {
    const seconds = (this.scheduler.nowMs - Date.parse('2026-01-01T00:00:00Z')) / 1000;
    this.happened.push(`${seconds.toFixed(1).padStart(8)} ${what}`);
  }

  result(): SeedResult {
    const { counts } = this.world.tally;
    const figure = (name: string): number => counts[name] ?? 0;
    return {
      seed: this.seed,
      server: this.character.switches.preset,
      violations: this.violations,
      faults: this.faults,
      history: this.happened,
      figures: {
        steps: this.steps,
        entries: this.entries,
        passes: figure('passes'),
        'started over': figure('started over'),
        'studies synced': figure('studies-synced'),
        retries: figure('studies-postponed'),
        deferrals: figure('studies-deferred'),
        filed: figure('entries-failed'),
        'given up': figure('gave-up'),
        poisoned: this.world.poisoned,
        'process crashes': this.crashed,
        'FHIR requests that were shared': figure(SHARED_REQUESTS),
        'marks swept': figure('event mark-swept'),
        'rows at rest': this.first?.rows ?? 0,
        'rows for what is in FHIR, unconfirmed': this.first?.unconfirmed ?? 0,
        'rows after a retry': this.second?.rows ?? 0,
        'spare Patients': this.second?.sparePatients ?? 0,
      },
    };
  }
}

interface FeedEntry {
  readonly sequence: number;
  readonly partitionName: string;
  readonly sopInstanceUid: string;
}

/** An act that needs no waiting, as one that may. */
function sync(act: () => void): () => Promise<void> {
  return () => {
    act();
    return Promise.resolve();
  };
}
