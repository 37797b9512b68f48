import { setTimeout as sleep } from 'node:timers/promises';
import { TableClient, type TableEntityResult } from '@azure/data-tables';
import { RestError } from '@azure/core-rest-pipeline';
import { PatientLockBusy, patientLock, purgePatientLocks, lockKey } from '../../../src/study/patientLock';
import { useAzurite } from '../../support/azurite';
import { eventually } from '../../support/eventually';
import { inTime } from '../../support/serviceTime';

const signal = new AbortController().signal;
const ALICE = 'urn:oid:1.2|PATIENT-1';
const nothing = (): Promise<void> => Promise.resolve();

/** Something that a test lets go by hand. */
function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

interface Holder {
  readonly done: Promise<void>;
  readonly letGo: () => Promise<void>;
}

/** Holds the lock until the test lets it go. */
async function holding(lock: ReturnType<typeof patientLock>, identifier = ALICE): Promise<Holder> {
  const [inside, held] = [gate(), gate()];
  const work = (): Promise<void> => {
    inside.open();
    return held.opened;
  };
  const done = lock.hold(identifier, work, signal);
  await Promise.race([inside.opened, done]);
  const letGo = (): Promise<void> => {
    held.open();
    return done;
  };
  return { done, letGo };
}

/** Runs the work of all at the same time. @returns most that were inside at once */
async function mostInside(holds: readonly ((work: () => Promise<void>) => Promise<void>)[]): Promise<number> {
  let [inside, most] = [0, 0];
  const work = async (): Promise<void> => {
    most = Math.max(most, ++inside);
    await sleep(2);
    inside--;
  };
  await Promise.all(holds.map((hold) => hold(work)));
  return most;
}

