import type { Resource } from 'fhir/r4';
import type { DicomWebClient } from '../dicom/dicomWebClient';
import { studyKeyText } from '../dicom/studyKey';
import type { Failure } from '../failures/classify';
import type { SharedPass } from '../failures/studyPass';
import { atMost, places } from '../concurrency/atMost';
import { startDeadline } from '../concurrency/deadline';
import { Cohort } from '../concurrency/cohort';
import { DependencyError } from './dependencyErrors';
import type { Delivery, FailedPasses } from './failedPass';
import type { LiveStudy } from './liveStudy';
import type { StudyMessage } from './message';
import { runPass } from './pass';
import { failureOf } from './passFailure';
import { NO_CHANGES, rowsAfterSuccess } from './rows';
import { type SettledPass, settledPass } from './settledPass';
import type { SyncDependencies } from './syncDependencies';
import { watchReads } from './watchReads';

/** Studies of shared messages that are looked at at once: what was read of them is held in memory meanwhile. */
const STUDIES_AT_ONCE = 128;

/** Reads of metadata under way: no more than there are connections, so that none waits for one while its time runs. */
const READS_AT_ONCE = 32;

interface OwnMessage {
  readonly kind: 'own-message';
  readonly message: StudyMessage;
  readonly reason: string;
  readonly delayMs: number;
}

interface EqualLook {
  readonly kind: 'equal';
  readonly report: SettledPass;
  readonly wrote: boolean;
}

/** What one look at one study of several came to. */
type Look =
  | EqualLook
  /** It needs a message of its own, to be tried again, filed or started over there. */
  | OwnMessage
  /** A copy for later is in the queue already. */
  | { readonly kind: 'deferred' };

/** Thrown into a look that would have entries to file. */
class NeedsOwnMessage extends Error {}

/**
 * Brings several studies up to date under one mark, each in one look. Whatever is not settled by that gets a message of its own, at which
 * everything else is done (design 3.3): so this pass files nothing, clears nothing and never starts over, and a study that fails costs the
 * others nothing. The message about several studies never comes back.
 */
