import type { BenchReport } from '../report/bench';
import type { Task } from './contestant';
import { figureTable } from './figureTable';
import { orphansAmong } from './generatedPayloads';
import { race, rateOf, ratio } from './race';
import type { Arena } from './reconcileBench';

/** The lookup alone, in pages as the two ways have them: 5000 and 1000 names. */

const SHARE = 0.01;
/** Garbage that the engine keeps for a while is no growth. */
const FLAT = 1.1;

export async function lookupPart({ databases, ours, peer, rounds, sizes, progress }: Arena): Promise<BenchReport> {
  const payloads = Math.max(...sizes);
  const database = await databases.open(payloads, SHARE);
  const orphans = orphansAmong(payloads, SHARE);
  const check = (figures: { readonly orphans: number }): void => {
    if (figures.orphans !== orphans) throw new Error(`${figures.orphans} orphans instead of ${orphans}`);
  };
  const task = (kind: 'our lookup' | 'OR lookup'): Task => ({ kind, payloads, database });
  const runners = {
    'our lookup': { process: ours, task: task('our lookup'), check },
    'lookup with OR': { process: peer, task: task('OR lookup'), check },
  };
  await race(1, runners, (text) => progress(`warm-up: ${text}`));
  const results = await race(rounds, runners, progress);
  const heap = await ours.call('heapOfLookup', { payloads, database });
  return {
    measures: [
      {
        name: `reconcile: ${payloads} lookups: keys per second, of those with OR`,
        value: ratio(results['our lookup'], results['lookup with OR'], rateOf),
        better: 'higher',
      },
      {
        name: `reconcile: ${payloads} lookups: what lives after the last page, of what lived after the second`,
        value: heap.lastMb / heap.firstMb,
        better: 'lower',
        target: FLAT,
      },
    ],
    text: figureTable(`lookup alone, ${payloads} payloads, ${SHARE * 100} % orphans`, results),
    details: { part: 'lookup', payloads, results, heap },
  };
}
