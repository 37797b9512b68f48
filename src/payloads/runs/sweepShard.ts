import { readBlobName } from '../blobName';
import { claimFrom } from './claims';
import type { Finding, PageAddress } from './reportStore';
import { reserve } from './reservation';
import { type Run, type Shard, type SweepCursor, withWriter, writerOf } from './run';
import type { Versioned } from './runStore';
import { settleBatch, sweepBatch, type Candidate, type CandidateOutcome } from './sweepBatch';
import type { SweepWork } from './sweepWork';
import { addTotals, createTally, orphansIn } from './totals';

/** `stopped`: the run is cancelled, or a guard ended it. `lost`: the shard or the run went on without this slice. */
export type SweepEnd = 'swept' | 'stopped' | 'handed-over' | 'lost';

/** @returns whether the scan left something for the sweep of this run in the shard */
export function needsSweep({ request }: Run, { totals }: Pick<Shard, 'totals'>): boolean {
  return orphansIn(totals.all) > 0 || (request.includeTombstones && (totals.all.tombstone ?? 0) > 0);
}

/**
 * Deals with the candidates of a shard, page by page and batch by batch. Before a batch the row says that it is begun, and after it
 * what came of it; so after a crash what is gone of a batch that was begun was deleted by this run, and the totals are those of a run without one.
 */
export async function sweepShard(work: SweepWork, claimed: Versioned<Shard>): Promise<SweepEnd> {
  const { services } = work;
  const startedMs = services.monotonicMs();
  let shard: Versioned<Shard> | undefined = claimed;
  while (shard.value.sweep.page < shard.value.pages) {
    const page = await openPage(work, shard.value);
    for (;;) {
      const { sweep }: Shard = shard.value;
      const batch = page.candidates.slice(sweep.offset, sweep.offset + services.limits.sweepBatch);
      if (batch.length === 0) break;
      if (services.monotonicMs() - startedMs > services.limits.sliceMs)
        return (await save(work, shard, { claim: undefined })) === undefined ? 'lost' : 'handed-over';
      const go = await reserve(work, shard.value.id, sweep.dealt + batch.length);
      if (go === 'lost') return 'lost';
      if (go === 'stop') return stopped(work, shard, page, batch);
      shard = await save(work, shard, { sweep: { ...sweep, begun: true } });
      if (shard === undefined) return 'lost';
      const outcomes = await sweepBatch(work, batch, sweep.begun);
      const { offset, dealt } = sweep;
      const past = { offset: offset + batch.length, dealt: dealt + batch.length };
      shard = await recordBatch(work, shard, page, batch, outcomes, past);
      if (shard === undefined) return 'lost';
    }
    const swept: SweepCursor = { ...shard.value.sweep, page: shard.value.sweep.page + 1, offset: 0 };
    shard = await save(work, shard, { sweep: swept });
    if (shard === undefined) return 'lost';
  }
  const done = await save(work, shard, { sweep: { ...shard.value.sweep, done: true }, claim: undefined });
  return done === undefined ? 'lost' : 'swept';
}

/** Ends the sweep where it is; what a slice that died had begun is counted first. */
async function stopped(
  work: SweepWork,
  shard: Versioned<Shard>,
  page: OpenPage,
  batch: readonly Candidate[],
): Promise<'stopped' | 'lost'> {
  const settled: Versioned<Shard> | undefined = shard.value.sweep.begun
    ? await recordBatch(work, shard, page, batch, await settleBatch(work, batch), {})
    : shard;
  const released = settled && (await save(work, settled, { claim: undefined }));
  return released === undefined ? 'lost' : 'stopped';
}

interface OpenPage {
  readonly findings: readonly Finding[];
  readonly candidates: readonly Candidate[];
  /** what is known of the page's candidates so far, by name */
  readonly outcomes: Map<string, Pick<Finding, 'outcome' | 'code'>>;
}

async function openPage(work: SweepWork, shard: Shard): Promise<OpenPage> {
  const { sweep } = shard;
  const found = await readPage(work, shard, sweep.page, 'found');
  const before = sweep.offset === 0 ? [] : await readPage(work, shard, sweep.page, 'swept');
  return {
    findings: found,
    candidates: found.flatMap((finding) => candidateOf(work, finding)),
    outcomes: new Map(before.map(({ name, outcome, code }) => [name, { outcome, code }])),
  };
}

async function readPage(
  { services, run, signal }: SweepWork,
  { id, writers, sweep }: Shard,
  page: number,
  kind: PageAddress['kind'],
): Promise<readonly Finding[]> {
  const writer = writerOf(kind === 'found' ? writers : sweep.writers, page);
  return writer === undefined ? [] : services.reports.read({ runId: run.id, shardId: id, page, writer, kind }, signal);
}

/** The rule of time once more: whatever a page says, only a blob older than the cutoff is a candidate. */
function candidateOf({ types, run, plan }: SweepWork, finding: Finding): readonly Candidate[] {
  const { name, verdict, etag, lastModified } = finding;
  const isWanted = verdict === 'orphan' || (verdict === 'tombstone' && run.request.includeTombstones);
  const reading = readBlobName(name);
  if (!isWanted || reading.kind !== 'payload' || etag === undefined || lastModified === undefined) return [];
  const type = types.get(reading.payload.typeId);
  if (type === undefined || !(Date.parse(lastModified) < Date.parse(plan.cutoff))) return [];
  return [
    { name, etag, lastModified: new Date(lastModified), type, payload: reading.payload, reason: finding.reason ?? '' },
  ];
}

async function recordBatch(
  work: SweepWork,
  shard: Versioned<Shard>,
  page: OpenPage,
  batch: readonly Candidate[],
  outcomes: readonly (CandidateOutcome | undefined)[],
  change: Partial<SweepCursor>,
): Promise<Versioned<Shard> | undefined> {
  const { services, run, owner, signal } = work;
  const tally = createTally();
  batch.forEach(({ name, type }, place) => {
    const outcome = outcomes[place];
    if (outcome === undefined) return;
    page.outcomes.set(name, outcome);
    tally.count(outcome.outcome, type.name);
  });
  const { id, sweep, totals } = shard.value;
  const address: PageAddress = { runId: run.id, shardId: id, page: sweep.page, writer: owner, kind: 'swept' };
  await services.reports.write(
    address,
    page.findings.map((finding) => ({ ...finding, ...page.outcomes.get(finding.name) })),
    signal,
  );
  services.reporter.batchSwept?.(run, tally.totals().all);
  return save(work, shard, {
    totals: addTotals(totals, tally.totals()),
    sweep: {
      ...sweep,
      ...change,
      begun: false,
      writers: withWriter(sweep.writers, sweep.page, owner),
    },
  });
}

function save(
  { services, run, owner }: SweepWork,
  shard: Versioned<Shard>,
  change: Partial<Shard>,
): Promise<Versioned<Shard> | undefined> {
  return services.runs.replaceShard(run.id, shard, { ...shard.value, claim: claimFrom(services, owner), ...change });
}
