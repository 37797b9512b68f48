import { BlobLeaseClient, BlobServiceClient } from '@azure/storage-blob';
import { PatientLockBusy, patientLock } from '../../../src/study/patientLock';
import { useAzurite } from '../../support/azurite';

const signal = new AbortController().signal;
const ALICE = 'urn:oid:1.2|PATIENT-1';

/** Something that a test lets go by hand. */
function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

describe('the lock under which a new Patient is created', () => {
  const azurite = useAzurite();

  it('lets one worker at a time work on one identifier', async () => {
    const container = await azurite.container();
    const locks = Array.from({ length: 4 }, () => patientLock(container, { pollMs: 5 }));
    let inside = 0;
    let most = 0;
    await Promise.all(
      locks.map((lock) =>
        lock.hold(
          ALICE,
          async () => {
            most = Math.max(most, ++inside);
            await new Promise((resolve) => setImmediate(resolve));
            inside--;
          },
          signal,
        ),
      ),
    );
    expect(most).toBe(1);
  });

  it('makes its container and its blob when they are missing, also when several want them at once', async () => {
    const { connectionString } = azurite;
    const container = BlobServiceClient.fromConnectionString(connectionString).getContainerClient(azurite.freshName());
    const work = (lock = patientLock(container, { pollMs: 5 })): Promise<string> =>
      lock.hold(ALICE, () => Promise.resolve('done'), signal);
    expect(await Promise.all([work(), work(), work()])).toEqual(['done', 'done', 'done']);
  });

  it('does not let the identifier reach storage, and uses few blobs however many Patients there are', async () => {
    const container = await azurite.container();
    const lock = patientLock(container);
    for (const patient of ['A', 'B', 'C']) await lock.hold(`urn:oid:1.2|${patient}`, () => Promise.resolve(), signal);
    const names: string[] = [];
    for await (const { name } of container.listBlobsFlat()) names.push(name);
    expect(names.every((name) => /^patient-\d{3}$/.test(name))).toBe(true);
  });

  it('is given back when the work fails, and the error is that of the work', async () => {
    const lock = patientLock(await azurite.container(), { waitMs: 0 });
    await expect(lock.hold(ALICE, () => Promise.reject(new Error('the work')), signal)).rejects.toThrow('the work');
    expect(await lock.hold(ALICE, () => Promise.resolve('next'), signal)).toBe('next');
  });

  it('is busy when somebody holds it for longer than one is willing to wait', async () => {
    const container = await azurite.container();
    const held = gate();
    const inside = gate();
    const holder = patientLock(container).hold(
      ALICE,
      async () => {
        inside.open();
        await held.opened;
      },
      signal,
    );
    await inside.opened;
    let now = 0;
    const impatient = patientLock(container, { waitMs: 1000, pollMs: 1, now: () => (now += 400) });
    await expect(impatient.hold(ALICE, () => Promise.resolve(), signal)).rejects.toThrow(PatientLockBusy);
    held.open();
    await holder;
    expect(await patientLock(container).hold(ALICE, () => Promise.resolve('free'), signal)).toBe('free');
  });

  it('is taken over when the lease of its holder has run out, and the late holder does not free the new one', async () => {
    const container = await azurite.container();
    const [slowDone, secondIn, secondDone] = [gate(), gate(), gate()];
    const slowIn = gate();
    const slow = patientLock(container).hold(
      ALICE,
      async () => {
        slowIn.open();
        await slowDone.opened;
      },
      signal,
    );
    await slowIn.opened;
    // A lease that has run out, without waiting for its minute.
    for await (const { name } of container.listBlobsFlat())
      await new BlobLeaseClient(container.getBlobClient(name)).breakLease(0);
    const second = patientLock(container, { waitMs: 0 }).hold(
      ALICE,
      async () => {
        secondIn.open();
        await secondDone.opened;
      },
      signal,
    );
    await secondIn.opened;
    slowDone.open();
    await slow;
    let now = 0;
    const third = patientLock(container, { waitMs: 1, pollMs: 1, now: () => now++ });
    await expect(third.hold(ALICE, () => Promise.resolve(), signal)).rejects.toThrow(PatientLockBusy);
    secondDone.open();
    await second;
  });

  it('tells how long it is certain, counted from before it was asked for', async () => {
    let now = 0;
    const lock = patientLock(await azurite.container(), { now: () => now });
    await lock.hold(
      ALICE,
      (lease) => {
        expect(lease.remainingMs()).toBe(60_000);
        now = 59_000;
        expect(lease.remainingMs()).toBe(1000);
        return Promise.resolve();
      },
      signal,
    );
  });

  it('stops waiting when it is told to', async () => {
    const container = await azurite.container();
    const [inside, held] = [gate(), gate()];
    const holder = patientLock(container).hold(
      ALICE,
      async () => {
        inside.open();
        await held.opened;
      },
      signal,
    );
    await inside.opened;
    const stop = new AbortController();
    const waiting = patientLock(container).hold(ALICE, () => Promise.resolve(), stop.signal);
    setImmediate(() => {
      stop.abort();
    });
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
    held.open();
    await holder;
  });
});
