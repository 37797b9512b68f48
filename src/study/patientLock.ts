import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ContainerClient, RestError } from '@azure/storage-blob';

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
   * Runs the work under the lease of this identifier. The identifier is hashed: it never reaches storage.
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

/** A fixed set of lock blobs: creations of different Patients seldom meet, and the container does not grow. */
const LOCK_COUNT = 256;
const LEASE_SECONDS = 60;

export interface PatientLockOptions {
  /** Longer than a lease, so that the lease of a worker that died can run out meanwhile. */
  readonly waitMs?: number;
  readonly pollMs?: number;
  readonly now?: () => number;
}

/** The lock on blob leases (Azure Storage: a lease of 15 to 60 seconds). */
export function patientLock(container: ContainerClient, options: PatientLockOptions = {}): PatientLock {
  const { waitMs = 90_000, pollMs = 100, now = () => performance.now() } = options;

  async function acquire(name: string, signal: AbortSignal) {
    const blob = container.getBlockBlobClient(name);
    const lease = blob.getBlobLeaseClient();
    const started = now();
    for (let delayMs = pollMs; ; delayMs = Math.min(delayMs * 1.5, 2000)) {
      const asked = now();
      try {
        await lease.acquireLease(LEASE_SECONDS, { abortSignal: signal });
        return { lease, remainingMs: () => LEASE_SECONDS * 1000 - (now() - asked) };
      } catch (error) {
        if (isMissing(error)) await createLockBlob(container, name, signal);
        else if (!isTaken(error)) throw error;
        else if (now() - started > waitMs) throw new PatientLockBusy(waitMs);
        else await sleep(delayMs * (0.5 + Math.random() / 2), undefined, { signal });
      }
    }
  }

  return {
    excludes: true,
    async hold(identifier, work, signal) {
      const { lease, remainingMs } = await acquire(lockName(identifier), signal);
      try {
        return await work({ remainingMs });
      } finally {
        // A lease that cannot be given back runs out by itself.
        await lease.releaseLease().catch(() => undefined);
      }
    },
  };
}

/** No lock at all: for FHIR servers whose conditional create is atomic (PATIENT_LOCK=off). */
export const noPatientLock: PatientLock = {
  excludes: false,
  hold: (_identifier, work) => work({ remainingMs: () => Number.POSITIVE_INFINITY }),
};

function lockName(identifier: string): string {
  const number = createHash('sha256').update(identifier).digest().readUInt16BE(0) % LOCK_COUNT;
  return `patient-${String(number).padStart(3, '0')}`;
}

async function createLockBlob(container: ContainerClient, name: string, signal: AbortSignal): Promise<void> {
  await container.createIfNotExists({ abortSignal: signal });
  try {
    await container.getBlockBlobClient(name).upload('', 0, { conditions: { ifNoneMatch: '*' }, abortSignal: signal });
  } catch (error) {
    if (!isTaken(error)) throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof RestError && error.statusCode === 404;
}

/** 409: leased or already there; 412: leased, for a write without the lease. */
function isTaken(error: unknown): boolean {
  return error instanceof RestError && (error.statusCode === 409 || error.statusCode === 412);
}
