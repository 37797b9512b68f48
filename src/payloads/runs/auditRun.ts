import { payloadBlobName } from '../blobName';
import type { AuditBucket, AuditRow } from '../database/fhirDatabase';
import type { ResourceType } from '../database/resourceTypes';
import { runPage, type Finding } from './reportStore';
import { writerOf, type AuditResult, type Run } from './run';
import type { RunWork } from './steps';

const HEADS_AT_ONCE = 16;
const EXAMPLES = 1000;

interface Sums {
  readonly count: number;
  readonly sum: bigint;
}

/**
 * The other direction: rows whose payload is not in the container. The scan has counted the rows that it found by bucket of their id;
 * the database counts all of them the same way, and only where the two differ each row is looked for.
 */
export async function auditRun(work: RunWork, run: Run): Promise<AuditResult> {
  const { services, store, signal } = work;
  if (run.plan === undefined) throw new TypeError('Only a run that was planned can be audited');
  const cutoff = new Date(run.plan.cutoff);
  const seen = await bucketsOfScan(work, run);
  const findings: Finding[] = [];
  let [missingCurrent, missingHistory, neverStored, bucketsChecked] = [0, 0, 0, 0];
  for (const type of (await store.database.resourceTypes()).values()) {
    const unequal = (await store.database.auditBuckets(type, cutoff)).filter((bucket) => !isSame(seen, type, bucket));
    bucketsChecked += unequal.length;
    for (const { bucket } of unequal)
      for (const row of await missingRows(work, await store.database.auditRows(type, bucket, cutoff))) {
        if (row.isCurrent) missingCurrent += 1;
        else missingHistory += 1;
        findings.push({
          name: payloadBlobName(row.payload),
          verdict: row.isCurrent ? 'missing-current' : 'missing-history',
        });
      }
    const never = await store.database.neverStored(type, cutoff, EXAMPLES);
    neverStored += never.count;
    findings.push(
      ...never.examples.map((example) => ({
        name: payloadBlobName({ ...example, key: '' }).replace(/\/$/, ''),
        verdict: 'never-stored',
      })),
    );
  }
  if (findings.length > 0) await services.reports.write(runPage(run.id, 'audit'), findings, signal);
  return { missingCurrent, missingHistory, neverStored, bucketsChecked };
}

const keyOf = (typeId: number, bucket: number): string => `${typeId}/${bucket}`;

async function bucketsOfScan({ services, signal }: RunWork, run: Run): Promise<ReadonlyMap<string, Sums>> {
  const sums = new Map<string, Sums>();
  for (const { value: shard } of await services.runs.readShards(run.id, signal))
    for (let page = 0; page < shard.pages; page += 1) {
      const writer = writerOf(shard.writers, page);
      if (writer === undefined) continue;
      const address = { runId: run.id, shardId: shard.id, page, writer, kind: 'found' } as const;
      for (const { typeId, buckets } of await services.reports.readBuckets(address, signal))
        for (const { bucket, count, sum } of buckets) {
          const before = sums.get(keyOf(typeId, bucket)) ?? { count: 0, sum: 0n };
          sums.set(keyOf(typeId, bucket), { count: before.count + count, sum: before.sum + sum });
        }
    }
  return sums;
}

function isSame(seen: ReadonlyMap<string, Sums>, { id }: ResourceType, { bucket, count, sum }: AuditBucket): boolean {
  const found = seen.get(keyOf(id, bucket));
  return found?.count === count && found.sum === sum;
}

async function missingRows({ store, signal }: RunWork, rows: readonly AuditRow[]): Promise<readonly AuditRow[]> {
  const missing: AuditRow[] = [];
  for (let at = 0; at < rows.length; at += HEADS_AT_ONCE) {
    const some = rows.slice(at, at + HEADS_AT_ONCE);
    const heads = await Promise.all(
      some.map(({ payload }) => store.container.properties(payloadBlobName(payload), signal)),
    );
    missing.push(...some.filter((_, place) => heads[place] === undefined));
  }
  return missing;
}
