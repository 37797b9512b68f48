import { writeToken } from './continuationToken';
import { tokenTarget } from './cutShards';
import { hasEnded, type Run, type Shard } from './run';
import { lowWater } from './shardRanges';
import { needsSweep } from './sweepShard';
import { NO_TOTALS, addTotals, orphansIn, type Counts } from './totals';

/** A run as a person sees it. */
export interface RunView {
  readonly runId: string;
  readonly state: Run['state'];
  readonly tenantId: string;
  readonly dsId: string;
  readonly container: string;
  readonly mode: Run['request']['mode'];
  readonly dryRun: boolean;
  readonly startedAt: string;
  readonly endedAt?: string | undefined;
  readonly cutoff?: string | undefined;
  readonly totals: Counts & { readonly orphans: number };
  readonly totalsByType: Readonly<Record<string, Counts>>;
  readonly namesPerSecond?: number | undefined;
  readonly shards: { readonly all: number; readonly scanned: number; readonly swept: number };
  readonly guards: Run['guards'];
  readonly warnings: readonly string[];
  readonly unprovenTypes: readonly string[];
  readonly problem?: Run['problem'];
  readonly audit?: Run['audit'];
  readonly wronglyDeleted?: number | undefined;
  /** there as long as a later run has something to go on with */
  readonly continuationToken?: string | undefined;
}

/** Totals are the sum over the shards as they are now. */
export function viewRun(run: Run, shards: readonly Shard[], now: Date): RunView {
  const { request, plan } = run;
  const totals = shards.map((shard) => shard.totals).reduce(addTotals, NO_TOTALS);
  return {
    runId: run.id,
    state: run.state,
    tenantId: request.tenantId,
    dsId: request.dsId,
    container: run.container,
    mode: request.mode,
    dryRun: request.mode === 'report',
    startedAt: run.startedAt,
    endedAt: run.endedAt,
    cutoff: plan?.cutoff,
    totals: { ...totals.all, orphans: orphansIn(totals.all) },
    totalsByType: totals.byType,
    namesPerSecond: rateOf(run, totals.all.listed ?? 0, now),
    shards: {
      all: shards.length,
      scanned: shards.filter(({ scanned }) => scanned).length,
      swept: shards.filter(({ sweep }) => sweep.done).length,
    },
    guards: run.guards,
    warnings: run.warnings,
    unprovenTypes: run.unprovenTypes,
    problem: run.problem,
    audit: run.audit,
    wronglyDeleted: run.wronglyDeleted,
    // Of a run that deletes what was judged may not be dealt with yet, so only its end says where another goes on.
    continuationToken: request.mode === 'report' || hasEnded(run.state) ? tokenOf(run, shards) : undefined,
  };
}

function rateOf({ plan, scanEndedAt }: Run, listed: number, now: Date): number | undefined {
  if (plan === undefined) return undefined;
  const endMs = scanEndedAt === undefined ? now.getTime() : Date.parse(scanEndedAt);
  const seconds = Math.max(endMs - Date.parse(plan.scanStartedAt), 1) / 1000;
  return Math.round(listed / seconds);
}

function isLeft(run: Run, shard: Shard): boolean {
  return run.request.mode !== 'report' && needsSweep(run, shard) && !shard.sweep.done;
}

/** @returns where a later run goes on; undefined when everything was scanned, or nothing yet */
export function tokenOf(run: Run, shards: readonly Shard[]): string | undefined {
  if (run.plan === undefined) return run.request.continuationToken;
  const reached = lowWater(shards);
  // What was judged and not dealt with, because the sweep was stopped, is left to the next run too.
  if (hasEnded(run.state) && shards.some((shard) => isLeft(run, shard))) return run.request.continuationToken;
  if (reached === undefined || run.state === 'complete') return undefined;
  const marker = shards.length === 1 ? shards[0]?.cursor.marker : undefined;
  return writeToken({ ...tokenTarget(run), ...reached, marker, runId: run.id });
}
