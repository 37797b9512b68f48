import { randomUUID } from 'node:crypto';
import { useAzurite } from '../../support/azurite';
import { CastRig, signal } from '../../support/castRig';
import { ctInstance, testUid } from '../../support/instances';
import type { QueuedMessage } from '../../support/scriptedQueue';
import { violationsOf } from '../../support/oracle';
import { sampleOf } from '../../support/thorough';

/** What happens around one run of the function. */
const happenings = ['as it should be', 'the lease was renewed', 'the lease ran out', 'the process died'] as const;
type Happening = (typeof happenings)[number];

const MAX_ATTEMPTS = 2;
const MAX_DEQUEUE_COUNT = MAX_ATTEMPTS + 2;
const LEASE_MS = 600_000;
const HOST_DELAY_MS = 30_000;

/** Every order of happenings in the first runs; afterwards all is as it should be. */
const orders: readonly (readonly Happening[])[] = happenings.flatMap((first) =>
  happenings.flatMap((second) => happenings.map((third) => [first, second, third])),
);

describe('a study that fails again and again, whatever happens to its message meanwhile', () => {
  const azurite = useAzurite();
  let rig: CastRig;
  let poisoned: string[] = [];
  let serial = 0;

  beforeAll(async () => {
    rig = await CastRig.start(azurite, { settings: { MAX_ATTEMPTS: String(MAX_ATTEMPTS) } });
  });

  beforeEach(() => {
    poisoned = [];
    rig.fhir.intercept = ({ kind }) => (kind === 'transaction' ? { status: 500 } : undefined);
  });

  afterAll(async () => {
    await rig.stop();
  });

  /** The message that becomes visible first, at the time when it does. */
  const nextMessage = (): QueuedMessage => {
    rig.advance(Math.max(0, (rig.queue.nextVisibleAtMs() ?? 0) - rig.now().getTime()));
    const [message] = rig.queue.visible();
    if (message === undefined) throw new Error('The queue is empty');
    return message;
  };

  /** The rules of the host's queue trigger: renewal, completion, release, and the copy to the poison queue, whose delete may be swallowed. */
  const deliver = async (message: QueuedMessage, happening: Happening): Promise<void> => {
    const taken = rig.queue.receive(message);
    let held = taken;
    const toPoison = (): void => {
      poisoned.push(taken.text);
      rig.queue.complete(held);
    };
    if (taken.dequeueCount > MAX_DEQUEUE_COUNT) {
      toPoison();
      return;
    }
    if (happening === 'the process died') return;
    // The new receipt is the host's alone: the function goes on with the old one.
    if (happening === 'the lease was renewed') {
      await rig.queue.postpone({ messageId: taken.id, popReceipt: taken.popReceipt }, LEASE_MS);
      held = rig.queue.all().find(({ id }) => id === taken.id) ?? taken;
    }
    const delivery = {
      messageId: taken.id,
      popReceipt: taken.popReceipt,
      dequeueCount: taken.dequeueCount,
      invocationId: randomUUID(),
    };
    if (happening === 'the lease ran out') {
      rig.queue.redeliver(taken);
      const again = rig.queue.visible().find(({ id }) => id === taken.id);
      if (again !== undefined) await deliver(again, 'as it should be');
    }
    try {
      await rig.cast.syncStudy(JSON.parse(taken.text), delivery, signal());
    } catch {
      if (taken.dequeueCount >= MAX_DEQUEUE_COUNT) toPoison();
      else rig.queue.release(held, HOST_DELAY_MS);
      return;
    }
    rig.queue.complete(held);
  };

  it.each(sampleOf(orders, 0.35, ([first = '']) => first))(
    '%s, %s, %s: at most one message is poisoned, and nothing is lost',
    async (...order) => {
      const study = testUid(700, ++serial);
      rig.dicom.store(ctInstance({ study, patientId: `P-${serial}` }));
      await rig.pull();
      for (let run = 0; rig.queue.length > 0; run++) {
        expect(run).toBeLessThan(10);
        await deliver(nextMessage(), order[run] ?? 'as it should be');
      }
      expect(poisoned.length).toBeLessThanOrEqual(1);
      for (const text of poisoned) await rig.cast.handlePoison(JSON.parse(text), randomUUID(), signal());
      const rows = (await rig.failures()).filter((row) => row.study.uid === study);
      expect(rows).toMatchObject([{ sequence: String(serial), action: 'Create', instanceUid: `${study}.1.1` }]);
      expect(['ServerError', 'Unconfirmed']).toContain(rows[0]?.reason);
    },
  );

  it('afterwards a look at each brings all of them in', async () => {
    rig.fhir.intercept = undefined;
    for (const study of rig.dicom.studies()) await rig.queue.send({ study, changes: [] }, {});
    await rig.drain();
    expect(await rig.failures()).toEqual([]);
    expect(await violationsOf(rig)).toEqual([]);
  });

  it('a process that dies each time: one message is poisoned, filed as unconfirmed, and brought in by the one more look', async () => {
    const study = testUid(700, ++serial);
    rig.dicom.store(ctInstance({ study, patientId: `P-${serial}` }));
    await rig.pull();
    for (let run = 0; rig.queue.length > 0 && run < 10; run++) await deliver(nextMessage(), 'the process died');
    expect(poisoned).toHaveLength(1);
    rig.fhir.intercept = undefined;
    // The poison handler may run twice as well.
    for (let twice = 0; twice < 2; twice++)
      await rig.cast.handlePoison(JSON.parse(poisoned[0] ?? ''), randomUUID(), signal());
    expect(await rig.failures()).toMatchObject([{ reason: 'Unconfirmed', failureCount: 2 }]);
    await rig.drain();
    expect(await rig.failures()).toEqual([]);
    expect(await violationsOf(rig)).toEqual([]);
  });
});
