import { ContainerMissing } from '../container/containerMissing';
import { cutoffAfterDrain } from '../database/cutoff';
import type { DatabaseState } from '../database/databaseIdentity';
import { OpenTransaction } from '../database/openTransaction';
import type { ResourceType } from '../database/resourceTypes';
import { cutShards } from './cutShards';
import { guardDatabaseOf, haltedFinding } from './standingGuards';
import { applyOverrides, type GuardFinding } from '../guards/guards';
import { findingOf } from '../guards/refusals';
import { lookAtEarlierDeletes } from './lookAfter';
import type { Shard } from './run';
import { ended, shardSlice, toNext, type FollowUp, type RunWork } from './steps';

/**
 * The first step of a run: fixes its cutoff and cuts the names into shards. Guards that need no scan end a run that would delete here,
 * before anything is listed. The shards are written before the row that says so; a repeat finds them.
 * @throws ContainerMissing
 */
export async function planRun(work: RunWork): Promise<readonly FollowUp[]> {
  const { services, store, signal } = work;
  const run = work.run.value;
  if (!(await store.container.exists(signal))) throw new ContainerMissing(store.container.name);
  const types = await store.database.resourceTypes();
  const state = await store.database.state();
  const time = await fixTime(work, state);
  if (run.request.mode !== 'report') await lookAtEarlierDeletes(work);
  const guards = applyOverrides(
    [
      ...services.sharedContainers(store),
      ...(time.openTransaction === undefined ? [] : [time.openTransaction]),
      ...(await haltedFinding(work)),
      ...(await guardDatabaseOf(work, state, time.cutoff)),
    ],
    run.request.overrides,
  );
  const warnings = [...time.warnings, ...(await undoWarning(work))];
  if (run.request.mode !== 'report' && guards.length > 0)
    return ended(work, { state: 'stopped-by-guard', stoppedByGuard: true, guards, warnings });

  const shards = await createShards(work, types);
  const plan = {
    storageDate: time.storageDate.toISOString(),
    cutoff: time.cutoff.toISOString(),
    identity: state.identity,
    scanStartedAt: services.clock().toISOString(),
    shards: shards.length,
  };
  const slices = [...shards]
    .sort((left, right) => Number(right.isLowest) - Number(left.isLowest))
    .map(({ id }) => shardSlice(run.id, id));
  return toNext(work, { plan, guards, warnings }, slices);
}

/** A plan that was begun before is taken up: its shards hold all names, and another cut would overlap with them. */
async function createShards(work: RunWork, types: ReadonlyMap<number, ResourceType>): Promise<readonly Shard[]> {
  const { services, run, signal } = work;
  const shards = await cutShards(work, types);
  if (await services.runs.createShards(run.value.id, shards, signal)) return shards;
  return (await services.runs.readShards(run.value.id, signal)).map(({ value }) => value);
}

interface RunTime {
  readonly storageDate: Date;
  readonly cutoff: Date;
  readonly openTransaction: GuardFinding | undefined;
  readonly warnings: readonly string[];
}

/**
 * The one rule of time, in its order: the date of the storage first, then every transaction that is open now must end.
 * A database has no say on times after its newest row, so where deletes follow the cutoff is never later than that row less the grace:
 * a copy of the database from yesterday judges nothing that was stored since.
 */
async function fixTime(work: RunWork, state: DatabaseState): Promise<RunTime> {
  const { graceMs, mode } = work.run.value.request;
  const storageDate = await work.store.container.storageDate(work.signal);
  const drained = await drain(work, state);
  const newest = state.newest ?? storageDate;
  const drainedCutoff = cutoffAfterDrain(storageDate, graceMs, drained);
  const cutoff = mode === 'report' ? drainedCutoff : earlier(drainedCutoff, new Date(newest.getTime() - graceMs));
  const isStale = newest.getTime() < storageDate.getTime() - STALE_MS;
  const warnings = [
    ...(state.isStandby ? ['The database is a standby: rows that the primary has may be missing.'] : []),
    ...(isStale
      ? [
          `The newest row of the database is of ${newest.toISOString()}: to a run that deletes, blobs after it, less the grace, are young.`,
        ]
      : []),
  ];
  return { storageDate, cutoff, openTransaction: drained.openTransaction, warnings };
}

const earlier = (one: Date, other: Date): Date => (one < other ? one : other);

/** A server that is quiet for so long is worth a word. */
const STALE_MS = 3_600_000;
/** A report may be wrong of what is written just now, and says so. */
const DRAIN_OF_A_REPORT_MS = 5000;

async function drain(
  { services, store, run, signal }: RunWork,
  { identity, isStandby }: DatabaseState,
): Promise<{ readonly oldestAgeMs: number; readonly openTransaction: GuardFinding | undefined }> {
  if (isStandby) return { oldestAgeMs: 0, openTransaction: undefined };
  const { drainMs, drainPollMs: pollMs } = services.limits;
  const waitMs = run.value.request.mode === 'report' ? Math.min(drainMs, DRAIN_OF_A_REPORT_MS) : drainMs;
  try {
    const { oldestAgeMs } = await store.database.drain({ identity, drainMs: waitMs, pollMs, signal });
    return { oldestAgeMs, openTransaction: undefined };
  } catch (error) {
    if (!(error instanceof OpenTransaction)) throw error;
    return { oldestAgeMs: 0, openTransaction: findingOf(error) };
  }
}

/** Nothing would undo a mistake: that is worth a warning, not a stop. */
async function undoWarning({ store, run, signal }: RunWork): Promise<readonly string[]> {
  if (run.value.request.mode !== 'delete') return [];
  const { softDeleteDays, versioning } = await store.container.undo(signal);
  if ((softDeleteDays ?? 0) > 0 || versioning === true) return [];
  return ['Neither quarantine nor soft delete nor versioning would undo a mistaken delete.'];
}
