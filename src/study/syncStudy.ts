import { setTimeout as sleep } from 'node:timers/promises';
import type { Breakers } from '../failures/breaker';
import { backOffDelayMs } from '../failures/backOff';
import { classify, type Failure, withServerText } from '../failures/classify';
import { redactor } from '../failures/redact';
import type { StudyPass, StudyPasses } from '../failures/studyPass';
import { DependencyError } from './dependencyErrors';
import type { LiveStudy } from './liveStudy';
import type { StudyMessage } from './message';
import { type PassDependencies, runPass } from './pass';
import { patientSecrets } from './patientSecrets';
import { filedFailure, type RowChanges, rowsAfterFailure, rowsAfterSuccess } from './rows';
import type { StudyQueue, MessageReceipt } from './studyQueue';
import type { SyncReporter } from './syncReporter';

/** One delivery of a message by the queue trigger. */
export interface Delivery extends MessageReceipt {
  readonly dequeueCount: number;
  readonly invocationId: string;
}

export interface SyncOptions {
  /** Deliveries after which a transient error is filed; the host's maxDequeueCount is two more. */
  readonly maxAttempts: number;
  readonly backOffBaseMs: number;
  readonly backOffCapMs: number;
  readonly deferCapMs: number;
  readonly outageBudgetMs: number;
  /** How long a write whose outcome is unknown may still arrive: function time-out plus the longest FHIR request. */
  readonly unknownOutcomeMs: number;
  /** Time for all the passes of one delivery. */
  readonly deliveryMs: number;
}

export interface SyncDependencies extends PassDependencies {
  readonly passes: StudyPasses;
  readonly queue: StudyQueue;
  readonly breakers: Breakers;
  /** Asks a service whether it works, independently of the study: throws when it does not. */
  readonly probe: (dependency: 'dicom' | 'fhir', signal: AbortSignal) => Promise<void>;
  readonly reporter: SyncReporter;
  readonly options: SyncOptions;
  readonly random?: () => number;
  readonly now?: () => Date;
}

/** The study could not be brought up to date now; the message comes back. Thrown so that the host keeps the message. */
export class StudyPostponed extends Error {
  readonly code = 'StudyPostponed';
  constructor(failure: Failure) {
    super(`${failure.reason}: ${failure.message}`);
    this.name = 'StudyPostponed';
  }
}

export interface StudySync {
  /**
   * Brings one study up to date (design 3.2). Returns when the message is done with: in FHIR, filed, or deferred as a fresh copy.
   * @throws StudyPostponed when the message must come back
   */
  handle(message: StudyMessage, delivery: Delivery, signal: AbortSignal): Promise<void>;
}

type PassOutcome =
  | { readonly kind: 'settled' }
  | { readonly kind: 'start-over' }
  | { readonly kind: 'failed'; readonly failure: Failure; readonly pass: StudyPass };

/** Conflicts that are read again at once before they count as an attempt (design 3.3). */
const CONFLICTS_AT_ONCE = 3;
/** Passes of one delivery that may be overtaken before the message is put back for a while. */
const PASSES_AT_ONCE = 25;

