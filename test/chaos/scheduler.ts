import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Fault } from './faults';
import type { Random } from './random';

export type Boundary = 'fhir' | 'dicom' | 'table' | 'queue' | 'lease';

/** A request that somebody is about to send. */
export interface Step {
  readonly boundary: Boundary;
  /** For the printed history. */
  readonly label: string;
  /** Whether it changes something: only such requests do harm when they arrive late. */
  readonly writes: boolean;
}

/** Somebody who works: one function run. */
export interface Actor {
  readonly name: string;
  /** The process it runs in; a crash takes all of a process. */
  readonly process: number;
  readonly startedMs: number;
  readonly abort: AbortController;
  crashed: boolean;
}

/** Where work stands and waits to be let on. */
export type Gate =
  | {
      readonly kind: 'request';
      readonly actor: Actor;
      readonly step: Step;
      readonly send: (fault: Fault | undefined) => void;
      /** Sends it without anybody waiting for the answer. */
      readonly sendLate: () => Promise<void>;
    }
  | { readonly kind: 'sleep'; readonly actor: Actor; readonly dueMs: number; readonly wake: () => void }
  /** The FHIR server between its look and its creation. */
  | { readonly kind: 'server'; readonly wake: () => void };

interface LateRequest {
  readonly step: Step;
  readonly deadlineMs: number;
  readonly send: () => Promise<void>;
}

/** Longest FHIR request: no request arrives later than this after it was sent. */
const LONGEST_REQUEST_MS = 60_000;

/**
 * Runs function runs one request at a time. Every request, every pause and every race window of the FHIR server is a gate;
 * whoever drives the scheduler opens one, then waits until all work stands before a gate again. So the order of everything is
 * the driver's choice, although the requests are real ones.
 */
export class Scheduler {
  nowMs = Date.parse('2026-01-01T00:00:00Z');
  readonly actors = new Set<Actor>();
  gates: readonly Gate[] = [];
  late: readonly LateRequest[] = [];
  private readonly context = new AsyncLocalStorage<Actor>();
  private inFlight = 0;
  private parked = 0;
  private active = false;
  private wakeDriver: () => void = () => undefined;

  constructor(private readonly jitter: Random) {}

  /** Starts a function run; it goes on until its first gate. */
  start(
    name: string,
    process: number,
    work: (actor: Actor) => Promise<void>,
    ended: (error?: unknown) => void = () => undefined,
  ): Actor {
    const actor: Actor = { name, process, startedMs: this.nowMs, abort: new AbortController(), crashed: false };
    this.actors.add(actor);
    void this.context
      .run(actor, () => work(actor))
      .then(
        () => this.end(actor, ended),
        (error: unknown) => this.end(actor, ended, error),
      );
    return actor;
  }

  private end(actor: Actor, ended: (error?: unknown) => void, error?: unknown): void {
    this.actors.delete(actor);
    ended(error);
  }

  /** A request of the run that calls it: waits at its gate. Outside of any run it is sent at once. */
  async request<T>(step: Step, execute: (fault: Fault | undefined) => Promise<T>): Promise<T> {
    const actor = this.context.getStore();
    if (actor === undefined) return execute(undefined);
    const send = (fault: Fault | undefined): Promise<T> => this.io(() => execute(fault));
    const sendLate = async (): Promise<void> => {
      await send(undefined).catch(() => undefined);
    };
    const fault = await this.gate<Fault | undefined>(actor, (go) => ({
      kind: 'request',
      actor,
      step,
      send: go,
      sendLate,
    }));
    if (fault?.late !== undefined) {
      this.sendLater(step, sendLate);
      const error = fault.late();
      if (error !== undefined) throw error;
    }
    return send(fault);
  }

  sendLater(step: Step, send: () => Promise<void>): void {
    this.late = [...this.late, { step, send, deadlineMs: this.nowMs + LONGEST_REQUEST_MS }];
  }

  /** A pause: of the run that calls it, or of the FHIR server. */
  async sleep(ms: number): Promise<void> {
    const actor = this.context.getStore();
    if (actor !== undefined)
      return this.gate<undefined>(actor, (wake) => ({
        kind: 'sleep',
        actor,
        dueMs: this.nowMs + ms,
        wake: () => {
          wake(undefined);
        },
      }));
    this.parked++;
    this.wakeDriver();
    await new Promise<void>((wake) => (this.gates = [...this.gates, { kind: 'server', wake }]));
    this.parked--;
  }

