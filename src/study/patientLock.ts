import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TableClient } from '@azure/data-tables';
import { outOfStep } from '../concurrency/cohort';
import { lockRows, purgeLocks } from './lockRows';

/** A short lease under which a new Patient is created (design 1, rule 4). */
export interface PatientLease {
  /** Milliseconds until somebody else could take the lease, counted from before it was asked for. */
  remainingMs(): number;
}

/** Lets one worker at a time create the Patient of an identifier. */
export interface PatientLock {
  /** Whether others are kept out at all; if so, somebody may have created the Patient while this worker waited. */
  readonly excludes: boolean;
  /**
   * Runs the work under the lease of this identifier. Neither the identifier nor its whole digest reaches storage.
   * @throws PatientLockBusy when others held the lease all the time
   */
  hold<T>(identifier: string, work: (lease: PatientLease) => Promise<T>, signal: AbortSignal): Promise<T>;
}

/** Others held the lease for as long as this worker was willing to wait: try again later. */
export class PatientLockBusy extends Error {
  readonly code = 'PatientLockBusy';
  constructor(waitedMs: number) {
    super(`The lock for creating this Patient was taken for ${waitedMs} ms`);
    this.name = 'PatientLockBusy';
  }
}

const LEASE_MS = 60_000;

/** Between the clocks of the machines that the table service consists of. */
const SERVICE_SKEW_MS = 5000;

/** A `Date` header tells no fraction of a second. */
const DATE_RESOLUTION_MS = 1000;

export interface PatientLockOptions {
  /** Longer than a lease, so that the lease of a worker that died can run out meanwhile. */
  readonly waitMs?: number;
  readonly pollMs?: number;
  readonly now?: () => number;
}

/** What a holder needs to give the lock back. */
interface Held extends PatientLease {
  readonly etag: string;
}

/**
 * The lock on rows of a table. It is a lease: whoever wants it takes it over when it is older than a minute by the clock of the table
 * service, which alone judges its age; the holder counts his minute from before he asked.
 */
export function patientLock(table: TableClient, options: PatientLockOptions = {}): PatientLock {
  const { waitMs = 90_000, pollMs = 100, now = () => performance.now() } = options;
  const rows = lockRows(table);

  const held = (etag: string, sinceMs: number): Held => ({ etag, remainingMs: () => LEASE_MS - (now() - sinceMs) });

  async function acquire(key: string, signal: AbortSignal): Promise<Held> {
    // One for each time that it is wanted: passes of one process exclude each other too.
    const holder = randomUUID();
    const started = now();
    for (let delayMs = pollMs; ;) {
      const asked = now();
      const etag = await rows.insert(key, holder, signal);
      if (etag !== undefined) return held(etag, asked);
      for (;;) {
        const lock = await lookAt(key, holder, signal);
        if (lock === 'free') break;
        if (lock !== 'taken') return lock;
        if (now() - started > waitMs) throw new PatientLockBusy(waitMs);
        await outOfStep(() => sleep(delayMs * (0.5 + Math.random() / 2), undefined, { signal }));
        delayMs = Math.min(delayMs * 1.5, 2000);
      }
    }
  }

  async function lookAt(key: string, holder: string, signal: AbortSignal): Promise<Held | 'free' | 'taken'> {
    const asked = now();
    const row = await rows.read(key, signal);
    if (row === undefined) return 'free';
    // The answer to a request of ours got lost, and the client has sent it again.
    if (row.holder === holder) return held(row.etag, asked - row.ageMs - DATE_RESOLUTION_MS);
    if (!(row.ageMs > LEASE_MS + SERVICE_SKEW_MS)) return 'taken';
    const takenOver = now();
    const etag = await rows.takeOver(key, holder, row.etag, signal);
    return etag === undefined ? 'taken' : held(etag, takenOver);
  }

  return {
    excludes: true,
    async hold(identifier, work, signal) {
      const key = lockKey(identifier);
      const lease = await acquire(key, signal);
      try {
        return await work(lease);
      } finally {
        // A lock that cannot be given back runs out by itself.
        await rows.remove(key, lease.etag).catch(() => undefined);
      }
    },
  };
}

/**
 * A digest as a whole would name the patient to whoever tries all numbers: identifiers are short. Of 65,536 keys each stands for many
 * patients; two that meet in one wait for each other, which is rare and short.
 */
export function lockKey(identifier: string): string {
  return createHash('sha256').update(identifier).digest('hex').slice(0, 4);
}

/** Long after a lease has run out: nobody has wanted this Patient since its holder died. */
const FORGOTTEN_MS = 3_600_000;

/** Deletes the locks that dead holders left behind and nobody took over. @returns how many */
export function purgePatientLocks(table: TableClient, now: Date, signal: AbortSignal): Promise<number> {
  return purgeLocks(table, FORGOTTEN_MS, now, signal);
}

/** No lock at all: for FHIR servers whose conditional create is atomic (PATIENT_LOCK=off). */
export const noPatientLock: PatientLock = {
  excludes: false,
  hold: (_identifier, work) => work({ remainingMs: () => Number.POSITIVE_INFINITY }),
};