export function studySync(deps: SyncDependencies): StudySync {
  const { options, passes, queue, breakers, reporter, random = Math.random, now = () => new Date() } = deps;

  async function onePass(
    message: StudyMessage,
    delivery: Delivery,
    signal: AbortSignal,
    deadline: AbortSignal,
  ): Promise<PassOutcome> {
    const { invocationId } = delivery;
    const started = performance.now();
    const pass = await passes.open(message.study, invocationId, signal);
    let live: LiveStudy | undefined;
    try {
      const result = await runPass(deps, message.study, (read) => (live = read), deadline);
      if (result.kind === 'start-over') {
        reporter.startedOver(message.study, result.reason);
        return { kind: 'start-over' };
      }
      const rows = rowsAfterSuccess(message.changes, result.live, pass.rows, invocationId);
      if ((await settle(pass, rows, result.written.length > 0, signal)) === 'overtaken') {
        reporter.startedOver(message.study, 'overtaken');
        return { kind: 'start-over' };
      }
      await reporter.settled(
        {
          message,
          live: result.live,
          written: result.written,
          rows,
          durationMs: performance.now() - started,
          operationId: invocationId,
        },
        signal,
      );
      return { kind: 'settled' };
    } catch (error) {
      signal.throwIfAborted();
      const failure = deadline.aborted ? DELIVERY_TOO_LONG : toFailure(error);
      return { kind: 'failed', failure: withRedactedServerText(failure, live), pass };
    }
  }

  /** What becomes of a failed pass; true: start over at once. */
  async function fail(
    outcome: Extract<PassOutcome, { kind: 'failed' }>,
    message: StudyMessage,
    delivery: Delivery,
    conflicts: number,
    signal: AbortSignal,
  ): Promise<'start-over' | 'done'> {
    const { pass } = outcome;
    const failure = await probed(outcome.failure, signal);
    // A service that refuses this study works.
    if (failure.kind !== 'unavailable' && failure.dependency !== undefined) breakers.available(failure.dependency);
    switch (failure.kind) {
      case 'unavailable':
        return defer(message, pass, failure, signal);
      case 'permanent':
        deps.endpoints.forget(deps.sources.of(message.study.partition));
        return file(message, delivery, pass, failure, signal);
      case 'conflict':
        if (conflicts < CONFLICTS_AT_ONCE) return 'start-over';
        return postponeOrFile(message, delivery, pass, failure, signal);
      case 'unavailable-if-probe-fails':
      case 'transient':
      case 'unexpected':
        return postponeOrFile(message, delivery, pass, failure, signal);
    }
  }

  /** 429 and 500 mean an outage only when the service does not answer an independent request either. */
  async function probed(failure: Failure, signal: AbortSignal): Promise<Failure> {
    if (
      failure.kind !== 'unavailable-if-probe-fails' ||
      failure.dependency === undefined ||
      failure.dependency === 'storage'
    )
      return failure;
    try {
      await deps.probe(failure.dependency, signal);
      return failure;
    } catch {
      signal.throwIfAborted();
      return { ...failure, kind: 'unavailable' };
    }
  }

  async function postponeOrFile(
    message: StudyMessage,
    delivery: Delivery,
    pass: StudyPass,
    failure: Failure,
    signal: AbortSignal,
  ): Promise<'start-over' | 'done'> {
    if (delivery.dequeueCount >= options.maxAttempts) return file(message, delivery, pass, failure, signal);
    await abandon(pass, failure, signal);
    await postpone(message, delivery, failure, signal);
    throw new StudyPostponed(failure);
  }

  async function postpone(
    message: StudyMessage,
    delivery: Delivery,
    failure: Failure,
    signal: AbortSignal,
  ): Promise<void> {
    const delayMs = backOffDelayMs({
      dequeueCount: delivery.dequeueCount,
      baseMs: options.backOffBaseMs,
      capMs: options.backOffCapMs,
      retryAfterMs: Math.max(failure.retryAfterMs ?? 0, failure.outcomeUnknown ? options.unknownOutcomeMs : 0),
      random,
    });
    reporter.postponed(message, failure, { dequeueCount: delivery.dequeueCount, delayMs });
    try {
      await queue.postpone(delivery, delayMs, signal);
    } catch {
      // A stale receipt leaves the host's constant delay; the error that matters is the study's.
      reporter.postponementLost(message.study);
    }
  }

  async function file(
    message: StudyMessage,
    delivery: Delivery,
    pass: StudyPass,
    failure: Failure,
    signal: AbortSignal,
  ): Promise<'start-over' | 'done'> {
    const rows = rowsAfterFailure(message.changes, filedFailure(failure), delivery.invocationId);
    if ((await settle(pass, rows, true, signal)) === 'overtaken') return 'start-over';
    await reporter.filed(message, rows.file, failure.kind === 'permanent' ? undefined : delivery.dequeueCount);
    return 'done';
  }

  async function defer(
    message: StudyMessage,
    pass: StudyPass | undefined,
    failure: Failure,
    signal: AbortSignal,
  ): Promise<'start-over' | 'done'> {
    const { dependency } = failure;
    if (dependency !== undefined) breakers.unavailable(dependency, failure);
    const deferred = {
      since: message.deferred?.since ?? now().toISOString(),
      times: (message.deferred?.times ?? 0) + 1,
    };
    const delayMs = backOffDelayMs({
      dequeueCount: deferred.times,
      baseMs: options.backOffBaseMs,
      capMs: options.deferCapMs,
      retryAfterMs: Math.max(failure.retryAfterMs ?? 0, failure.outcomeUnknown ? options.unknownOutcomeMs : 0),
      random,
    });
    await queue.send({ ...message, deferred }, { delayMs, signal });
    if (pass !== undefined) await abandon(pass, failure, signal);
    reporter.deferred(message, failure, delayMs);
    return 'done';
  }

  const outageBudgetUsed = (message: StudyMessage): boolean =>
    message.deferred !== undefined && now().getTime() - Date.parse(message.deferred.since) > options.outageBudgetMs;

  return {
    async handle(message, delivery, signal) {
      const blocked = breakers.blocked();
      if (blocked !== undefined && !outageBudgetUsed(message)) {
        await defer(message, undefined, blocked, signal);
        return;
      }
      const deadline = AbortSignal.any([signal, AbortSignal.timeout(options.deliveryMs)]);
      let conflicts = 0;
      for (let passesDone = 1; ; passesDone++) {
        const outcome = await onePass(message, delivery, signal, deadline);
        if (outcome.kind === 'settled') {
          breakers.available('dicom');
          breakers.available('fhir');
          return;
        }
        if (outcome.kind === 'failed') {
          const next = await fail(givenUp(outcome, outageBudgetUsed(message)), message, delivery, conflicts, signal);
          if (next === 'done') return;
          if (outcome.failure.kind === 'conflict') conflicts++;
        }
        if (passesDone >= PASSES_AT_ONCE) throw new StudyPostponed(OVERTAKEN_TOO_OFTEN);
        await sleep(random() * Math.min(1000, 25 * 2 ** Math.min(passesDone, 6)), undefined, { signal });
      }
    },
  };
}

