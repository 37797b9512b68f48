import type { ListPage } from '../container/payloadContainer';
import type { ResourceType } from '../database/resourceTypes';
import type { PayloadStore } from '../payloadStore';
import { claimFrom } from './claims';
import { judgePage, type JudgedPage } from './judgePage';
import type { PageAddress } from './reportStore';
import type { Run, RunPlan, Shard } from './run';
import type { Versioned } from './runStore';
import type { ReconcileServices } from './services';
import { nextStep, walk, type WalkedPage } from './shardRanges';
import { addTotals } from './totals';

export interface ScanWork {
  readonly services: ReconcileServices;
  readonly store: PayloadStore;
  readonly types: ReadonlyMap<number, ResourceType>;
  readonly run: Run;
  readonly plan: RunPlan;
  readonly owner: string;
  readonly signal: AbortSignal;
}

/** `lost`: the shard or the run went on without this slice. */
export type ScanEnd = 'scanned' | 'stopped' | 'handed-over' | 'lost';

/** A page after a jump over the names of other shards, where few are expected before the next jump. */
const PAGE_AFTER_JUMP = 100;
const CANARIES_OF_A_TYPE = 12;

/**
 * Walks a shard page by page. While one page is looked up, the next one is listed and the one before is saved.
 * A page counts when its row is replaced: cursor and totals move together, so a page that is done twice counts once.
 */
export async function scanShard(work: ScanWork, claimed: Versioned<Shard>): Promise<ScanEnd> {
  const { services, signal } = work;
  const ended = new AbortController();
  const both = AbortSignal.any([signal, ended.signal]);
  const startedMs = services.monotonicMs();
  let longestPageMs = 0;
  let shard = claimed.value;
  let saved: Promise<Versioned<Shard> | undefined> = Promise.resolve(claimed);
  let listing = listNext(work, shard, both);
  try {
    for (;;) {
      const pageStartedMs = services.monotonicMs();
      const stop = await mustStop(work, shard);
      if (stop === 'lost') return 'lost';
      const isOver = services.monotonicMs() - startedMs + longestPageMs > services.limits.sliceMs;
      if (stop === 'stop' || (isOver && shard !== claimed.value))
        return (await release(work, await saved)) ? (stop === 'stop' ? 'stopped' : 'handed-over') : 'lost';

      const walked = walk(shard.range, shard.cursor, await listing);
      if (!walked.scanned) listing = listNext(work, { ...shard, cursor: walked.cursor }, both);
      const judged = await judgePage(
        {
          database: work.store.database,
          types: work.types,
          cutoff: new Date(work.plan.cutoff),
          identity: work.run.request.mode === 'report' ? undefined : work.plan.identity,
          audit: work.run.request.audit,
        },
        walked.inside,
      );
      await writePage(work, shard, judged);
      const before = await saved;
      if (before === undefined) return 'lost';
      const next = afterPage(work, shard, walked, judged);
      saved = handled(services.runs.replaceShard(work.run.id, before, next));
      const durationMs = services.monotonicMs() - pageStartedMs;
      longestPageMs = Math.max(longestPageMs, durationMs);
      if (services.reporter.pageScanned !== undefined || walked.scanned) {
        if ((await saved) === undefined) return 'lost';
        services.reporter.pageScanned?.({
          run: work.run,
          shard: next,
          counts: judged.totals.all,
          findings: judged.findings,
          durationMs,
        });
      }
      if (walked.scanned) return 'scanned';
      shard = next;
    }
  } finally {
    ended.abort();
  }
}

function listNext({ store, services }: ScanWork, shard: Shard, signal: AbortSignal): Promise<ListPage> {
  const { cursor, range } = shard;
  const isAfterJump = range.kind === 'others' && cursor.from !== undefined && cursor.marker === undefined;
  const pageSize = isAfterJump ? Math.min(PAGE_AFTER_JUMP, services.limits.pageSize) : services.limits.pageSize;
  return handled(store.container.list({ ...nextStep(range, cursor), pageSize }, signal));
}

/** A failure is met where the promise is awaited, which may be never when the slice ends before. */
function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

async function mustStop({ services, run, plan, signal }: ScanWork, shard: Shard): Promise<'go-on' | 'stop' | 'lost'> {
  const now = await services.runs.read(run.id, signal);
  if (now?.value.state !== 'scanning') return 'lost';
  if (now.value.cancelRequested) return 'stop';
  return isTimeUp(run, plan, services.clock()) && !mustGetOn(shard) ? 'stop' : 'go-on';
}

/** Wall time of the whole scan, over all its shards. */
export function isTimeUp({ request }: Run, plan: RunPlan, now: Date): boolean {
  return request.maxScanMs !== undefined && now.getTime() - Date.parse(plan.scanStartedAt) >= request.maxScanMs;
}

/** However short its time, a run gets on from its lowest name: a page without names that is not the last one is no progress. */
export function mustGetOn({ isLowest, scanned, pages, totals, cursor }: Shard): boolean {
  return isLowest && !scanned && (totals.all.listed ?? 0) === 0 && (pages === 0 || cursor.marker !== undefined);
}

/** The claim ends with the slice. @returns whether the shard was still ours */
async function release({ services, run }: ScanWork, shard: Versioned<Shard> | undefined): Promise<boolean> {
  if (shard === undefined) return false;
  return (await services.runs.replaceShard(run.id, shard, { ...shard.value, claim: undefined })) !== undefined;
}

async function writePage(work: ScanWork, shard: Shard, judged: JudgedPage): Promise<void> {
  const { services, run, owner, signal } = work;
  const page: PageAddress = { runId: run.id, shardId: shard.id, page: shard.pages, writer: owner, kind: 'found' };
  if (judged.findings.length > 0) await services.reports.write(page, judged.findings, signal);
  if (judged.buckets.length > 0) await services.reports.writeBuckets(page, judged.buckets, signal);
}

function afterPage({ services, owner }: ScanWork, shard: Shard, walked: WalkedPage, judged: JudgedPage): Shard {
  return {
    ...shard,
    cursor: walked.cursor,
    scanned: walked.scanned,
    pages: shard.pages + 1,
    totals: addTotals(shard.totals, judged.totals),
    canaries: withCanaries(shard.canaries, judged.ok),
    claim: walked.scanned ? undefined : claimFrom(services, owner),
  };
}

function withCanaries(known: Shard['canaries'], found: ReadonlyMap<string, readonly string[]>): Shard['canaries'] {
  const added = [...found].flatMap(([type, names]) => {
    const before = known[type] ?? [];
    const wanted = CANARIES_OF_A_TYPE - before.length;
    if (wanted <= 0) return [];
    const step = Math.max(1, Math.floor(names.length / wanted));
    const picked = names.filter((_, place) => place % step === 0).slice(0, wanted);
    return [[type, [...before, ...picked]] as const];
  });
  return added.length === 0 ? known : { ...known, ...Object.fromEntries(added) };
}
