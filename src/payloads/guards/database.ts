import { createHash } from 'node:crypto';
import { isSameDatabase, type DatabaseIdentity, type DatabaseState } from '../database/databaseIdentity';
import type { GuardFinding } from './guards';

/**
 * @param last the identity at the last run on the same container; undefined at the first one
 * @returns each reason for which a run with this cutoff must not delete
 */
export function guardDatabase(
  state: DatabaseState,
  last: DatabaseIdentity | undefined,
  cutoff: Date,
  graceMs: number,
): readonly GuardFinding[] {
  return [
    ...guardState(state),
    ...guardIdentity(state.identity, last),
    ...guardFreshness(state.newest, cutoff, graceMs),
  ];
}

/** @returns a short text that stands for one identity, to be given as an override */
export function identityDigest({ cluster, timeline, database, relation }: DatabaseIdentity): string {
  const parts = [cluster, timeline, database, relation].map((part) => part ?? null);
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16);
}

function guardState({ isStandby, subscribedTables, collationChanged }: DatabaseState): readonly GuardFinding[] {
  const findings: GuardFinding[] = [];
  if (isStandby)
    findings.push({
      guard: 'standby',
      problem: 'The database is a standby, which may lack rows of its primary. Connect to the primary.',
    });
  if (subscribedTables > 0)
    findings.push({
      guard: 'logical-subscriber',
      problem:
        'A logical subscription fills tables of this schema, so rows may not have arrived yet. Connect to the publisher, or drop the subscription once it is no longer needed.',
    });
  if (collationChanged)
    findings.push({
      guard: 'collation-changed',
      problem:
        'The collation of the database has another version than when its indexes were built, so they may miss rows. Run REINDEX DATABASE and then ALTER DATABASE ... REFRESH COLLATION VERSION.',
    });
  return findings;
}

function guardIdentity(now: DatabaseIdentity, last: DatabaseIdentity | undefined): readonly GuardFinding[] {
  if (last === undefined || isSameDatabase(now, last)) return [];
  const value = identityDigest(now);
  return [
    {
      guard: 'database-restored',
      problem: `This is another database than at the last run on this container, or it was restored or failed over since, and may lack rows that it had. Make sure that it is the one that the FHIR server writes to and that no change was lost; then give the digest of its identity, ${value}.`,
      override: { name: 'database-restored', value },
    },
  ];
}

function guardFreshness(newest: Date | undefined, cutoff: Date, graceMs: number): readonly GuardFinding[] {
  if (newest === undefined)
    return [
      {
        guard: 'stale-database',
        problem:
          'The schema holds no resource at all, so it says nothing of any blob. Check the names of the database and of the schema.',
      },
    ];
  if (cutoff.getTime() <= newest.getTime() - graceMs) return [];
  const value = newest.toISOString();
  return [
    {
      guard: 'stale-database',
      problem: `The newest change in the database is of ${value}, which is not as new as the blobs to be judged, less the grace: it may be an old copy. If the FHIR server was only quiet, write any resource and run again after the grace, or give the time of the newest change, ${value}.`,
      override: { name: 'stale-database', value },
    },
  ];
}
