import { readBlobName, type PayloadKey } from '../blobName';
import { isSameDatabase, type DatabaseIdentity } from '../database/databaseIdentity';
import type { ResourceType } from '../database/resourceTypes';
import { UntrustedLook } from '../database/untrustedLook';
import { applyOverrides, type GuardFinding } from '../guards/guards';
import { guardOtherTenant } from '../guards/otherTenant';
import { guardPair, sparedTypes, unprovenFinding, type PairVerdict } from '../guards/pair';
import { findingOf } from '../guards/refusals';
import { guardShare } from '../guards/share';
import { canariesByType, sampleCanaries } from './canaries';
import { writeMarks } from './containerMarks';
import { finishRun } from './finishRun';
import { guardDatabaseOf, haltedFinding } from './standingGuards';
import { writerOf, type Run, type RunPlan, type Shard } from './run';
import { shardSlice, toNext, type FollowUp, type RunWork } from './steps';
import { needsSweep } from './sweepShard';
import { NO_TOTALS, addTotals, orphansIn, type Counts, type Totals } from './totals';

/**
 * The guards look at everything that was scanned, before the first delete. Of a report they say what would end a run that deletes.
 * A run that passes them leaves the identity of its database on the container.
 */
export async function guardRun(work: RunWork, plan: RunPlan): Promise<readonly FollowUp[]> {
  const { services, store, signal } = work;
  const run = work.run.value;
  const shards = (await services.runs.readShards(run.id, signal)).map(({ value }) => value);
  const totals = shards.map((shard) => shard.totals).reduce(addTotals, NO_TOTALS);
  const candidates = candidatesIn(run, totals.all);
  const types = await store.database.resourceTypes();
  const atStake = typesWithCandidates(run, totals, types);
  const pair = await pairOf(work, plan, atStake);
  const spared = sparedTypes(pair.unproven, run.request.overrides.unproven);
  const state = await store.database.state();
  const findings = applyOverrides(
    [
      ...run.guards,
      ...(await haltedFinding(work)),
      ...sameDatabase(state.identity, plan.identity),
      ...(await guardDatabaseOf(work, state, new Date(plan.cutoff))),
      ...guardShare({ parsed: totals.all.parsed ?? 0, orphans: candidates }, services.limits.share),
      ...pair.findings,
      ...(await otherTenants(work, shards)),
    ],
    run.request.overrides,
  );
  const guards = unique(findings);
  const unprovenTypes = spared.map(({ name }) => name);
  const told = [...guards, ...spared.map(unprovenFinding)];
  if (run.request.mode === 'report') return finishRun(work, { guards: told, unprovenTypes });
  if (guards.length > 0) return finishRun(work, { guards: told, unprovenTypes, stoppedByGuard: true });
  // Looked at again right before it goes: another run may have set it while the guards were looking.
  const halted = applyOverrides(await haltedFinding(work), run.request.overrides);
  if (halted.length > 0) return finishRun(work, { guards: halted, unprovenTypes, stoppedByGuard: true });
  await writeMarks(store.container, { identity: plan.identity, haltedBy: undefined }, signal);
  const waiting = shards.filter((shard) => needsSweep(run, shard));
  const unwitnessed = atStake.filter(({ id }) => !canariesByType(run, shards).has(id));
  const canaries = await sampleCanaries(store, unwitnessed, plan, signal);
  const change = { guards: told, unprovenTypes, deleteBound: candidates, canaries };
  if (waiting.length === 0) return finishRun(work, change);
  return toNext(
    work,
    { ...change, state: 'sweeping' },
    waiting.map(({ id }) => shardSlice(run.id, id)),
  );
}

/** What was scanned with one database is not deleted by the word of another. */
function sameDatabase(now: DatabaseIdentity, planned: DatabaseIdentity): readonly GuardFinding[] {
  const finding = findingOf(new UntrustedLook('other-database'));
  return isSameDatabase(now, planned) || finding === undefined ? [] : [finding];
}

/** What a sweep of this run would deal with. */
function candidatesIn({ request }: Run, counts: Counts): number {
  return orphansIn(counts) + (request.includeTombstones ? (counts.tombstone ?? 0) : 0);
}

function typesWithCandidates(
  run: Run,
  { byType }: Totals,
  types: ReadonlyMap<number, ResourceType>,
): readonly ResourceType[] {
  return [...types.values()].filter(({ name }) => candidatesIn(run, byType[name] ?? {}) > 0);
}

function pairOf({ store, signal }: RunWork, plan: RunPlan, types: readonly ResourceType[]): Promise<PairVerdict> {
  const head = async (name: string): Promise<boolean> => (await store.container.properties(name, signal)) !== undefined;
  const sampleRows = store.database.sampleRows.bind(store.database);
  return guardPair({ sampleRows, head }, types, new Date(plan.cutoff));
}

async function otherTenants(work: RunWork, shards: readonly Shard[]): Promise<readonly GuardFinding[]> {
  const { store, run } = work;
  const findings: GuardFinding[] = [];
  for (const shard of shards)
    for (let page = 0; page < shard.pages; page += 1) {
      const payloads = await candidatesOfPage(work, shard, page);
      findings.push(...(await guardOtherTenant(store.database, payloads, run.value.request.overrides['other-tenant'])));
    }
  return findings;
}

async function candidatesOfPage(
  { services, run, signal }: RunWork,
  shard: Shard,
  page: number,
): Promise<readonly PayloadKey[]> {
  const writer = writerOf(shard.writers, page);
  if (writer === undefined || !needsSweep(run.value, shard)) return [];
  const address = { runId: run.value.id, shardId: shard.id, page, writer, kind: 'found' } as const;
  const wanted: readonly string[] = run.value.request.includeTombstones ? ['orphan', 'tombstone'] : ['orphan'];
  return (await services.reports.read(address, signal)).flatMap(({ name, verdict }) => {
    const reading = readBlobName(name);
    return wanted.includes(verdict) && reading.kind === 'payload' ? [reading.payload] : [];
  });
}

/** Each situation once: a guard that looked twice says it with the same override. */
function unique(findings: readonly GuardFinding[]): readonly GuardFinding[] {
  const keyOf = ({ guard, override }: GuardFinding): string => JSON.stringify([guard, override]);
  return [...new Map(findings.map((finding) => [keyOf(finding), finding])).values()];
}