  private gate<T>(actor: Actor, describe: (go: (value: T) => void) => Gate): Promise<T> {
    // A run that crashed does nothing more.
    if (actor.crashed) return new Promise<T>(() => undefined);
    return new Promise<T>((go) => (this.gates = [...this.gates, describe(go)]));
  }

  /** Opens a gate; the caller waits for `quiet` afterwards. */
  open(gate: Gate, fault?: Fault): void {
    this.gates = this.gates.filter((other) => other !== gate);
    switch (gate.kind) {
      case 'request':
        gate.send(fault);
        return;
      case 'sleep':
        this.nowMs = Math.max(this.nowMs, gate.dueMs);
        gate.wake();
        return;
      case 'server':
        gate.wake();
        return;
    }
  }

  async sendLateNow(request: LateRequest): Promise<void> {
    this.late = this.late.filter((other) => other !== request);
    void request.send();
    await this.quiet();
  }

  /** Moves the clock on. Requests that were sent long ago arrive before. */
  async advance(ms: number): Promise<void> {
    const target = this.nowMs + ms;
    for (;;) {
      const [due] = [...this.late].sort((a, b) => a.deadlineMs - b.deadlineMs);
      if (due === undefined || due.deadlineMs > target) break;
      this.nowMs = Math.max(this.nowMs, due.deadlineMs);
      await this.sendLateNow(due);
    }
    this.nowMs = Math.max(this.nowMs, target);
  }

  /** Ends runs where they stand. A request that they were about to send may have left, and arrives at some time. */
  crash(actors: readonly Actor[], random: Random): void {
    for (const actor of actors) {
      actor.crashed = true;
      this.actors.delete(actor);
      for (const gate of this.gates) {
        if (gate.kind === 'request' && gate.actor === actor && random.chance(0.5))
          this.sendLater(gate.step, gate.sendLate);
      }
    }
    this.gates = this.gates.filter((gate) => gate.kind === 'server' || !gate.actor.crashed);
  }

  /** Resolves when all work stands before a gate. */
  async quiet(): Promise<void> {
    for (let calm = 0; calm < 2;) {
      if (this.inFlight > this.parked) {
        calm = 0;
        await new Promise<void>((resolve) => (this.wakeDriver = resolve));
      } else calm++;
      await nextTurn();
    }
  }

  private io<T>(execute: () => Promise<T>): Promise<T> {
    this.inFlight++;
    return this.context.exit(execute).finally(() => {
      this.inFlight--;
      this.wakeDriver();
    });
  }

  /** Puts pauses and dice of everything that runs under this scheduler into its hands; the returned function gives them back. */
  takeOver(): () => void {
    const timers = process.getBuiltinModule('node:timers/promises') as { setTimeout: unknown };
    const real = { sleep: timers.setTimeout, setTimeout: globalThis.setTimeout, clear: globalThis.clearTimeout };
    const realRandom = Math.random;
    const pending = new Map<object, Gate | undefined>();
    this.active = true;
    timers.setTimeout = (ms = 0, value?: unknown, options?: unknown): Promise<unknown> =>
      this.active && (this.context.getStore() !== undefined || this.inFlight > this.parked)
        ? this.sleep(ms).then(() => value)
        : (real.sleep as (...all: unknown[]) => Promise<unknown>)(ms, value, options);
    globalThis.setTimeout = ((run: (...all: unknown[]) => void, ms = 0, ...args: unknown[]): unknown => {
      const actor = this.active ? this.context.getStore() : undefined;
      if (actor === undefined) return real.setTimeout(run, ms, ...args);
      const token = { ref: () => token, unref: () => token, hasRef: () => false, [Symbol.toPrimitive]: () => 0 };
      pending.set(token, undefined);
      void this.sleep(ms).then(() => {
        if (pending.delete(token)) run(...args);
      });
      return token;
    }) as typeof setTimeout;
    globalThis.clearTimeout = (token: unknown): void => {
      if (typeof token === 'object' && token !== null && pending.delete(token)) return;
      real.clear(token as Parameters<typeof clearTimeout>[0]);
    };
    Math.random = () => (this.context.getStore() === undefined ? realRandom() : this.jitter.next());
    return () => {
      this.active = false;
      timers.setTimeout = real.sleep;
      globalThis.setTimeout = real.setTimeout;
      globalThis.clearTimeout = real.clear;
      Math.random = realRandom;
    };
  }
}
