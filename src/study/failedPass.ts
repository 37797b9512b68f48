import { backOffDelayMs } from '../failures/backOff';
import type { Breakers } from '../failures/breaker';
import type { Failure } from '../failures/classify';
import type { StudyPass } from '../failures/studyPass';
import type { StudyMessage } from './message';
import { afterOutageBudget } from './passFailure';
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
  /** Undefined: not even its mark could be put. */
  readonly pass: StudyPass | undefined;
  readonly failure: Failure;
  /** Something was written to FHIR by this delivery and no pass has settled since: only a later look, or the mark, stands for it. */
  readonly wrote: boolean;
  /** Conflicts of this delivery so far. */
  readonly conflicts: number;
  /** The study has been deferred for longer than OUTAGE_BUDGET_HOURS. */
  readonly budgetUsed: boolean;
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
    const { delivery, pass } = failed;
    if (pass !== undefined && delivery.dequeueCount >= options.maxAttempts) return file(failed, pass, signal);
    return postpone(failed, signal);
  }

  async function postpone(
    { message, delivery, pass, failure, wrote }: FailedPass,
    signal: AbortSignal,
  ): Promise<never> {
    const pauseMs = delayMs(delivery.dequeueCount, options.backOffCapMs, failure);
    reporter.postponed(message, failure, { dequeueCount: delivery.dequeueCount, delayMs: pauseMs });
    // Beyond the attempts the host may be about to move the message: a new receipt would leave it a copy in each queue.
    const comesAgain =
      delivery.dequeueCount < options.maxAttempts &&
      (await queue.postpone(delivery, pauseMs, signal).then(
        () => true,
        () => false,
      ));
    // A stale receipt: the host's constant delay stands, or somebody else has the message and may be done with it already.
    if (!comesAgain) reporter.postponementLost(message.study);
    if (comesAgain || !(wrote || failure.outcomeUnknown)) await takeMarkAway(pass, signal);
    throw new StudyPostponed(failure);
  }

  async function file(
    { message, delivery, failure }: FailedPass,
    pass: StudyPass,
    signal: AbortSignal,
  ): Promise<'start-over' | 'done'> {
    // What may still arrive could undo what others write until then, and its row would be gone by that time.
    if (failure.outcomeUnknown)
      await queue.send({ study: message.study, changes: [] }, { delayMs: options.unknownOutcomeMs, signal });
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
      const asked = await probed(failed.failure, signal);
      const failure = asked.kind === 'unavailable' && failed.budgetUsed ? afterOutageBudget(asked) : asked;
      const known = { ...failed, failure };
      if (hasAnswered(failure) && failure.dependency !== undefined) breakers.available(failure.dependency);
      switch (failure.kind) {
        case 'unavailable':
          await defer(failed.message, failure, signal);
          // The copy comes when everything that was sent has arrived: the mark has nothing left to tell, and a second look would
          // double with every failure.
          await takeMarkAway(failed.pass, signal);
          return 'done';
        case 'permanent':
          if (isRace(failure) && failed.conflicts < CONFLICTS_AT_ONCE) return 'start-over';
          deps.forgetEndpoint(failed.message.study.partition);
          return failed.pass === undefined ? postpone(known, signal) : file(known, failed.pass, signal);
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

/** Others were at it at the same time: the next search tells. Several matches that stay are for a person to tell apart. */
export function isRace({ kind, reason }: Failure): boolean {
  return kind === 'conflict' || reason === 'MultipleMatchingResources';
}

/** A service that refuses this study works; one that is given up after a long outage does not. */
function hasAnswered({ kind, reason }: Failure): boolean {
  return kind !== 'unavailable' && reason !== 'OutageBudgetExceeded';
}

/** For a pass that leaves nothing behind, or of which a later look is certain. A mark that cannot be taken away is the sweep's (design 1, rule 3). */
async function takeMarkAway(pass: StudyPass | undefined, signal: AbortSignal): Promise<void> {
  try {
    await pass?.settle({ file: [], clear: [], wroteToFhir: false }, signal);
  } catch {
    signal.throwIfAborted();
  }
}
