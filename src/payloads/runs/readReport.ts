import { RUN_PAGES, runPage, type Finding, type PageAddress, type ReportStore } from './reportStore';
import { writerOf, type Run, type Shard } from './run';
import type { ReconcileServices } from './services';

/** A page of a report, by the shard that it was found in. */
export interface ReportPosition {
  readonly shard: string;
  readonly page: number;
}

export interface ReportPage {
  readonly position: ReportPosition;
  readonly findings: readonly Finding[];
}

/**
 * The findings of a run as they are now, page by page: with outcomes where the sweep has been.
 * @param from the page to begin with
 */
export async function* readReport(
  { runs, reports }: Pick<ReconcileServices, 'runs' | 'reports'>,
  run: Run,
  signal: AbortSignal,
  from: ReportPosition = { shard: '', page: 0 },
): AsyncGenerator<ReportPage> {
  for (const { value: shard } of await runs.readShards(run.id, signal)) {
    if (shard.id < from.shard) continue;
    for (let page = shard.id === from.shard ? from.page : 0; page < shard.pages; page += 1) {
      const findings = await findingsOf(reports, run.id, shard, page, signal);
      if (findings.length > 0) yield { position: { shard: shard.id, page }, findings };
    }
  }
  for (const about of RUN_PAGES.filter((name) => name >= from.shard)) {
    const findings = await reports.read(runPage(run.id, about), signal);
    if (findings.length > 0) yield { position: { shard: about, page: 0 }, findings };
  }
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
  const isSwept = page <= sweep.page;
  const swept = isSwept ? await read(writerOf(sweep.writers, page), 'swept') : [];
  return swept.length > 0 ? swept : read(writerOf(writers, page), 'found');
}
