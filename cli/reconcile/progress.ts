import type { Finding, ReportStore } from '../../src/payloads/runs/reportStore';
import type { Run, Shard } from '../../src/payloads/runs/run';
import type { RunStore } from '../../src/payloads/runs/runStore';
import type { ReconcileReporter, ScannedPage } from '../../src/payloads/runs/services';
import { orphansIn } from '../../src/payloads/runs/totals';
import type { Continuation } from './continuation';
import { lineOfOutcome, linesOfFinding } from './findingLines';

export interface Progress {
  readonly runs: RunStore;
  readonly reports: ReportStore;
  readonly reporter: ReconcileReporter;
  /** Waits until everything that has happened is told. */
  told(): Promise<void>;
}

interface ProgressDependencies {
  readonly runs: RunStore;
  readonly reports: ReportStore;
  readonly continuation: Continuation;
  readonly tell: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Tells what a run does while it does it, mostly in the lines of the Java tool, which scripts may look for. */
export function tellProgress({ runs, reports, continuation, tell, signal }: ProgressDependencies): Progress {
  let telling: Promise<void> = Promise.resolve();
  const withShards = (runId: string, then: (shards: readonly Shard[]) => void): void => {
    // Asked for at once, and told in order.
    const reading = runs.readShards(runId, signal);
    telling = telling.then(async () => then((await reading).map(({ value }) => value)));
  };
  const tellTokens = (tokens: readonly string[]): void => {
    for (const token of tokens) tell(`__CONTINUATION_TOKEN__ = ${token}`);
  };
  const tellSwept = (run: Run): void => withShards(run.id, (shards) => tellTokens(continuation.swept(run, shards)));
  const told = new Set<string>();
  return {
    runs: {
      ...runs,
      replaceShard: async (runId, shard, next) => {
        const replaced = await runs.replaceShard(runId, shard, next);
        const hasGoneOn = next.sweep.page > shard.value.sweep.page || (next.sweep.done && !shard.value.sweep.done);
        const run = replaced !== undefined && hasGoneOn ? await runs.read(runId, signal) : undefined;
        if (run !== undefined) tellSwept(run.value);
        return replaced;
      },
    },
    reports: {
      ...reports,
      write: async (page, findings, during) => {
        await reports.write(page, findings, during);
        if (page.kind === 'swept') tellOutcomes(findings, told, tell);
      },
    },
    reporter: {
      pageScanned: (page) => {
        withShards(page.run.id, (shards) => {
          tellPage(page, tell);
          tellTokens(continuation.pageScanned(page.run, shards, page.shard));
        });
      },
      runEnded: tellSwept,
    },
    told: () => telling,
  };
}

function tellPage({ run, counts, findings, durationMs }: ScannedPage, tell: (line: string) => void): void {
  const { mode, includeTombstones } = run.request;
  for (const finding of findings) for (const line of linesOfFinding(finding, mode, includeTombstones)) tell(line);
  const seconds = durationMs / 1000;
  const names = counts.parsed ?? 0;
  const rate = Math.round(names / Math.max(seconds, 0.001));
  tell(`Page size: ${names}; took: ${seconds.toFixed(1)} s; orphans: ${orphansIn(counts)}; rate: ${rate} resources/s`);
}

/** The findings of a page are written again after each of its batches. */
function tellOutcomes(findings: readonly Finding[], told: Set<string>, tell: (line: string) => void): void {
  for (const finding of findings) {
    const line = lineOfOutcome(finding);
    if (line === undefined || told.has(finding.name)) continue;
    told.add(finding.name);
    tell(line);
  }
}
