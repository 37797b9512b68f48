import type { DicomServiceOptions } from '../../../local/dicom/dicomService';
import { type HealthReport, readHealth } from '../../../src/api/health';
import { setCursor } from '../../../src/api/setCursor';
import { MAX_MESSAGE_BYTES } from '../../../src/study/message';
import { type SyncStateStore, syncStateStore } from '../../../src/feed/syncState';
import type { StudyQueue } from '../../../src/study/studyQueue';
import { useAzurite } from '../../support/azurite';
import { ctInstance, testUid } from '../../support/instances';
import { type FeedRig, never, numbers, startFeedRig } from './support';

const azurite = useAzurite();
const rigs: FeedRig[] = [];

async function rigWith(options?: DicomServiceOptions): Promise<FeedRig> {
  const rig = await startFeedRig(azurite, options);
  rigs.push(rig);
  return rig;
}

afterEach(async () => {
  for (const rig of rigs.splice(0)) await rig.stop();
});

/** A queue that dies with the n-th message, before or after it is in. */
function dyingQueue(rig: FeedRig, dieWith: number, when: 'before' | 'after'): StudyQueue {
  let sends = 0;
  const send = async (put: () => Promise<number>): Promise<number> => {
    const dies = ++sends === dieWith;
    if (dies && when === 'before') throw new Error('the process is gone');
    const count = await put();
    if (dies) throw new Error('the process is gone');
    return count;
  };
  return {
    name: rig.queue.name,
    send: (message, options) => send(() => rig.queue.send(message, options)),
    sendShared: (messages) => send(() => rig.queue.sendShared(messages)),
    postpone: (receipt, delayMs) => rig.queue.postpone(receipt, delayMs),
    depth: () => rig.queue.depth(),
  };
}

async function health(state: SyncStateStore): Promise<HealthReport['checks']> {
  const works = {
    dicom: { probe: () => Promise.resolve() },
    fhir: { capabilities: () => Promise.resolve({ fhirVersion: '4.0.1', transaction: true, conditionalCreate: true }) },
  };
  return (await readHealth({ state, ...works }, 1000, never)).checks;
}

