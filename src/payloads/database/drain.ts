import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { readRows, type Database, type RunStatement } from './database';
import { requirePrimaryOf } from './databaseIdentity';
import type { DrainRequest, Drained } from './fhirDatabase';
import { readWorkerTransactions } from './citusWorkers';
import { OpenTransaction } from './openTransaction';

/** Ages are exact, dates of the storage are whole seconds. */
const ROUNDING_MS = 1000;

/** A transaction that is open; its age is undefined where the role may not see it. */
interface Running {
  readonly id: string;
  readonly ageMs: number | undefined;
  readonly holder: string;
}

/**
 * Waits until every transaction of this database that is open now has ended, then until every prepared one has.
 * In this order: what is running now may be prepared by the time it has ended. Needs no right beyond connecting; with
 * `pg_read_all_stats` also the age of other roles' transactions is known, so that a long one moves the cutoff instead of ending the run.
 * @throws OpenTransaction when one outlasts the wait whose age is not known, or that is prepared
 * @throws UntrustedLook on a standby, which shows no transaction of the primary, and on another database
 */
export async function drainTransactions(database: Database, schema: string, request: DrainRequest): Promise<Drained> {
  const onPrimary = <T>(read: (run: RunStatement) => Promise<T>): Promise<T> =>
    database.readOnly(async (run) => {
      await requirePrimaryOf(run, schema, request.identity);
      return read(run);
    });

  const survivors = await outlasting(() => onPrimary(readRunning), request);
  const unknown = survivors.filter(({ ageMs }) => ageMs === undefined);
  if (unknown.length > 0)
    throw new OpenTransaction(
      'running',
      unknown.map(({ id, holder }) => `${id} (${holder})`),
    );

  const prepared = await outlasting(() => onPrimary(readPrepared), request);
  if (prepared.length > 0)
    throw new OpenTransaction(
      'prepared',
      prepared.map(({ id }) => id),
    );

  const ages = survivors.flatMap(({ ageMs }) => ageMs ?? []);
  return { oldestAgeMs: ages.length === 0 ? 0 : Math.max(...ages) + ROUNDING_MS };
}

/** @returns those of now that are still open at the end of the wait, as they are then */
async function outlasting<T extends { readonly id: string }>(
  read: () => Promise<readonly T[]>,
  { drainMs, pollMs, signal }: DrainRequest,
): Promise<readonly T[]> {
  const deadline = performance.now() + drainMs;
  let open = await read();
  while (open.length > 0 && performance.now() < deadline) {
    await delay(pollMs, undefined, { signal });
    const ids = new Set(open.map(({ id }) => id));
    open = (await read()).filter(({ id }) => ids.has(id));
  }
  return open;
}

/** A session that waits in a lock has no transaction id yet, but always a virtual one. */
const RUNNING = `select l.virtualtransaction as id, a.pid, a.usename as role, a.application_name as application,
  ceil(extract(epoch from clock_timestamp() - a.xact_start) * 1000)::float8 as age
  from pg_locks l join pg_stat_activity a using (pid)
 where l.locktype = 'virtualxid' and l.mode = 'ExclusiveLock' and l.pid <> pg_backend_pid() and a.datname = current_database()`;

const runningRow = z.object({
  id: z.string(),
  pid: z.number(),
  role: z.string().nullable(),
  application: z.string().nullable(),
  age: z.number().nullable(),
});

async function readRunning(run: RunStatement): Promise<readonly Running[]> {
  return readRows(runningRow, await run(RUNNING), 'open transactions').map(({ id, pid, role, application, age }) => ({
    id,
    // An age below zero is a clock that was set back: then it is not known.
    ageMs: age === null || age < 0 ? undefined : age,
    holder: [`pid ${pid}`, role && `role ${role}`, application && `application ${application}`]
      .filter(Boolean)
      .join(', '),
  }));
}

const PREPARED = 'select gid as id from pg_prepared_xacts where database = current_database()';

async function readPrepared(run: RunStatement): Promise<readonly { readonly id: string }[]> {
  const here = readRows(z.object({ id: z.string() }), await run(PREPARED), 'prepared transactions');
  return [...here, ...(await readWorkerTransactions(run))];
}
