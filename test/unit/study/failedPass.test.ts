import { breakers } from '../../../src/failures/breaker';
import type { Failure } from '../../../src/failures/classify';
import type { StudyPass } from '../../../src/failures/studyPass';
import { type FailedPass, failedPasses, StudyPostponed } from '../../../src/study/failedPass';
import type { StudyMessage } from '../../../src/study/message';
import type { SyncOptions } from '../../../src/study/syncOptions';

const signal = new AbortController().signal;
const options: SyncOptions = {
  maxAttempts: 4,
  backOffBaseMs: 1000,
  backOffCapMs: 60_000,
  deferCapMs: 600_000,
  outageBudgetMs: 7 * 86_400_000,
  unknownOutcomeMs: 660_000,
  deliveryMs: 540_000,
};
const message: StudyMessage = {
  study: { partition: 'Microsoft.Default', uid: '1.2' },
  changes: [{ sequence: 1, action: 'Create', series: '1.2.1', instance: '1.2.1.1' }],
};
const failing = (failure: Partial<Failure> & Pick<Failure, 'kind'>): Failure =>
  ({ reason: 'ServerError', message: 'told', dependency: 'fhir', outcomeUnknown: false, ...failure }) as Failure;

/** Remembers in which order things were done. */
class Bench {
  readonly done: string[] = [];
  readonly sent: { readonly message: StudyMessage; readonly delayMs: number }[] = [];
  postponable = true;
  healthy = true;
  overtaken = false;
  readonly guard = breakers({ clock: () => new Date('2026-01-01T00:00:00Z') });
  readonly pass: StudyPass = {
    rows: [],
    settle: ({ file }) => {
      this.done.push(file.length > 0 ? `file ${file.map(({ reason }) => reason).join()}` : 'take the mark away');
      return Promise.resolve(this.overtaken ? 'overtaken' : 'settled');
    },
  };
  readonly passes = failedPasses({
    queue: {
      name: 'q',
      send: (sent, { delayMs = 0 }) => {
        this.done.push('send');
        this.sent.push({ message: sent, delayMs });
        return Promise.resolve(1);
      },
      sendShared: () => Promise.reject(new Error('a failed pass is about one study')),
      postpone: () => {
        this.done.push('postpone');
        return this.postponable ? Promise.resolve() : Promise.reject(new Error('PopReceiptMismatch'));
      },
      depth: () => Promise.resolve(0),
    },
    breakers: this.guard,
    probe: () => (this.healthy ? Promise.resolve() : Promise.reject(new Error('down'))),
    forgetEndpoint: () => this.done.push('forget the Endpoint'),
    reporter: {
      settled: () => Promise.resolve(),
      filed: (_, rows, gaveUpAfter) => {
        this.done.push(`tell of ${rows.length}${gaveUpAfter === undefined ? '' : ` after ${gaveUpAfter}`}`);
        return Promise.resolve();
      },
      filedAside: () => Promise.resolve(),
      postponed: () => undefined,
      deferred: () => undefined,
      startedOver: () => undefined,
      postponementLost: () => undefined,
    },
    options,
    random: () => 0.5,
    now: () => new Date('2026-01-01T00:00:00Z'),
  });

  handle(failure: Failure, more: Partial<FailedPass> & { readonly dequeueCount?: number } = {}) {
    const { dequeueCount = 1, ...rest } = more;
    const delivery = { messageId: 'm', popReceipt: 'r', invocationId: 'i', dequeueCount };
    return this.passes.handle(
      { message, delivery, pass: this.pass, failure, wrote: false, conflicts: 0, budgetUsed: false, ...rest },
      signal,
    );
  }
}

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});

describe('a service that is not available', () => {
  it('defers the study by a fresh copy, and only then takes the mark away', async () => {
    expect(await bench.handle(failing({ kind: 'unavailable', reason: 'ServiceUnavailable' }))).toBe('done');
    expect(bench.done).toEqual(['send', 'take the mark away']);
    expect(bench.sent[0]?.message).toMatchObject({ ...message, deferred: { times: 1 } });
    expect(bench.guard.states().fhir.state).toBe('open');
  });

  it('waits longer each time, never shorter than it asked for, nor than a write without an answer may take', async () => {
    const down = failing({ kind: 'unavailable' });
    const since = '2025-12-31T00:00:00.000Z';
    await bench.handle(down, { message: { ...message, deferred: { since, times: 2 } } });
    await bench.handle({ ...down, retryAfterMs: 900_000 });
    await bench.handle({ ...down, outcomeUnknown: true });
    expect(bench.sent.map(({ delayMs }) => delayMs)).toEqual([3000, 900_000, 660_000]);
    expect(bench.sent[0]?.message.deferred).toEqual({ since, times: 3 });
  });

  it('is told from one bad study by a probe', async () => {
    bench.healthy = false;
    expect(await bench.handle(failing({ kind: 'unavailable-if-probe-fails' }))).toBe('done');
    expect(bench.done).toEqual(['send', 'take the mark away']);
    bench.healthy = true;
    await expect(bench.handle(failing({ kind: 'unavailable-if-probe-fails' }))).rejects.toThrow(StudyPostponed);
  });

  it('is not back because a study was given up after the longest outage', async () => {
    const down = failing({ kind: 'unavailable' });
    await bench.handle(down);
    expect(await bench.handle(down, { budgetUsed: true })).toBe('done');
    expect(bench.done).toContain('file OutageBudgetExceeded');
    expect(bench.guard.states().fhir.state).toBe('open');
  });
});