describe('pulling the change feed', () => {
  it('sends one message for each study of a round, then moves the cursor', async () => {
    const rig = await rigWith();
    rig.storeStudies(3, 4);
    rig.dicom.deleteInstance(testUid(100), `${testUid(100)}.1`, `${testUid(100)}.1.4`);
    rig.dicom.update(testUid(101), {});
    const summary = await rig.pull();
    expect(summary).toMatchObject({ stopped: 'caught-up', rounds: 1, entries: 17, messages: 3, unreadable: 0 });
    expect(rig.messages().map(({ study, changes }) => [study.uid, changes.map(({ action }) => action)])).toEqual([
      [testUid(100), ['Create', 'Create', 'Create', 'Create', 'Delete']],
      [testUid(101), ['Create', 'Create', 'Create', 'Create', 'Update', 'Update', 'Update', 'Update']],
      [testUid(102), ['Create', 'Create', 'Create', 'Create']],
    ]);
    expect(await rig.state()).toMatchObject({ sequence: 17, latestSeen: 17, condition: 'ok', lastRoundEntries: 17 });
  });

  it('says what it saw when nothing is new', async () => {
    const rig = await rigWith();
    rig.storeStudies(1);
    await rig.pull();
    const summary = await rig.pull();
    expect(summary).toMatchObject({ stopped: 'caught-up', rounds: 0, messages: 0, sequence: 1, latest: 1 });
    expect(rig.queue.sent).toHaveLength(1);
    expect(await rig.state()).toMatchObject({ sequence: 1, lastSuccessAt: expect.stringMatching(/Z$/) as string });
  });

  it.each([
    ['204', { status: 204 }],
    ['an empty body', { status: 200, body: '' }],
    ['null', { status: 200, body: 'null' }],
  ])('takes %s for the latest entry as an empty feed', async (_, answer) => {
    const rig = await rigWith();
    rig.dicom.faults.intercept = ({ kind }) => (kind === 'changeFeedLatest' ? answer : undefined);
    expect(await rig.pull()).toMatchObject({ stopped: 'caught-up', sequence: 0, latest: 0, messages: 0 });
    expect(rig.dicom.requests.changeFeed).toBe(0);
  });

  it('goes round by round, and every entry is in exactly one message', async () => {
    const rig = await rigWith();
    rig.storeStudies(1, 750);
    rig.storeStudies(30, 25);
    const summary = await rig.pull({ limits: { entries: 400, windowsInFlight: 3 } });
    expect(summary).toMatchObject({ stopped: 'caught-up', rounds: 4, entries: 1500, sequence: 1500 });
    expect(rig.sentSequences()).toEqual(numbers(1, 1500));
    expect((await rig.state()).lastRoundEntries).toBe(300);
  });

  it('keeps a thousand changes of one study in one message that the queue takes', async () => {
    const rig = await rigWith();
    rig.storeStudies(1, 1000);
    expect(await rig.pull()).toMatchObject({ rounds: 1, entries: 1000, messages: 1 });
    expect(Buffer.byteLength(rig.queue.sent[0] ?? '')).toBeLessThanOrEqual(MAX_MESSAGE_BYTES);
    expect(rig.messages()[0]?.changes.map(({ sequence }) => sequence)).toEqual(numbers(1, 1000));
  });

  it('reads several windows at once', async () => {
    const rig = await rigWith();
    rig.storeStudies(1, 800);
    let inFlight = 0;
    let most = 0;
    let release: () => void = () => undefined;
    const full = new Promise<void>((resolve) => (release = resolve));
    rig.dicom.faults.intercept = async ({ kind }) => {
      if (kind !== 'changeFeed') return undefined;
      most = Math.max(most, ++inFlight);
      // The first answers wait until the fourth request is there: with one at a time this would never end.
      if (most === 4) release();
      await full;
      inFlight--;
      return undefined;
    };
    expect(await rig.pull()).toMatchObject({ entries: 800 });
    expect(most).toBe(4);
    expect(rig.sentSequences()).toEqual(numbers(1, 800));
  });

  it('goes on through gaps and windows without any entry', async () => {
    const rig = await rigWith({ gaps: 6 });
    rig.storeStudies(30);
    rig.dicom.skipSequences(950);
    rig.storeStudies(1);
    const last = rig.dicom.latestSequence;
    expect(await rig.pull()).toMatchObject({ stopped: 'caught-up', entries: 31, messages: 31, sequence: last });
    expect((await rig.state()).sequence).toBe(last);
  });

  it('moves on through a gap that is wider than a round', async () => {
    const rig = await rigWith();
    rig.storeStudies(1);
    rig.dicom.skipSequences(30_000);
    rig.storeStudies(1);
    expect(await rig.pull()).toMatchObject({ stopped: 'caught-up', rounds: 2, entries: 2, sequence: 30_002 });
  });

  it('reads a feed whose names are written as the documentation has them', async () => {
    const rig = await rigWith({ pascalCase: true });
    rig.storeStudies(2);
    rig.dicom.deleteStudy(testUid(100));
    expect(await rig.pull()).toMatchObject({ stopped: 'caught-up', entries: 3, messages: 2 });
    expect(rig.messages()[0]?.changes.map(({ action }) => action)).toEqual(['Create', 'Delete']);
  });

  it('tells the same study in two partitions apart', async () => {
    const rig = await rigWith();
    rig.dicom.store(ctInstance(), 'Clinic');
    rig.dicom.store(ctInstance());
    await rig.pull();
    expect(rig.messages().map(({ study }) => study.partition)).toEqual(['Clinic', 'Microsoft.Default']);
  });
});

describe('a puller that dies', () => {
  it.each([
    [1, 'before'],
    [3, 'before'],
    [3, 'after'],
    [5, 'after'],
  ] as const)('with message %d, %s it is sent, repeats the round and loses nothing', async (dieWith, when) => {
    const rig = await rigWith();
    rig.storeStudies(5, 2);
    await expect(rig.pull({ queue: dyingQueue(rig, dieWith, when) })).rejects.toThrow('the process is gone');
    expect((await rig.state()).sequence).toBe(0);
    expect(await rig.pull()).toMatchObject({ stopped: 'caught-up', sequence: 10, messages: 5 });
    expect([...new Set(rig.sentSequences())]).toEqual(numbers(1, 10));
  });

  it('between the last message and the cursor, sends the round again', async () => {
    const rig = await rigWith();
    rig.storeStudies(3);
    const real = syncStateStore(rig.stateTable);
    const dead = { ...real, write: () => Promise.reject(new Error('the process is gone')) };
    await expect(rig.pull({ state: dead })).rejects.toThrow('the process is gone');
    expect(rig.sentSequences()).toEqual([1, 2, 3]);
    await rig.pull();
    expect(rig.sentSequences()).toEqual([1, 1, 2, 2, 3, 3]);
    expect((await rig.state()).sequence).toBe(3);
  });
});

