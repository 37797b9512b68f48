import { setTimeout as delay } from 'node:timers/promises';
import { InvalidDatabaseAnswer, type Database, type Row, type RunStatement } from './database';
import { UntrustedLook } from './look';

export interface CutoffRequest {
  /** the `Date` header of an answer of the storage, read before this is called */
  readonly storageDate: Date;
  readonly graceMs: number;
  /** how long transactions that are open now may take to end */
  readonly drainMs: number;
  readonly pollMs: number;
  readonly signal: AbortSignal;
}

/** A transaction that was open at the start of the run is still open, so a payload older than the cutoff may yet get its row. */
export class OpenTransaction extends Error {
  readonly code = 'open-transaction';
  override readonly name = 'OpenTransaction';
  /** @param transactions virtual ids or, of prepared ones, their global ids */
  constructor(
    readonly state: 'running' | 'prepared',
    readonly transactions: readonly string[],
  ) {
    super(`Transactions that are ${state} do not end: ${transactions.join(', ')}`);
  }
}

/** Needs no right beyond connecting. A session that waits in a lock has no transaction id yet, but always a virtual one. */
const RUNNING = `select l.virtualtransaction as id from pg_locks l join pg_stat_activity a using (pid)
 where l.locktype = 'virtualxid' and l.mode = 'ExclusiveLock' and l.pid <> pg_backend_pid() and a.datname = current_database()`;

const PREPARED = 'select gid as id from pg_prepared_xacts where database = current_database()';

/**
 * The one rule of time. A row for a payload is inserted only by the request that made its key; a transaction that may still insert it
 * began after the storage's date, so its payload is younger than the cutoff, as long as no request takes longer than the grace from its
 * last upload to the start of its transaction. Looks that decide must begin after this returns.
 * @returns the cutoff of the run: only a blob that was last modified strictly before it can be an orphan
 * @throws OpenTransaction when a transaction outlasts the wait
 * @throws UntrustedLook on a standby, which shows no transaction of the primary
 */
export async function fixCutoff(database: Database, request: CutoffRequest): Promise<Date> {
  const cutoffMs = request.storageDate.getTime() - request.graceMs;
  if (!Number.isFinite(cutoffMs) || request.graceMs < 0)
    throw new RangeError('The cutoff needs a date and a grace of 0 or more');
  // In this order: what is running now may be prepared by the time it has ended.
  await drain(database, RUNNING, 'running', request);
  await drain(database, PREPARED, 'prepared', request);
  return new Date(cutoffMs);
}

async function drain(
  database: Database,
  statement: string,
  state: OpenTransaction['state'],
  request: CutoffRequest,
): Promise<void> {
  const deadline = performance.now() + request.drainMs;
  let open = await openOnPrimary(database, statement);
  while (open.size > 0) {
    if (performance.now() >= deadline) throw new OpenTransaction(state, [...open]);
    await delay(request.pollMs, undefined, { signal: request.signal });
    const now = await openOnPrimary(database, statement);
    open = new Set([...open].filter((id) => now.has(id)));
  }
}

function openOnPrimary(database: Database, statement: string): Promise<ReadonlySet<string>> {
  return database.readOnly(async (run) => {
    await requirePrimary(run);
    return new Set((await run(statement)).map(idOf));
  });
}

async function requirePrimary(run: RunStatement): Promise<void> {
  const [mode] = await run('select pg_is_in_recovery() as standby');
  if (mode?.standby !== false) throw new UntrustedLook('standby');
}

function idOf({ id }: Row): string {
  if (typeof id !== 'string') throw new InvalidDatabaseAnswer('An open transaction has no id');
  return id;
}