const settle = (
  pass: StudyPass,
  rows: RowChanges,
  wroteToFhir: boolean,
  signal: AbortSignal,
): Promise<'settled' | 'overtaken'> => pass.settle({ ...rows, wroteToFhir }, signal);

/** A pass that ends without an effect takes its mark away; one whose write may still arrive leaves it for the sweep (design 1, rule 3). */
async function abandon(pass: StudyPass, failure: Failure, signal: AbortSignal): Promise<void> {
  if (!failure.outcomeUnknown) await settle(pass, { file: [], clear: [] }, false, signal);
}

/** A study that was deferred for longer than the budget is filed, with the cause that kept it out. */
function givenUp(
  outcome: Extract<PassOutcome, { kind: 'failed' }>,
  budgetUsed: boolean,
): Extract<PassOutcome, { kind: 'failed' }> {
  const { failure } = outcome;
  if (!budgetUsed || (failure.kind !== 'unavailable' && failure.kind !== 'unavailable-if-probe-fails')) return outcome;
  return {
    ...outcome,
    failure: {
      ...failure,
      kind: 'permanent',
      errorType: 'TransientFailure',
      reason: 'OutageBudgetExceeded',
      message: `The service was not available for longer than OUTAGE_BUDGET_HOURS. Last cause: ${failure.reason}: ${failure.message}`,
    },
  };
}

function toFailure(error: unknown): Failure {
  // Without a request there is no write that may still arrive.
  if (!(error instanceof DependencyError)) return { ...classify(error, 'storage'), outcomeUnknown: false };
  const failure = classify(error.cause, error.dependency);
  return { ...failure, outcomeUnknown: failure.outcomeUnknown && error.writes };
}

/** What a server said is shown only when it is known what must not be in it. */
function withRedactedServerText(failure: Failure, live: LiveStudy | undefined): Failure {
  return live === undefined ? failure : withServerText(failure, redactor(patientSecrets(live.datasets)));
}

const DELIVERY_TOO_LONG: Failure = {
  kind: 'transient',
  reason: 'RequestTimeout',
  message: 'The study was not finished within the time of one function run',
  outcomeUnknown: true,
};

const OVERTAKEN_TOO_OFTEN: Failure = {
  kind: 'transient',
  reason: 'ResourceConflict',
  message: 'Other changes of the same study overtook this one again and again',
  outcomeUnknown: false,
};