describe('the lock under which a new Patient is created', () => {
  const azurite = useAzurite();

  /** What another process has: the same table, and a client of its own. */
  const clientOf = ({ tableName }: TableClient, maxRetries = 3): TableClient =>
    TableClient.fromConnectionString(azurite.connectionString, tableName, {
      allowInsecureConnection: true,
      retryOptions: { maxRetries, retryDelayInMs: 1 },
    });

  async function rowsOf(table: TableClient): Promise<readonly TableEntityResult<Record<string, unknown>>[]> {
    const rows = [];
    for await (const row of clientOf(table).listEntities()) rows.push(row);
    return rows;
  }

  /** A lock in a process of its own, where the table and the process live in the time of the test. */
  function time() {
    const clock = { nowMs: Date.parse('2026-01-01T00:00:00.900Z') };
    const writtenAt = new Map<string, number>();
    const lockOf = (table: TableClient, options: Parameters<typeof patientLock>[1] = {}) =>
      patientLock(
        inTime(clientOf(table), () => clock.nowMs, writtenAt),
        { pollMs: 5, now: () => clock.nowMs, ...options },
      );
    return { clock, lockOf };
  }

  /** Lets a test meet each request: what it was, and what becomes of it. */
  function watched(
    table: TableClient,
    meet: (request: string, send: () => Promise<void>) => Promise<void>,
  ): TableClient {
    table.pipeline.addPolicy(
      {
        name: 'watched',
        async sendRequest(request, next) {
          let response: Awaited<ReturnType<typeof next>> | undefined;
          const { pathname } = new URL(request.url);
          await meet(`${request.method}${pathname.endsWith('$batch') ? ' batch' : ''}`, async () => {
            response = await next(request);
          });
          if (response === undefined) throw new RestError('never sent', { code: 'ECONNRESET' });
          return response;
        },
      },
      { phase: 'Sign' },
    );
    return table;
  }

  function counted(table: TableClient): { readonly table: TableClient; readonly requests: string[] } {
    const requests: string[] = [];
    const meet = (request: string, send: () => Promise<void>): Promise<void> => {
      requests.push(request);
      return send();
    };
    return { table: watched(clientOf(table), meet), requests };
  }

  /** The request is carried out, and its answer gets lost. */
  function losing(table: TableClient, lost: string, times = 1, maxRetries = 3): TableClient {
    let left = times;
    return watched(clientOf(table, maxRetries), async (request, send) => {
      await send();
      if (request === lost && left-- > 0) throw new RestError('connection reset', { code: 'ECONNRESET' });
    });
  }

  describe('keeps out', () => {
    it.each([2, 20])(
      'all others where %i processes want it at once',
      async (count) => {
        const table = await azurite.table();
        const most = await mostInside(
          Array.from({ length: count }, () => {
            const lock = patientLock(clientOf(table), { pollMs: 2 });
            return (work) => lock.hold(ALICE, work, signal);
          }),
        );
        expect(most).toBe(1);
        expect(await rowsOf(table)).toEqual([]);
      },
      60_000,
    );

    it('all others where twenty passes of one process want it at once', async () => {
      const lock = patientLock(await azurite.table(), { pollMs: 2 });
      expect(await mostInside(Array.from({ length: 20 }, () => (work) => lock.hold(ALICE, work, signal)))).toBe(1);
    }, 60_000);

    it('all others where three processes want five Patients twice each', async () => {
      const table = await azurite.table();
      const inside = new Map<string, number>();
      let most = 0;
      const holds = [0, 1, 2].flatMap(() => {
        const lock = patientLock(clientOf(table), { pollMs: 2 });
        return Array.from({ length: 10 }, (_, index) => {
          const patient = `P${index % 5}`;
          const count = (by: number): number => inside.set(patient, (inside.get(patient) ?? 0) + by).get(patient) ?? 0;
          const work = async (): Promise<void> => {
            most = Math.max(most, count(1));
            await sleep(1);
            count(-1);
          };
          return lock.hold(patient, work, signal);
        });
      });
      await Promise.all(holds);
      expect(most).toBe(1);
      expect(await rowsOf(table)).toEqual([]);
    }, 60_000);

    it('nobody who wants another Patient', async () => {
      const lock = patientLock(await azurite.table(), { waitMs: 0 });
      const holder = await holding(lock);
      expect(await lock.hold('urn:oid:1.2|PATIENT-2', () => Promise.resolve('free'), signal)).toBe('free');
      await holder.letGo();
    });
  });

  it('does not let the identifier reach storage, and leaves nothing there', async () => {
    const table = await azurite.table();
    const holder = await holding(patientLock(table));
    const [row, ...more] = await rowsOf(table);
    expect(more).toEqual([]);
    // Too short to tell by it whose it is, even for those who try all identifiers that there may be.
    expect(row?.rowKey).toMatch(/^[0-9a-f]{4}$/);
    expect(JSON.stringify(row)).not.toMatch(/PATIENT-1|urn:oid/);
    expect(Object.keys(row ?? {}).sort()).toEqual(['etag', 'holder', 'partitionKey', 'rowKey', 'timestamp']);
    await holder.letGo();
    expect(await rowsOf(table)).toEqual([]);
  });

  it('is given back when the work fails, and the error is that of the work', async () => {
    const lock = patientLock(await azurite.table(), { waitMs: 0 });
    await expect(lock.hold(ALICE, () => Promise.reject(new Error('the work')), signal)).rejects.toThrow('the work');
    expect(await lock.hold(ALICE, () => Promise.resolve('next'), signal)).toBe('next');
  });

  it('is busy when somebody holds it for longer than one is willing to wait', async () => {
    const table = await azurite.table();
    const holder = await holding(patientLock(table));
    let now = 0;
    const impatient = patientLock(clientOf(table), { waitMs: 1000, pollMs: 1, now: () => (now += 400) });
    await expect(impatient.hold(ALICE, nothing, signal)).rejects.toThrow(PatientLockBusy);
    await holder.letGo();
    expect(await patientLock(table).hold(ALICE, () => Promise.resolve('free'), signal)).toBe('free');
  });

  it('tells how long it is certain, counted from before it was asked for', async () => {
    let now = 0;
    const table = watched(await azurite.table(), async (request, send) => {
      await send();
      if (request === 'POST') now += 700;
    });
    const lock = patientLock(table, { now: () => now });
    const work = (lease: { remainingMs(): number }): Promise<void> => {
      expect(lease.remainingMs()).toBe(59_300);
      now = 59_000;
      expect(lease.remainingMs()).toBe(1000);
      return Promise.resolve();
    };
    await lock.hold(ALICE, work, signal);
  });

  describe('of a holder that died', () => {
    it('is taken over when its minute and the skew of the service have passed, by one alone', async () => {
      const table = await azurite.table();
      const { clock, lockOf } = time();
      await holding(lockOf(table));
      clock.nowMs += 64_000;
      await expect(lockOf(table, { waitMs: -1 }).hold(ALICE, nothing, signal)).rejects.toThrow(PatientLockBusy);
      clock.nowMs += 3000;
      const most = await mostInside(
        Array.from({ length: 10 }, () => {
          const lock = lockOf(table);
          return (work) => lock.hold(ALICE, work, signal);
        }),
      );
      expect(most).toBe(1);
      expect(await rowsOf(table)).toEqual([]);
    });

    it('is a lock of a minute again for whoever took it over', async () => {
      const table = await azurite.table();
      const { clock, lockOf } = time();
      await holding(lockOf(table));
      clock.nowMs += 70_000;
      const work = async (lease: { remainingMs(): number }): Promise<void> => {
        expect(lease.remainingMs()).toBe(60_000);
        clock.nowMs += 60_000;
        await expect(lockOf(table, { waitMs: -1 }).hold(ALICE, nothing, signal)).rejects.toThrow(PatientLockBusy);
        expect(lease.remainingMs()).toBe(0);
      };
      await lockOf(table).hold(ALICE, work, signal);
    });

    it('is judged by the clock of the service: a waiter whose own clock is an hour ahead keeps waiting', async () => {
      const table = await azurite.table();
      const { clock, lockOf } = time();
      const holder = await holding(lockOf(table));
      let polls = 0;
      const ahead = lockOf(table, { waitMs: 3_600_000, pollMs: 1, now: () => clock.nowMs + 600_000 * ++polls });
      await expect(ahead.hold(ALICE, nothing, signal)).rejects.toThrow(PatientLockBusy);
      await holder.letGo();
    });

    it('is not freed by that holder when he is only late', async () => {
      const table = await azurite.table();
      const { clock, lockOf } = time();
      const late = await holding(lockOf(table));
      clock.nowMs += 70_000;
      const next = await holding(lockOf(table));
      await late.letGo();
      expect(await rowsOf(table)).toHaveLength(1);
      await expect(lockOf(table, { waitMs: -1 }).hold(ALICE, nothing, signal)).rejects.toThrow(PatientLockBusy);
      await next.letGo();
      expect(await rowsOf(table)).toEqual([]);
    });

    it('is not freed by that holder when he gives it back together with others, and these are free', async () => {
      const table = await azurite.table();
      const { clock, lockOf } = time();
      const lock = lockOf(table);
      const patients = Array.from({ length: 30 }, (_, index) => `P${index}`);
      const late = await Promise.all(patients.map((patient) => holding(lock, patient)));
      clock.nowMs += 70_000;
      const next = await holding(lockOf(table), 'P7');
      await Promise.all(late.map(({ letGo }) => letGo()));
      const key = lockKey('P7');
      expect((await rowsOf(table)).map(({ rowKey }) => rowKey)).toEqual([key]);
      await next.letGo();
    });

    it('goes with the sweep after an hour, and a younger one stays', async () => {
      const table = await azurite.table();
      const { clock, lockOf } = time();
      const swept = inTime(clientOf(table), () => clock.nowMs, new Map());
      await holding(lockOf(table), 'dead');
      const hourLater = new Date(Date.now() + 3_700_000);
      // What the service says counts, not the clock of the process.
      clock.nowMs = Date.now() + 3_500_000;
      expect(await purgePatientLocks(swept, hourLater, signal)).toBe(0);
      clock.nowMs = hourLater.getTime();
      expect(await purgePatientLocks(swept, new Date(), signal)).toBe(0);
      expect(await purgePatientLocks(swept, hourLater, signal)).toBe(1);
      expect(await rowsOf(table)).toEqual([]);
    });
  });

  describe('when many Patients are new at once', () => {
    it('costs a few requests for all: whoever comes while one is under way goes with the others', async () => {
      const { table, requests } = counted(await azurite.table());
      const lock = patientLock(table);
      const holders = await Promise.all(Array.from({ length: 100 }, (_, index) => holding(lock, `P${index}`)));
      expect([...requests].sort()).toEqual(['POST', 'POST batch']);
      expect(await rowsOf(table)).toHaveLength(100);
      requests.length = 0;
      await Promise.all(holders.map(({ letGo }) => letGo()));
      expect([...requests].sort()).toEqual(['DELETE', 'POST batch']);
      expect(await rowsOf(table)).toEqual([]);
    });

    it('gives the others theirs when one of them is taken', async () => {
      const table = await azurite.table();
      const holder = await holding(patientLock(clientOf(table)), 'P5');
      const { table: watchedTable, requests } = counted(table);
      const lock = patientLock(watchedTable, { waitMs: -1 });
      const outcomes = await Promise.allSettled(
        Array.from({ length: 10 }, (_, index) => lock.hold(`P${index}`, () => Promise.resolve(index), signal)),
      );
      expect(requests).toContain('POST batch');
      expect(outcomes.map(({ status }) => status === 'fulfilled')).toEqual(
        Array.from({ length: 10 }, (_, index) => index !== 5),
      );
      expect(outcomes[5]).toMatchObject({ reason: { code: 'PatientLockBusy' } });
      await holder.letGo();
      expect(await rowsOf(table)).toEqual([]);
    });

    it('never asks twice for one Patient in one request', async () => {
      const { table, requests } = counted(await azurite.table());
      const lock = patientLock(table, { pollMs: 2 });
      const holds = Array.from({ length: 12 }, (_, index) => lock.hold(`P${index % 3}`, nothing, signal));
      await Promise.all(holds);
      expect(requests).toContain('POST batch');
      expect(await rowsOf(table)).toEqual([]);
    });

    it('gives back what a group took for somebody who has gone meanwhile', async () => {
      const stop = new AbortController();
      const [batchSent, goOn] = [gate(), gate()];
      const table = await azurite.table();
      const lock = patientLock(
        watched(clientOf(table), async (request, send) => {
          if (request === 'POST batch') {
            batchSent.open();
            await goOn.opened;
          }
          await send();
        }),
      );
      const others = Promise.all(['A', 'B', 'C'].map((patient) => lock.hold(patient, nothing, signal)));
      const gone = lock.hold('D', nothing, stop.signal);
      await batchSent.opened;
      stop.abort();
      await expect(gone).rejects.toMatchObject({ name: 'AbortError' });
      goOn.open();
      await others;
      await eventually(async () => ((await rowsOf(table)).length === 0 ? true : undefined));
    });
  });

  describe('when an answer gets lost', () => {
    it('is had all the same, for no longer than it is certain', async () => {
      const table = await azurite.table();
      const lock = patientLock(losing(table, 'POST'));
      const left = await lock.hold(ALICE, (lease) => Promise.resolve(lease.remainingMs()), signal);
      expect(left).toBeLessThanOrEqual(60_000);
      expect(left).toBeGreaterThan(50_000);
      expect(await rowsOf(table)).toEqual([]);
    });

    it('is had by each of a group', async () => {
      const table = await azurite.table();
      const lock = patientLock(losing(table, 'POST batch'), { waitMs: -1 });
      const holds = Array.from({ length: 10 }, (_, index) => lock.hold(`P${index}`, () => Promise.resolve(1), signal));
      expect(await Promise.all(holds)).toHaveLength(10);
      expect(await rowsOf(table)).toEqual([]);
    });

    it('is had when it was taken over', async () => {
      const table = await azurite.table();
      const { clock, lockOf } = time();
      await holding(lockOf(table));
      clock.nowMs += 70_000;
      const writtenAt = new Map<string, number>();
      const lock = patientLock(
        inTime(losing(table, 'PUT'), () => clock.nowMs, writtenAt),
        { pollMs: 1, now: () => clock.nowMs },
      );
      const row = await clientOf(table).getEntity('patients', lockKey(ALICE));
      writtenAt.set(row.etag, clock.nowMs - 70_000);
      expect(await lock.hold(ALICE, () => Promise.resolve('done'), signal)).toBe('done');
      expect(await rowsOf(table)).toEqual([]);
    });

    it('takes no lock of those who came next away when it is given back twice', async () => {
      const table = await azurite.table();
      const next = patientLock(clientOf(table));
      const together = Array.from({ length: 8 }, (_, index) => `P${index + 2}`);
      let others: readonly Holder[] = [];
      let released = false;
      const giving = watched(clientOf(table), async (request, send) => {
        await send();
        if (!released || request !== 'POST batch' || others.length > 0) return;
        others = await Promise.all(together.map((patient) => holding(next, patient)));
        throw new RestError('connection reset', { code: 'ECONNRESET' });
      });
      const lock = patientLock(giving);
      const holders = await Promise.all(['P0', 'P1', ...together].map((patient) => holding(lock, patient)));
      released = true;
      await Promise.all(holders.map(({ letGo }) => letGo()));
      expect(others).toHaveLength(8);
      expect(await rowsOf(table)).toHaveLength(8);
      await Promise.all(others.map(({ letGo }) => letGo()));
      expect(await rowsOf(table)).toEqual([]);
    });

    it('runs out when it cannot be given back, and nobody is told', async () => {
      const table = await azurite.table();
      const lock = patientLock(
        watched(clientOf(table, 0), (request, send) =>
          request === 'DELETE' ? Promise.reject(new RestError('gone', { code: 'ECONNRESET' })) : send(),
        ),
      );
      expect(await lock.hold(ALICE, () => Promise.resolve('done'), signal)).toBe('done');
      expect(await rowsOf(table)).toHaveLength(1);
    });
  });

  it('fails with the error of the table service when that does not work', async () => {
    const table = watched(clientOf(await azurite.table(), 0), () => Promise.resolve());
    await expect(patientLock(table).hold(ALICE, nothing, signal)).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  it('stops waiting when it is told to', async () => {
    const table = await azurite.table();
    const holder = await holding(patientLock(table));
    const stop = new AbortController();
    const waiting = patientLock(clientOf(table)).hold(ALICE, nothing, stop.signal);
    setTimeout(() => {
      stop.abort();
    }, 20);
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
    await holder.letGo();
    expect(await rowsOf(table)).toEqual([]);
  });
});
