import { setTimeout as sleep } from 'node:timers/promises';
import type { Resource } from 'fhir/r4';
import { startDeadline } from '../concurrency/deadline';
import type { Failure } from '../failures/classify';
import type { StudyPass } from '../failures/studyPass';
import { type Delivery, failedPasses, isRace, StudyPostponed } from './failedPass';
import type { LiveStudy } from './liveStudy';
import type { StudyMessage } from './message';
import { runPass } from './pass';
import { deliveryTooLong, failureOf, OVERTAKEN_TOO_OFTEN } from './passFailure';
import { rowsAfterSuccess } from './rows';
import { sharedSync } from './sharedSync';
import type { SyncDependencies } from './syncDependencies';
import { type SettledPass, settledPass } from './settledPass';
import { watchReads } from './watchReads';

export type { Delivery } from './failedPass';

export interface StudySync {
  /**
   * Brings one study up to date (design 3.2). Returns when the message is done with: in FHIR, filed, or deferred as a fresh copy.
   * @throws StudyPostponed when the message must come back
   */
  handle(message: StudyMessage, delivery: Delivery, signal: AbortSignal): Promise<void>;
  /** The same for several studies of one shard: those that are not settled at once get messages of their own. */
  handleShared(messages: readonly StudyMessage[], delivery: Delivery, signal: AbortSignal): Promise<void>;
}

type PassOutcome =
  | { readonly kind: 'settled'; readonly report: SettledPass }
  | { readonly kind: 'start-over'; readonly wrote: boolean }
  | {
      readonly kind: 'failed';
      readonly failure: Failure;
      readonly pass: StudyPass | undefined;
      readonly wrote: boolean;
    };

/** Passes of one delivery that may be overtaken before the message is put back for a while. */
const PASSES_AT_ONCE = 25;

export function studySync(deps: SyncDependencies): StudySync {
  const { options, passes, breakers, reporter, random = Math.random, now = () => new Date() } = deps;
  const failed = failedPasses({
    ...deps,
    random,
    now,
    forgetEndpoint: (partition) => {
      deps.endpoints.forget(deps.sources.of(partition));
    },
  });

  async function onePass(
    message: StudyMessage,
    operationId: string,
    thorough: boolean,
    signal: AbortSignal,
    deadline: AbortSignal,
  ): Promise<PassOutcome> {
    const started = performance.now();
    let pass: StudyPass | undefined;
    let live: LiveStudy | undefined;
    const seen: Resource[] = [];
    let wrote = false;
    const startOver = (reason: string): PassOutcome => {
      reporter.startedOver(message.study, reason);
      return { kind: 'start-over', wrote };
    };
    try {
      pass = await passes.open(message.study, operationId, signal);
      const onLive = (read: LiveStudy): void => {
        live = read;
      };
      const onWrite = (): void => {
        wrote = true;
      };
      const result = await runPass(watchReads(deps, seen), message.study, { onLive, onWrite, thorough }, deadline);
      if (result.kind === 'start-over') return startOver(result.reason);
      const rows = rowsAfterSuccess(message.changes, result.live, pass.rows, operationId);
      if ((await pass.settle({ ...rows, wroteToFhir: wrote }, signal)) === 'overtaken') return startOver('overtaken');
      const durationMs = performance.now() - started;
      return { kind: 'settled', report: settledPass(result, { message, rows, durationMs, operationId }) };
    } catch (error) {
      signal.throwIfAborted();
      const failure = failureOf(error, live, seen);
      return { kind: 'failed', failure: deadline.aborted ? deliveryTooLong(failure) : failure, pass, wrote };
    }
  }

  const outageBudgetUsed = ({ deferred }: StudyMessage): boolean =>
    deferred !== undefined && now().getTime() - Date.parse(deferred.since) > options.outageBudgetMs;

  async function work(
    message: StudyMessage,
    delivery: Delivery,
    signal: AbortSignal,
    deadline: AbortSignal,
  ): Promise<void> {
    const repeated = isRepeated(message, delivery);
    let conflicts = 0;
    let wrote = false;
    for (let passesDone = 1; ; passesDone++) {
      const thorough = repeated || passesDone > 1;
      const outcome = await onePass(message, delivery.invocationId, thorough, signal, deadline);
      if (outcome.kind === 'settled') {
        breakers.available('dicom');
        breakers.available('fhir');
        await reporter.settled(outcome.report, signal);
        return;
      }
      wrote ||= outcome.wrote;
      if (outcome.kind === 'failed') {
        const { failure, pass } = outcome;
        const budgetUsed = outageBudgetUsed(message);
        const next = await failed.handle({ message, delivery, pass, failure, wrote, conflicts, budgetUsed }, signal);
        if (next === 'done') return;
        if (isRace(failure)) conflicts++;
      }
      if (passesDone >= PASSES_AT_ONCE) throw new StudyPostponed(OVERTAKEN_TOO_OFTEN);
      await sleep(random() * Math.min(1000, 25 * 2 ** Math.min(passesDone, 6)), undefined, { signal });
    }
  }

  return {
    handleShared: sharedSync(deps, failed),
    async handle(message, delivery, signal) {
      const blocked = breakers.blocked();
      if (blocked !== undefined && !outageBudgetUsed(message)) return failed.defer(message, blocked, signal);
      try {
        const deadline = startDeadline(options.deliveryMs, signal);
        await work(message, delivery, signal, deadline.signal).finally(() => deadline.release());
      } finally {
        breakers.undecided();
      }
    },
  };
}

/** Somebody has been at this before, or wants to be sure: what an earlier write may have left has to be looked for. */
function isRepeated({ changes, deferred, again, lastTry }: StudyMessage, { dequeueCount }: Delivery): boolean {
  return changes.length === 0 || again === true || deferred !== undefined || lastTry === true || dequeueCount > 1;
}
