import { startProcess } from '../processes/remoteProcess';
import type { BenchReport, Measure } from '../report/bench';
import type { AzuriteStore, ContainerAddress } from './azuriteStore';
import type { Figures, Task } from './contestant';
import { figureTable } from './figureTable';
import { orphansAmong } from './generatedPayloads';
import { cpuPerName, race, ratio, type Results, type Runner, wallOf } from './race';
import type { Arena } from './reconcileBench';

/**
 * On Azurite, where listing is the limit: our listing and our whole report runs against the SDK's bare listing, and our report runs
 * against the old way. All work on the same container; the databases differ in how many of its payloads have a row.
 */

const SHARES = [0, 0.01, 0.5];
/** Beyond it one round is enough, and the old way shows itself once: its time does not depend on the orphans of a report. */
const LARGE = 50_000;
const WHOLE_OLD_REPORT = { deletes: false, mostPages: Number.MAX_SAFE_INTEGER, lists: 'SDK' } as const;

export async function azuritePart(arena: Arena): Promise<BenchReport> {
  const parts: BenchReport[] = [];
  for (const payloads of arena.sizes) {
    arena.progress(`Azurite with ${payloads} payloads`);
    const service = await startProcess<AzuriteStore>('reconcile/azuriteStore.ts');
    try {
      parts.push(await contest(arena, payloads, await service.call('start', { payloads })));
    } finally {
      await service.stop();
    }
  }
  return {
    measures: parts.flatMap(({ measures }) => measures),
    text: parts.map(({ text }) => text).join('\n\n'),
    details: parts.map(({ details }) => details),
  };
}

const percent = (share: number): string => `${share * 100} % orphans`;

async function contest(arena: Arena, payloads: number, store: ContainerAddress): Promise<BenchReport> {
  const { ours, peer, databases, progress } = arena;
  const isLarge = payloads > LARGE;
  const listingOf = (process: Runner['process'], kind: 'SDK listing' | 'our listing'): Runner => ({
    ...{ process, task: { kind, store }, check: expectWork(payloads, 0) },
  });
  const runners: Record<string, Runner> = {
    'SDK listing': listingOf(peer, 'SDK listing'),
    'our listing': listingOf(ours, 'our listing'),
  };
  for (const share of SHARES) {
    const database = await databases.open(payloads, share);
    const check = expectWork(payloads, orphansAmong(payloads, share));
    const report = { mode: 'report', workers: 1, deletes: 'single' } as const;
    const task: Task = { kind: 'our run', store, database, ...report };
    runners[`our report, ${percent(share)}`] = { process: ours, task, check };
    if (isLarge && share !== 0.01) continue;
    const old: Task = { kind: 'old way', store, database, ...WHOLE_OLD_REPORT };
    runners[`old way, ${percent(share)}`] = { process: peer, task: old, check };
  }
  const warmUp = isLarge ? { 'our listing': listingOf(ours, 'our listing') } : runners;
  await race(1, warmUp, (text) => progress(`warm-up: ${text}`));
  const results = await race(isLarge ? 1 : arena.rounds, runners, (text) => progress(`${payloads}: ${text}`));
  return {
    measures: measuresOf(payloads, results),
    text: figureTable(`Azurite, ${payloads} payloads`, results),
    details: { part: 'Azurite', payloads, results },
  };
}

function expectWork(names: number, orphans: number) {
  return (figures: Figures): void => {
    if (figures.names !== names || figures.orphans !== orphans)
      throw new Error(`${figures.names} names and ${figures.orphans} orphans, instead of ${names} and ${orphans}`);
  };
}

function measuresOf(payloads: number, results: Results<string>): readonly Measure[] {
  const { 'SDK listing': sdk = [], 'our listing': listing = [] } = results;
  const name = `reconcile: ${payloads} payloads on Azurite`;
  const against = (what: string, ours: readonly Figures[]): readonly Measure[] => [
    {
      name: `${name}: ${what}, wall time, of the SDK's bare listing`,
      value: ratio(ours, sdk, wallOf),
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
  return [
    ...against('listing', listing),
    ...SHARES.flatMap((share) => {
      const report = results[`our report, ${percent(share)}`] ?? [];
      const old = results[`old way, ${percent(share)}`];
      const versusOld: readonly Measure[] =
        old === undefined
          ? []
          : [
              {
                name: `${name}: report with ${percent(share)}, wall time, of the old way's`,
                value: ratio(report, old, wallOf),
                better: 'lower',
                target: 0.5,
              },
            ];
      return [...against(`report with ${percent(share)}`, report), ...versusOld];
    }),
  ];
}