describe('two pullers at once', () => {
  it('hand every entry over, and one of them gives way', async () => {
    const rig = await rigWith();
    rig.storeStudies(5, 30);
    const summaries = await Promise.all([rig.pull(), rig.pull()]);
    expect([...new Set(rig.sentSequences())]).toEqual(numbers(1, 150));
    expect((await rig.state()).sequence).toBe(150);
    expect(summaries.map(({ stopped }) => stopped).sort()).toContain('another-puller');
  });

  it('never move the cursor back', async () => {
    const rig = await rigWith();
    rig.storeStudies(1, 250);
    await rig.pull({ limits: { entries: 100, windowsInFlight: 1 }, softDeadlineMs: 0 });
    let slow: Promise<unknown> | undefined;
    const queue: StudyQueue = {
      ...dyingQueue(rig, Number.NaN, 'before'),
      async send(message, options) {
        // While the slow puller sends its round, a second one does all of the work.
        slow ??= rig.pull();
        await slow;
        return rig.queue.send(message, options);
      },
    };
    const first = await rig.pull({ queue, limits: { entries: 100, windowsInFlight: 1 } });
    expect(first.stopped).toBe('another-puller');
    expect((await rig.state()).sequence).toBe(250);
  });
});

describe('a feed that ends before the cursor', () => {
  it('stops the puller, which says so and touches nothing, until a person sets the cursor', async () => {
    const rig = await rigWith();
    const state = syncStateStore(rig.stateTable);
    rig.storeStudies(2);
    await state.write({ sequence: 500, condition: 'ok' }, undefined, never);

    const summary = await rig.pull();
    expect(summary).toMatchObject({ stopped: 'feed-reset', rounds: 0, messages: 0, sequence: 500, latest: 2 });
    expect(await rig.state()).toMatchObject({ sequence: 500, latestSeen: 2, condition: 'feed-reset' });
    expect(rig.notified).toEqual([{ kind: 'feedReset', event: { cursor: 500, latest: 2 } }]);
    expect(rig.telemetry.records).toContainEqual(
      expect.objectContaining({ kind: 'log', level: 'error', properties: { cursor: 500, latest: 2 } }),
    );
    expect(rig.dicom.requests.changeFeed).toBe(0);
    expect(await health(state)).toContainEqual({
      name: 'change-feed',
      healthy: false,
      problem: expect.stringContaining('PUT /api/cursor') as string,
    });

    await expect(setCursor(state, { expected: 499, sequence: 0 }, never)).rejects.toMatchObject({ status: 409 });
    await setCursor(state, { expected: 500, sequence: 0 }, never);
    expect(await rig.pull()).toMatchObject({ stopped: 'caught-up', messages: 2, sequence: 2 });
    expect((await rig.state()).condition).toBe('ok');
    expect(await health(state)).toContainEqual({ name: 'change-feed', healthy: true });
  });

  it('is never taken for a new start when the feed is empty', async () => {
    const rig = await rigWith();
    await syncStateStore(rig.stateTable).write({ sequence: 500, condition: 'ok' }, undefined, never);
    expect(await rig.pull()).toMatchObject({ stopped: 'feed-reset', latest: 0 });
    expect((await rig.state()).sequence).toBe(500);
  });
});

describe('a cursor that cannot be read', () => {
  it('is an error, never the start of the feed, when the table does not answer', async () => {
    const rig = await rigWith();
    rig.storeStudies(2);
    await rig.pull();
    await rig.stateTable.deleteTable();
    await expect(rig.pull()).rejects.toMatchObject({ name: 'RestError' });
    expect(rig.queue.sent).toHaveLength(2);
  });

  it('is an error when the row says something else', async () => {
    const rig = await rigWith();
    rig.storeStudies(1);
    await rig.stateTable.upsertEntity({ partitionKey: 'cast', rowKey: 'change-feed', sequence: 'many' });
    await expect(rig.pull()).rejects.toThrow(/sequence/);
    expect(rig.queue.sent).toHaveLength(0);
  });
});

describe('limits of a run', () => {
  it('nothing is pulled while the queue is full', async () => {
    const rig = await rigWith();
    rig.storeStudies(6);
    const limits = { entries: 2, windowsInFlight: 1 };
    expect(await rig.pull({ limits, queueLimit: 3 })).toMatchObject({ stopped: 'held-back', rounds: 2, sequence: 4 });
    expect(rig.queue.length).toBe(4);
    expect(await rig.state()).toMatchObject({ condition: 'held-back', sequence: 4, latestSeen: 6 });
    for (const message of rig.queue.visible()) rig.queue.complete(message);
    expect(await rig.pull({ limits, queueLimit: 3 })).toMatchObject({ stopped: 'caught-up', sequence: 6 });
    expect((await rig.state()).condition).toBe('ok');
  });

  it('a run stops at the end of its round after its time', async () => {
    const rig = await rigWith();
    rig.storeStudies(5);
    const limits = { entries: 2, windowsInFlight: 1 };
    expect(await rig.pull({ limits, softDeadlineMs: 0 })).toMatchObject({
      stopped: 'deadline',
      rounds: 1,
      sequence: 2,
    });
    expect(await rig.pull({ limits })).toMatchObject({ stopped: 'caught-up', sequence: 5 });
    expect(rig.sentSequences()).toEqual([1, 2, 3, 4, 5]);
  });
});
