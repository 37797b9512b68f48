import { AUDIT_SHARD } from './auditRun';
import type { Finding, PageAddress, ReportStore } from './reportStore';
import { writerOf, type Run, type Shard } from './run';
import type { ReconcileServices } from './services';

/** The findings of a run as they are now, page by page: with outcomes where the sweep has been. */
export async function* readReport(
  { runs, reports }: Pick<ReconcileServices, 'runs' | 'reports'>,
  run: Run,
  signal: AbortSignal,
): AsyncGenerator<readonly Finding[]> {
  for (const { value: shard } of await runs.readShards(run.id, signal))
    for (let page = 0; page < shard.pages; page += 1) {
      const findings = await findingsOf(reports, run.id, shard, page, signal);
      if (findings.length > 0) yield findings;
    }
  const audit = { runId: run.id, shardId: AUDIT_SHARD, page: 0, writer: AUDIT_SHARD, kind: 'found' } as const;
  if (run.audit !== undefined) yield await reports.read(audit, signal);
}

async function findingsOf(
  reports: ReportStore,
  runId: string,
  shard: Shard,
  page: number,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const { sweep, writers } = shard;
  const read = (writer: string | undefined, kind: PageAddress['kind']): Promise<readonly Finding[]> | [] =>
    writer === undefined ? [] : reports.read({ runId, shardId: shard.id, page, writer, kind }, signal);
  const isSwept = page < sweep.page || (page === sweep.page && sweep.offset > 0);
  const swept = isSwept ? await read(writerOf(sweep.writers, page), 'swept') : [];
  return swept.length > 0 ? swept : read(writerOf(writers, page), 'found');
}
