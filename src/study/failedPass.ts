import { backOffDelayMs } from '../failures/backOff';
import type { Breakers } from '../failures/breaker';
import type { Failure } from '../failures/classify';
import type { StudyPass } from '../failures/studyPass';
import type { StudyMessage } from './message';
import { filedFailure, rowsAfterFailure } from './rows';
import type { MessageReceipt, StudyQueue } from './studyQueue';
import type { SyncOptions } from './syncOptions';
import type { SyncReporter } from './syncReporter';

/** One delivery of a message by the queue trigger. */
export interface Delivery extends MessageReceipt {
  readonly dequeueCount: number;
  readonly invocationId: string;
}

/** The study could not be brought up to date now; the message comes back. Thrown so that the host keeps the message. */
export class StudyPostponed extends Error {
  readonly code = 'StudyPostponed';
  constructor(failure: Failure) {
    super(`${failure.reason}: ${failure.message}`);
    this.name = 'StudyPostponed';
  }
}

export interface FailedPassDependencies {
  readonly queue: StudyQueue;
  readonly breakers: Breakers;
  /** Asks a service whether it works, independently of the study: throws when it does not. */
  readonly probe: (dependency: 'dicom' | 'fhir', signal: AbortSignal) => Promise<void>;
  /** After a failure for good: what is looked up once per process may be what is wrong. */
  readonly forgetEndpoint: (partition: string) => void;
  readonly reporter: SyncReporter;
  readonly options: SyncOptions;
  readonly random: () => number;
  readonly now: () => Date;
}

/** A pass that failed, and the message and delivery that it was for. */
export interface FailedPass {
  readonly message: StudyMessage;
  readonly delivery: Delivery;
  readonly pass: StudyPass;
  readonly failure: Failure;
  /** Conflicts of this delivery so far. */
  readonly conflicts: number;
}

export interface FailedPasses {
  /**
   * What becomes of a failed pass (design 3.3): start over at once, or the message is done with (deferred or filed).
   * @throws StudyPostponed when the message must come back
   */
  handle(failed: FailedPass, signal: AbortSignal): Promise<'start-over' | 'done'>;
  /** Sends a fresh copy for later; costs no attempt. */
  defer(message: StudyMessage, failure: Failure, signal: AbortSignal): Promise<void>;
}

/** Conflicts that are read again at once before they count as an attempt. */
const CONFLICTS_AT_ONCE = 3;

export function failedPasses(deps: FailedPassDependencies): FailedPasses {
  const { options, queue, breakers, reporter, random, now } = deps;

  /** 429 and 500 mean an outage only when the service does not answer an independent request either. */
  async function probed(failure: Failure, signal: AbortSignal): Promise<Failure> {
    const { dependency } = failure;
    if (failure.kind !== 'unavailable-if-probe-fails' || dependency === undefined || dependency === 'storage')
      return failure;
    try {
      await deps.probe(dependency, signal);
      return failure;
    } catch {
      signal.throwIfAborted();
      return { ...failure, kind: 'unavailable' };
    }
  }

  /** Grows with each time; never shorter than the service asked for, nor than a write of unknown outcome may take to arrive. */
  function delayMs(times: number, capMs: number, { retryAfterMs = 0, outcomeUnknown }: Failure): number {
    return backOffDelayMs({
      dequeueCount: times,
      baseMs: options.backOffBaseMs,
      capMs,
      retryAfterMs: Math.max(retryAfterMs, outcomeUnknown ? options.unknownOutcomeMs : 0),
      random,
    });
  }

  async function postponeOrFile(failed: FailedPass, signal: AbortSignal): Promise<'start-over' | 'done'> {
    const { message, delivery, pass, failure } = failed;
    if (delivery.dequeueCount >= options.maxAttempts) return file(failed, signal);
    await abandon(pass, failure, signal);
    const pauseMs = delayMs(delivery.dequeueCount, options.backOffCapMs, failure);
    reporter.postponed(message, failure, { dequeueCount: delivery.dequeueCount, delayMs: pauseMs });
    try {
      await queue.postpone(delivery, pauseMs, signal);
    } catch {
      // A stale receipt leaves the host's constant delay; the error that matters is the study's.
      reporter.postponementLost(message.study);
    }
    throw new StudyPostponed(failure);
  }

  async function file(
    { message, delivery, pass, failure }: FailedPass,
    signal: AbortSignal,
  ): Promise<'start-over' | 'done'> {
    const rows = rowsAfterFailure(message.changes, filedFailure(failure), delivery.invocationId);
    if ((await pass.settle({ ...rows, wroteToFhir: true }, signal)) === 'overtaken') return 'start-over';
    await reporter.filed(message, rows.file, attemptsUsed(failure, message, delivery));
    return 'done';
  }

  async function defer(message: StudyMessage, failure: Failure, signal: AbortSignal): Promise<void> {
    if (failure.dependency !== undefined) breakers.unavailable(failure.dependency, failure);
    const times = (message.deferred?.times ?? 0) + 1;
    const deferred = { since: message.deferred?.since ?? now().toISOString(), times };
    const pauseMs = delayMs(times, options.deferCapMs, failure);
    await queue.send({ ...message, deferred }, { delayMs: pauseMs, signal });
    reporter.deferred(message, failure, pauseMs);
  }

  return {
    defer,
    async handle(failed, signal) {
      const failure = await probed(failed.failure, signal);
      const known = { ...failed, failure };
      // A service that refuses this study works.
      if (failure.kind !== 'unavailable' && failure.dependency !== undefined) breakers.available(failure.dependency);
      switch (failure.kind) {
        case 'unavailable':
          await defer(failed.message, failure, signal);
          await abandon(failed.pass, failure, signal);
          return 'done';
        case 'permanent':
          deps.forgetEndpoint(failed.message.study.partition);
          return file(known, signal);
        case 'conflict':
          return failed.conflicts < CONFLICTS_AT_ONCE ? 'start-over' : postponeOrFile(known, signal);
        case 'unavailable-if-probe-fails':
        case 'transient':
        case 'unexpected':
          return postponeOrFile(known, signal);
      }
    },
  };
}

/** How often it was tried, where trying was given up; undefined where trying would not have helped. */
function attemptsUsed(failure: Failure, message: StudyMessage, delivery: Delivery): number | undefined {
  if (failure.reason === 'OutageBudgetExceeded') return message.deferred?.times;
  return failure.kind === 'permanent' ? undefined : delivery.dequeueCount;
}

/** A pass that ends without an effect takes its mark away; one whose write may still arrive leaves it for the sweep (design 1, rule 3). */
async function abandon(pass: StudyPass, failure: Failure, signal: AbortSignal): Promise<void> {
  if (!failure.outcomeUnknown) await pass.settle({ file: [], clear: [], wroteToFhir: false }, signal);
}
