import { startProcess } from '../processes/remoteProcess';
import type { BenchReport, Measure } from '../report/bench';
import type { ContainerAddress } from './azuriteStore';
import type { BlobAccount } from './blobAccount';
import type { Figures } from './contestant';
import { figureTable } from './figureTable';
import { orphansAmong } from './generatedPayloads';
import type { OurRunOptions } from './ourRun';
import { race, rateOf, ratio, type Results, type Runner } from './race';
import type { Arena } from './reconcileBench';

/**
 * On a blob endpoint with the latency of a real account, where fan-out, overlap and conditional deletes can show: our engine with as many
 * slices at once as host.json gives the queue, against the old way.
 */

const SHARES = [0, 0.01, 0.5];
const WORKERS = 8;
/** Beyond it one round is enough, and batches have shown what they do. */
const LARGE = 50_000;
/** The old way gets on at the same rate from page to page, so that a part of a delete run shows it. */
const OLD_PAGES = { report: 8, delete: 10, largeDelete: 3 };

type Mode = OurRunOptions['mode'];

export async function accountPart(arena: Arena): Promise<BenchReport> {
  const account = await startProcess<BlobAccount>('reconcile/blobAccount.ts');
  const tables: string[] = [];
  const measures: Measure[] = [];
  const details: unknown[] = [];
  try {
    for (const payloads of arena.sizes) {
      arena.progress(`an account with ${payloads} payloads`);
      const store = await account.call('start', { payloads });
      const restore = (): Promise<void> => account.call('restore', undefined);
      for (const mode of ['report', 'delete'] as const)
        for (const share of SHARES.filter((each) => mode === 'report' || each > 0)) {
          const duel = { payloads, mode, share };
          const results = await contest(arena, duel, store, restore);
          const title = `${mode} run, ${payloads} payloads, ${share * 100} % orphans`;
          tables.push(figureTable(`account with latency: ${title}`, results));
          measures.push(...measuresOf(`reconcile: account with latency: ${title}`, results));
          details.push({ part: 'account', ...duel, requests: await account.call('counts', undefined), results });
        }
    }
  } finally {
    await account.stop();
  }
  return { measures: measures, text: tables.join('\n\n'), details };
}

interface Duel {
  readonly payloads: number;
  readonly mode: Mode;
  readonly share: number;
}

async function contest(
  { databases, ours, peer, rounds, progress }: Arena,
  { payloads, mode, share }: Duel,
  store: ContainerAddress,
  restore: () => Promise<void>,
): Promise<Results<string>> {
  const database = await databases.open(payloads, share);
  const orphans = orphansAmong(payloads, share);
  const check = (figures: Figures): void => {
    const wanted = { names: payloads, orphans, deleted: mode === 'delete' ? orphans : 0 };
    const { names, orphans: found, deleted } = figures;
    if (names !== wanted.names || found !== wanted.orphans || deleted !== wanted.deleted)
      throw new Error(`${JSON.stringify({ names, found, deleted })} instead of ${JSON.stringify(wanted)}`);
  };
  const run = (deletes: OurRunOptions['deletes']): Runner => ({
    process: ours,
    task: { kind: 'our run', store, database, mode, workers: WORKERS, deletes },
    before: restore,
    check,
  });
  const isDelete = mode === 'delete';
  const mostPages = isDelete ? (share > 0.1 ? OLD_PAGES.largeDelete : OLD_PAGES.delete) : OLD_PAGES.report;
  const old = (lists: 'SDK' | 'lean'): Runner => ({
    process: peer,
    task: { kind: 'old way', store, database, deletes: isDelete, mostPages, lists },
    before: restore,
    check: ({ names, orphans: found, deleted }) => {
      if (names === 0 || (isDelete && deleted !== found)) throw new Error('The old way did not do its work');
    },
  });
  const runners: Record<string, Runner> = {
    Reconcile: run('single'),
    ...(isDelete && share > 0.1 && payloads <= LARGE && { 'Reconcile, in batches': run('batch') }),
    'old way': old('SDK'),
    ...(!isDelete && { 'old way, lists read by our reader': old('lean') }),
  };
  const title = `${mode}, ${payloads}, ${share * 100} %`;
  return race(payloads > LARGE ? 1 : rounds, runners, (text) => progress(`${title}: ${text}`));
}

function measuresOf(name: string, results: Results<string>): readonly Measure[] {
  const { Reconcile: ours = [], 'Reconcile, in batches': batches, 'old way': old = [] } = results;
  const lean = results['old way, lists read by our reader'];
  const rate = (what: string, runs: readonly Figures[], of: readonly Figures[]): Measure => ({
    name: `${name}: ${what}names per second, of the old way's`,
    value: ratio(runs, of, rateOf),
    better: 'higher',
  });
  return [
    { ...rate('', ours, old), target: 5 },
    ...(batches === undefined ? [] : [{ ...rate('in batches, ', batches, old), target: 5 }]),
    ...(lean === undefined ? [] : [rate('both with our reader of lists, ', ours, lean)]),
  ];
}
