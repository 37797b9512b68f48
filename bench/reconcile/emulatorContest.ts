import { FLAT_MEMORY } from '../processes/heapSamples';
import { startProcess } from '../processes/remoteProcess';
import { type BenchReport, type Measure, median } from '../report/bench';
import type { AzuriteStore, ContainerAddress, ContainerWanted } from './azuriteStore';
import type { Figures, Task } from './contestant';
import { figureTable } from './figureTable';
import { orphansAmong, orphansAmongFirst } from './generatedPayloads';
import { OLD_PAGE_SIZE } from './javaToolsWay';
import { cpuPerName, race, ratio, type Results, type Runner, wallPerName } from './race';
import type { Arena } from './reconcileBench';

/**
 * On Azurite, where listing is the limit: our listing and our whole report runs against the SDK's bare listing, and our report runs
 * against the old way. All work on the same container; the databases differ in how many of its payloads have a row.
 */
export interface EmulatorContest extends ContainerWanted {
  /** what the figures call the service */
  readonly on: string;
  /** of the payloads, that are orphans */
  readonly shares: readonly number[];
  /** those of them that the old way works at, and how many of its pages it does: all of them where there is no number */
  readonly oldWay: { readonly shares: readonly number[]; readonly mostPages?: number };
  readonly rounds: number;
  /** whether a report takes long enough to say whether its memory is flat */
  readonly isLong?: boolean;
  /** whether a contestant also runs once without counting */
  readonly warmsUp: (name: string) => boolean;
}

const percent = (share: number): string => `${share * 100} % orphans`;

export async function emulatorContest(arena: Arena, contest: EmulatorContest): Promise<BenchReport> {
  const { on, payloads, keptIn, rounds, warmsUp } = contest;
  const title = `${on}, ${payloads} payloads`;
  arena.progress(title);
  const service = await startProcess<AzuriteStore>('reconcile/azuriteStore.ts');
  try {
    const runners = await runnersOf(arena, contest, await service.call('start', { payloads, keptIn }));
    const warmed = Object.fromEntries(Object.entries(runners).filter(([name]) => warmsUp(name)));
    await race(1, warmed, (text) => arena.progress(`${title}: warm-up: ${text}`));
    const results = await race(rounds, runners, (text) => arena.progress(`${title}: ${text}`));
    return {
      measures: measuresOf(contest, results),
      text: figureTable(title, results),
      details: { part: on, payloads, results },
    };
  } finally {
    await service.stop();
  }
}

async function runnersOf(
  { ours, peer, databases, progress }: Arena,
  { payloads, shares, oldWay }: EmulatorContest,
  store: ContainerAddress,
): Promise<Readonly<Record<string, Runner>>> {
  const listingOf = (process: Runner['process'], kind: 'SDK listing' | 'our listing'): Runner => ({
    ...{ process, task: { kind, store }, check: expectWork(payloads, 0) },
  });
  const runners: Record<string, Runner> = {
    'SDK listing': listingOf(peer, 'SDK listing'),
    'our listing': listingOf(ours, 'our listing'),
  };
  for (const share of shares) {
    progress(`a database for ${percent(share)} of ${payloads}`);
    const database = await databases.open(payloads, share);
    const report = { mode: 'report', workers: 1, deletes: 'single' } as const;
    const task: Task = { kind: 'our run', store, database, ...report };
    const check = expectWork(payloads, orphansAmong(payloads, share));
    runners[`our report, ${percent(share)}`] = { process: ours, task, check };
    if (!oldWay.shares.includes(share)) continue;
    const { mostPages = Number.MAX_SAFE_INTEGER } = oldWay;
    const old: Task = { kind: 'old way', store, database, deletes: false, mostPages, lists: 'SDK' };
    const names = Math.min(payloads, mostPages * OLD_PAGE_SIZE);
    const checkOld = expectWork(names, orphansAmongFirst(names, payloads, share));
    runners[`old way, ${percent(share)}`] = { process: peer, task: old, check: checkOld };
  }
  return runners;
}

function expectWork(names: number, orphans: number) {
  return (figures: Figures): void => {
    if (figures.names !== names || figures.orphans !== orphans)
      throw new Error(`${figures.names} names and ${figures.orphans} orphans, instead of ${names} and ${orphans}`);
  };
}

function measuresOf({ on, payloads, shares, isLong }: EmulatorContest, results: Results<string>): readonly Measure[] {
  const { 'SDK listing': sdk = [], 'our listing': listing = [] } = results;
  const name = `reconcile: ${payloads} payloads on ${on}`;
  const against = (what: string, ours: readonly Figures[]): readonly Measure[] => [
    {
      name: `${name}: ${what}, wall time, of the SDK's bare listing`,
      value: ratio(ours, sdk, wallPerName),
      better: 'lower',
      target: 1,
    },
    {
      name: `${name}: ${what}, CPU per name, of the SDK's bare listing`,
      value: ratio(ours, sdk, cpuPerName),
      better: 'lower',
      target: 0.33,
    },
  ];
  const growth = (share: number, report: readonly Figures[]): Measure => ({
    name: `${name}: report with ${percent(share)}, memory in the last quarter, of that in the second`,
    value: median(report.map(({ memoryGrowth }) => memoryGrowth)),
    better: 'lower',
    target: FLAT_MEMORY,
  });
  return [
    ...against('listing', listing),
    ...shares.flatMap((share) => {
      const report = results[`our report, ${percent(share)}`] ?? [];
      const old = results[`old way, ${percent(share)}`];
      const versusOld: readonly Measure[] =
        old === undefined
          ? []
          : [
              {
                name: `${name}: report with ${percent(share)}, wall time, of the old way's`,
                value: ratio(report, old, wallPerName),
                better: 'lower',
                target: 0.5,
              },
            ];
      const overTime = isLong ? [growth(share, report)] : [];
      return [...against(`report with ${percent(share)}`, report), ...versusOld, ...overTime];
    }),
  ];
}
