import { setTimeout as sleep } from 'node:timers/promises';
import { createCast } from '../../../src/cast';
import { DEFAULT_PARTITION } from '../../../src/dicom/studyKey';
import { handlePoison } from '../../../src/study/poison';
import { failedEntries } from '../../../src/failures/failedEntries';
import { removeIdleSigns } from '../../../src/failures/idleSigns';
import { studyMarks } from '../../../src/failures/marks';
import { notifierOf } from '../../../src/failures/notifier';
import { isMarkKey, isSignKey } from '../../../src/failures/tableKeys';
import { useAzurite } from '../../support/azurite';
import { CastRig, signal } from '../../support/castRig';
import { ctInstance, element, uidsOfOneShard } from '../../support/instances';
import { locksRunOut } from '../../support/locksRunOut';
import { violationsOf } from '../../support/oracle';
import type { QueuedMessage } from '../../support/scriptedQueue';

const UIDS = uidsOfOneShard(4);
const [FIRST = '', SECOND = ''] = UIDS;

/** Small studies of one round share a message and a mark; each of them is as safe as with a message of its own. */
describe('several studies of one message', () => {
  const azurite = useAzurite();
  let rig: CastRig;
  const start = async (settings: Record<string, string> = {}): Promise<void> => {
    rig = await CastRig.start(azurite, { settings });
  };
  afterEach(async () => {
    await rig.stop();
  });

  const store = (uids: readonly string[] = UIDS): void => {
    for (const uid of uids) rig.dicom.store(ctInstance({ study: uid, patientId: `P-${uid}` }));
  };
  const describeAll = (text: string): void => {
    for (const uid of UIDS) rig.dicom.update(uid, { '00081030': element('LO', text) });
  };
  const nextMessage = async (): Promise<QueuedMessage> => {
    await rig.pull();
    const [message, ...others] = rig.queue.visible();
    expect(others).toEqual([]);
    if (message === undefined) throw new Error('No message waits');
    return message;
  };
  const studiesOf = (messages: readonly QueuedMessage[]): readonly string[] =>
    messages.flatMap((message) => rig.queue.parseAll(message).map(({ study }) => study.uid)).sort();
  const keysLeft = async (): Promise<readonly string[]> => {
    const keys: string[] = [];
    for await (const { rowKey = '' } of rig.clients.failedEntriesTable.listEntities()) keys.push(rowKey);
    return keys;
  };
  /** The FHIR server refuses everything that is about this study. */
  const refuse = (uid: string, status: number): void => {
    rig.fhir.intercept = ({ kind, body }) => (kind === 'transaction' && body.includes(uid) ? { status } : undefined);
  };

  it('are all stored by one delivery, and no mark stays', async () => {
    await start();
    store();
    const message = await nextMessage();
    expect(studiesOf([message])).toEqual([...UIDS].sort());
    await rig.deliver(message);
    expect(rig.queue.length).toBe(0);
    expect(rig.fhir.counts.ImagingStudy).toBe(UIDS.length);
    expect(await violationsOf(rig)).toEqual([]);
    expect(await keysLeft()).toEqual([]);
  });

  it('have messages of their own where STUDIES_PER_MESSAGE is 1', async () => {
    await start({ STUDIES_PER_MESSAGE: '1' });
    store();
    await rig.pull();
    expect(rig.queue.visible().map((message) => rig.queue.parseAll(message))).toHaveLength(UIDS.length);
  });

  it('do not suffer from one that the FHIR server refuses: it is tried by itself, and filed', async () => {
    await start();
    store();
    refuse(SECOND, 422);
    await rig.deliver(await nextMessage());
    expect(studiesOf(rig.queue.all())).toEqual([SECOND]);
    expect(rig.fhir.counts.ImagingStudy).toBe(UIDS.length - 1);
    await rig.drain();
    expect(await rig.failures()).toMatchObject([{ study: { uid: SECOND }, httpStatus: 422, failureCount: 1 }]);
    expect(await violationsOf(rig)).toEqual([]);
  });

  it('give one with failed entries a message of its own, where its entries are settled', async () => {
    await start();
    store();
    refuse(FIRST, 422);
    await rig.pull();
    await rig.drain();
    expect(await rig.failures()).toHaveLength(1);
    rig.fhir.intercept = undefined;
    describeAll('Another description');
    await rig.deliver(await nextMessage());
    expect(studiesOf(rig.queue.all())).toEqual([FIRST]);
    await rig.drain();
    expect(await rig.failures()).toEqual([]);
    expect(await violationsOf(rig)).toEqual([]);
  });

  it('do not have to be looked at again because of one with failed entries: nobody can take it up before they are settled', async () => {
    await start();
    store();
    refuse(FIRST, 422);
    await rig.pull();
    await rig.drain();
    rig.fhir.intercept = undefined;
    describeAll('Another description');
    const message = await nextMessage();
    const slow = rig.worker('slow');
    slow.take(message);
    await slow.stepper.until(/fhir\.transaction/);
    const early = rig.queue.visible().filter(({ id }) => id !== message.id);
    for (const own of early) await rig.deliver(own);
    await slow.stepper.finish();
    expect(studiesOf(rig.queue.all())).toEqual([FIRST]);
    await rig.drain();
    expect(await rig.failures()).toEqual([]);
    expect(await violationsOf(rig)).toEqual([]);
  });

  it('give one with an invalid instance a message of its own, where the instance is filed', async () => {
    await start();
    store();
    rig.dicom.store(ctInstance({ study: FIRST, instance: `${FIRST}.1.2`, '00100020': element('LO') }));
    await rig.deliver(await nextMessage());
    expect(studiesOf(rig.queue.all())).toEqual([FIRST]);
    await rig.drain();
    expect(await rig.failures()).toMatchObject([{ errorType: 'DicomError', instanceUid: `${FIRST}.1.2` }]);
    expect(await violationsOf(rig)).toEqual([]);
  });

  it('are deferred, each with a copy of its own, while the FHIR server is away', async () => {
    await start();
    store();
    rig.fhir.intercept = () => ({ status: 503 });
    await rig.deliver(await nextMessage());
    expect(studiesOf(rig.queue.all())).toEqual([...UIDS].sort());
    expect(rig.queue.all().every((message) => rig.queue.parse(message).deferred?.times === 1)).toBe(true);
    expect(await keysLeft()).toEqual([]);
    rig.fhir.intercept = undefined;
    await rig.drain();
    expect(await violationsOf(rig)).toEqual([]);
  });

  it('leave the breaker as the last of them found the FHIR server', async () => {
    await start({ FHIR_TOGETHER: '1' });
    store();
    rig.fhir.intercept = async ({ path }) => {
      if (!decodeURIComponent(path).includes(SECOND)) return undefined;
      await sleep(500);
      return { status: 503 };
    };
    await rig.deliver(await nextMessage());
    expect(rig.fhir.counts.ImagingStudy).toBe(UIDS.length - 1);
    expect((await rig.cast.status(signal())).breakers.fhir.state).not.toBe('closed');
    expect(rig.notifications.map(({ kind }) => kind)).toEqual(['dependencyDown']);
  });

  it('are told of at once: a notifier that is slow with each does not use up the time of the run', async () => {
    await start();
    for (const uid of UIDS)
      rig.dicom.store(ctInstance({ study: uid, patientId: `P-${uid}`, '00100030': element('DA', '19371199') }));
    let told = 0;
    let allTold: () => void = () => undefined;
    const all = new Promise<void>((resolve) => (allTold = resolve));
    const notifier = notifierOf((kind) => {
      if (kind === 'warning' && ++told === UIDS.length) allTold();
      return all;
    });
    const observers = { telemetry: rig.telemetry, notifier, clock: () => rig.now() };
    await rig.deliver(await nextMessage(), createCast(rig.settings, rig.clients, observers));
    expect(told).toBe(UIDS.length);
  });

  it('wait for what may still arrive where the answer to a transaction got lost', async () => {
    await start();
    store();
    rig.fhir.intercept = ({ kind, body }) =>
      kind === 'transaction' && body.includes(SECOND) ? { destroy: 'after' } : undefined;
    await rig.deliver(await nextMessage());
    const [copy] = rig.queue.all();
    // Function time-out plus the longest FHIR request.
    expect((copy?.visibleAtMs ?? 0) - rig.now().getTime()).toBeGreaterThanOrEqual(660_000);
    rig.fhir.intercept = undefined;
    await rig.drain();
    expect(await violationsOf(rig)).toEqual([]);
  });

  it('come apart when the message is delivered again: one of them may have been what ended the process', async () => {
    await start();
    store();
    const taken = rig.queue.receive(await nextMessage());
    rig.queue.redeliver(taken);
    const [again] = rig.queue.visible();
    if (again === undefined) throw new Error('The message is gone');
    await rig.deliver(again);
    expect(rig.fhir.counts.ImagingStudy ?? 0).toBe(0);
    expect(studiesOf(rig.queue.all())).toEqual([...UIDS].sort());
    // What an earlier write may have left is looked for.
    expect(rig.queue.all().every((message) => rig.queue.parse(message).again === true)).toBe(true);
    await rig.drain();
    expect(await violationsOf(rig)).toEqual([]);
  });

  it('come apart where a study is among them twice: two looks under one mark would not know of each other', async () => {
    await start();
    store([FIRST]);
    const study = { partition: DEFAULT_PARTITION, uid: FIRST };
    const change = { action: 'Create', series: `${FIRST}.1`, instance: `${FIRST}.1.1` } as const;
    await rig.queue.sendShared([1, 2].map((sequence) => ({ study, changes: [{ ...change, sequence }] })));
    await rig.deliver(rig.queue.visible()[0]!);
    expect(studiesOf(rig.queue.all())).toEqual([FIRST, FIRST]);
    expect(rig.queue.all()).toHaveLength(2);
    await rig.drain();
    expect(await violationsOf(rig)).toEqual([]);
  });

  it('come apart while a service is down, so that a single study is the trial', async () => {
    await start();
    store([FIRST]);
    rig.fhir.intercept = () => ({ status: 503 });
    await rig.pull();
    await rig.deliver(rig.queue.visible()[0]!);
    store(UIDS.slice(1));
    await rig.pull();
    const shared = rig.queue.visible().find((message) => rig.queue.parseAll(message).length > 1);
    const before = rig.fhir.requests.total;
    await rig.deliver(shared!);
    expect(rig.fhir.requests.total).toBe(before);
    expect(rig.queue.all().map((message) => rig.queue.parseAll(message).length)).toEqual([1, 1, 1, 1]);
    rig.fhir.intercept = undefined;
    await rig.drain();
    expect(await violationsOf(rig)).toEqual([]);
  });

  it('are looked at again where somebody else was faster, and the others of the message are done', async () => {
    await start();
    store();
    await rig.settle();
    describeAll('Old');
    const message = await nextMessage();
    const slow = rig.worker('slow');
    slow.take(message);
    // It has read everything and is about to write.
    await slow.stepper.until(/fhir\.transaction/);
    rig.dicom.update(FIRST, { '00081030': element('LO', 'New') });
    await rig.pull();
    const [newer] = rig.queue.visible().filter(({ id }) => id !== message.id);
    await rig.deliver(newer!);
    await slow.stepper.finish();
    expect(studiesOf(rig.queue.all())).toEqual([FIRST]);
    await rig.drain();
    expect(await violationsOf(rig)).toEqual([]);
    expect((await keysLeft()).filter(isMarkKey)).toEqual([]);
  });

  it('are all looked at again where the process died among them', async () => {
    await start();
    store();
    const message = await nextMessage();
    const dying = rig.worker('dying');
    dying.take(message);
    await dying.stepper.past(/fhir\.transaction/);
    dying.stepper.crash();
    await locksRunOut(rig.clients.patientLocks);
    // Nobody delivers the message again.
    rig.queue.complete(rig.queue.all()[0]!);
    rig.advance(3_600_000);
    expect(await rig.cast.sweepMarks(signal())).toBe(1);
    expect(studiesOf(rig.queue.all())).toEqual([...UIDS].sort());
    await rig.drain();
    expect(await violationsOf(rig)).toEqual([]);
  });

  it('are filed and sent once more, each by itself, when the host gives up on the message', async () => {
    await start();
    store();
    const message = await nextMessage();
    rig.queue.complete(message);
    const table = rig.clients.failedEntriesTable;
    const clock = (): Date => rig.now();
    const deps = {
      failedEntries: failedEntries(table, clock),
      marks: studyMarks(table, clock),
      queue: rig.queue,
      telemetry: rig.telemetry,
    };
    await handlePoison(deps, JSON.parse(message.text), 'poison', signal());
    expect((await rig.failures()).map(({ study, reason }) => [study.uid, reason]).sort()).toEqual(
      [...UIDS].sort().map((uid) => [uid, 'Unconfirmed']),
    );
    await rig.drain();
    expect(await rig.failures()).toEqual([]);
    expect(await violationsOf(rig)).toEqual([]);
  });

  it('leave no sign of failed entries once these are settled', async () => {
    await start();
    store();
    refuse(FIRST, 422);
    await rig.pull();
    await rig.drain();
    const later = (): Date => new Date(Date.now() + 2 * 3_600_000);
    const table = rig.clients.failedEntriesTable;
    expect(await removeIdleSigns(table, later, signal())).toBe(0);
    rig.fhir.intercept = undefined;
    await rig.queue.send({ study: { partition: 'Microsoft.Default', uid: FIRST }, changes: [] }, {});
    await rig.drain();
    expect((await keysLeft()).filter(isSignKey)).toHaveLength(1);
    expect(await removeIdleSigns(table, () => new Date(), signal())).toBe(0);
    expect(await removeIdleSigns(table, later, signal())).toBe(1);
    expect(await keysLeft()).toEqual([]);
  });
});