describe('a failure that passes', () => {
  const transient = failing({ kind: 'transient', reason: 'RequestTimeout' });

  it('is postponed, and thrown so that the host keeps the message', async () => {
    await expect(bench.handle(transient)).rejects.toThrow(StudyPostponed);
    expect(bench.done).toEqual(['postpone', 'take the mark away']);
  });

  it.each([
    ['nothing was written', false, false, ['postpone', 'take the mark away']],
    ['something was written', true, false, ['postpone']],
    ['a write may still arrive', false, true, ['postpone']],
  ])('and whose message somebody else may have: %s', async (_, wrote, outcomeUnknown, done) => {
    bench.postponable = false;
    await expect(bench.handle({ ...transient, outcomeUnknown }, { wrote })).rejects.toThrow(StudyPostponed);
    expect(bench.done).toEqual(done);
  });

  it('needs no mark after a write when its message is certain to come again', async () => {
    await expect(bench.handle({ ...transient, outcomeUnknown: true }, { wrote: true })).rejects.toThrow(StudyPostponed);
    expect(bench.done).toEqual(['postpone', 'take the mark away']);
  });

  it('is filed with its cause at the last attempt', async () => {
    expect(await bench.handle(transient, { dequeueCount: 4 })).toBe('done');
    expect(bench.done).toEqual(['file RequestTimeout', 'tell of 1 after 4']);
  });

  it('is filed at the last attempt, and looked at once more when a write may still arrive', async () => {
    await bench.handle({ ...transient, outcomeUnknown: true }, { dequeueCount: 4 });
    expect(bench.done).toEqual(['send', 'file RequestTimeout', 'tell of 1 after 4']);
    expect(bench.sent).toEqual([{ message: { study: message.study, changes: [] }, delayMs: 660_000 }]);
  });

  it('is not told when somebody else began meanwhile: the pass starts over', async () => {
    bench.overtaken = true;
    expect(await bench.handle(transient, { dequeueCount: 4 })).toBe('start-over');
    expect(bench.done).toEqual(['file RequestTimeout']);
  });

  it('before the mark was put has nothing to file with: it comes again, and beyond the attempts it is left to the host', async () => {
    await expect(bench.handle(transient, { dequeueCount: 3, pass: undefined })).rejects.toThrow(StudyPostponed);
    expect(bench.done).toEqual(['postpone']);
    await expect(bench.handle(transient, { dequeueCount: 9, pass: undefined })).rejects.toThrow(StudyPostponed);
    expect(bench.done).toEqual(['postpone']);
  });
});

describe('a conflict', () => {
  it('starts over at once, three times, and then waits', async () => {
    const conflict = failing({ kind: 'conflict', reason: 'ResourceConflict' });
    for (const conflicts of [0, 1, 2]) expect(await bench.handle(conflict, { conflicts })).toBe('start-over');
    await expect(bench.handle(conflict, { conflicts: 3 })).rejects.toThrow(StudyPostponed);
  });

  it('is what several matches may be: only when they stay they are filed', async () => {
    const several = failing({ kind: 'permanent', errorType: 'FhirError', reason: 'MultipleMatchingResources' });
    expect(await bench.handle(several, { conflicts: 2 })).toBe('start-over');
    expect(bench.done).toEqual([]);
    expect(await bench.handle(several, { conflicts: 3 })).toBe('done');
    expect(bench.done).toEqual(['forget the Endpoint', 'file MultipleMatchingResources', 'tell of 1']);
  });
});

it('a failure for good is filed at once', async () => {
  const refused = failing({ kind: 'permanent', errorType: 'FhirError', reason: 'TransactionFailed' });
  expect(await bench.handle(refused)).toBe('done');
  expect(bench.done).toEqual(['forget the Endpoint', 'file TransactionFailed', 'tell of 1']);
});