export function sharedSync(
  deps: SyncDependencies,
  { defer }: Pick<FailedPasses, 'defer'>,
): (messages: readonly StudyMessage[], delivery: Delivery, signal: AbortSignal) => Promise<void> {
  const { options, passes, queue, breakers, reporter } = deps;
  const inTurn = atMost(STUDIES_AT_ONCE);
  const dicom = readingAtMost(READS_AT_ONCE, deps.dicom);

  const own = (message: StudyMessage, reason: string, delayMs = 0): OwnMessage => ({
    kind: 'own-message',
    message,
    reason,
    delayMs,
  });

  async function sendOwn(each: readonly OwnMessage[], signal: AbortSignal): Promise<void> {
    for (const { message, reason, delayMs } of each) {
      reporter.startedOver(message.study, reason);
      await queue.send({ ...message, again: true }, { delayMs, signal });
    }
  }

  async function look(
    message: StudyMessage,
    operationId: string,
    signal: AbortSignal,
    deadline: AbortSignal,
  ): Promise<Look> {
    const started = performance.now();
    const seen: Resource[] = [];
    let live: LiveStudy | undefined;
    let wrote = false;
    const onLive = (read: LiveStudy): void => {
      live = read;
      // Before anything is written: its own pass does that, and files them.
      if (rowsAfterSuccess(message.changes, read, [], operationId).file.length > 0) throw new NeedsOwnMessage();
    };
    const onWrite = (): void => {
      wrote = true;
    };
    try {
      const result = await runPass(
        watchReads({ ...deps, dicom }, seen),
        message.study,
        { onLive, onWrite, thorough: false },
        deadline,
      );
      if (result.kind === 'start-over') return own(message, result.reason);
      // Told when it is known, and not at the end: meanwhile others may have found a service down.
      breakers.available('dicom');
      breakers.available('fhir');
      const durationMs = performance.now() - started;
      return {
        kind: 'equal',
        wrote,
        report: settledPass(result, { message, rows: NO_CHANGES, durationMs, operationId }),
      };
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof DependencyError && error.cause instanceof NeedsOwnMessage)
        return own(message, 'invalid-instances');
      return afterFailure(message, failureOf(error, live, seen), signal);
    }
  }

  async function afterFailure(message: StudyMessage, failure: Failure, signal: AbortSignal): Promise<Look> {
    if (failure.kind === 'unavailable') {
      await defer(message, failure, signal);
      return { kind: 'deferred' };
    }
    const { reason, retryAfterMs = 0, outcomeUnknown } = failure;
    // What may still arrive has arrived when the message comes.
    return own(message, reason, Math.max(retryAfterMs, outcomeUnknown ? options.unknownOutcomeMs : 0));
  }

  /** @returns those that somebody else has begun with since this pass began: they have got messages of their own */
  async function settle(
    pass: SharedPass,
    wrote: readonly EqualLook[],
    signal: AbortSignal,
  ): Promise<ReadonlySet<EqualLook>> {
    const overtaken = new Set<EqualLook>();
    for (;;) {
      const left = wrote.filter((found) => !overtaken.has(found));
      const touched = await pass.settle(
        left.map(({ report }) => report.message.study),
        signal,
      );
      if (touched.length === 0) return overtaken;
      const names = new Set(touched.map(studyKeyText));
      const again = left.filter(({ report }) => names.has(studyKeyText(report.message.study)));
      await sendOwn(
        again.map(({ report }) => own(report.message, 'overtaken')),
        signal,
      );
      for (const found of again) overtaken.add(found);
    }
  }

  /** @returns what is settled */
  async function work(
    messages: readonly StudyMessage[],
    { invocationId }: Delivery,
    signal: AbortSignal,
    deadline: AbortSignal,
  ): Promise<readonly SettledPass[]> {
    const pass = await passes.openShared(
      messages.map(({ study }) => study),
      invocationId,
      signal,
    );
    const cohort = new Cohort();
    const looks = await allEnded(
      messages.map(async (message): Promise<Look> =>
        pass.hasEntries(message.study)
          ? own(message, 'has-failed-entries')
          : cohort.run(() => look(message, invocationId, signal, deadline)),
      ),
    );
    const others = looks.filter((found) => found.kind === 'own-message');
    const equal = looks.filter((found) => found.kind === 'equal');
    // Before the mark goes, which stands for what may still arrive.
    await sendOwn(others.filter(isDelayed), signal);
    const overtaken = await settle(
      pass,
      equal.filter(({ wrote }) => wrote),
      signal,
    );
    // Not before: whoever takes one of them up touches the mark, and what was written would have to be looked at again.
    // Should this run end here, the message comes again, and comes apart.
    await sendOwn(
      others.filter((found) => !isDelayed(found)),
      signal,
    );
    return equal.filter((found) => !overtaken.has(found)).map(({ report }) => report);
  }

  /** While a service is down, one study at a time is a trial. */
  const isDown = (): boolean => Object.values(breakers.states()).some(({ state }) => state !== 'closed');

  async function comeApart(messages: readonly StudyMessage[], again: boolean, signal: AbortSignal): Promise<void> {
    for (const message of messages) await queue.send(again ? { ...message, again } : message, { signal });
  }

  return async (messages, delivery, signal) => {
    // Somebody died of it, or lost it: alone each study shows what it is.
    const isRepeated = delivery.dequeueCount > 1;
    // Two looks under one mark would not know of each other.
    const isTwice = new Set(messages.map(({ study }) => studyKeyText(study))).size < messages.length;
    if (isRepeated || isTwice || isDown()) return comeApart(messages, isRepeated, signal);
    const deadline = startDeadline(options.deliveryMs, signal);
    const inTime = inTurn(async () => {
      signal.throwIfAborted();
      // The turn may have come late.
      if (!deadline.timedOut() && !isDown()) return work(messages, delivery, signal, deadline.signal);
      await comeApart(messages, false, signal);
      return [];
    }, messages.length);
    const settled = await inTime.finally(() => deadline.release());
    // At once: a notifier that is slow with each would use up the time of the run.
    await allEnded(settled.map((report) => reporter.settled(report, signal)));
  };
}

const isDelayed = ({ delayMs }: OwnMessage): boolean => delayMs > 0;

function readingAtMost(most: number, dicom: DicomWebClient): DicomWebClient {
  const free = places(most);
  return {
    ...dicom,
    async studyMetadata(study, take, signal) {
      const giveBack = await free.take();
      try {
        signal.throwIfAborted();
        await dicom.studyMetadata(study, take, signal);
      } finally {
        giveBack();
      }
    },
  };
}

/** Nothing goes on behind the back of a run that has ended. @throws the first error, when all have ended */
async function allEnded<T>(work: readonly Promise<T>[]): Promise<readonly T[]> {
  await Promise.allSettled(work);
  return Promise.all(work);
}
