import { type BenchReport, joinReports } from '../report/bench';
import { emulatorContest } from './emulatorContest';
import type { Arena } from './reconcileBench';

/** Azurite with its metadata in its memory, as it comes. */

const SHARES = [0, 0.01, 0.5];
/** The old way shows itself once: its time does not depend on the orphans of a report, and it gets on at the same rate from page to page. */
const OLD_WAY = { shares: [0.01], mostPages: 20 };
/** Beyond it one round is enough, and the warm-up of the smaller container. */
const LARGE = 50_000;
const OUR_LISTING = (name: string): boolean => name === 'our listing';

export async function azuritePart(arena: Arena): Promise<BenchReport> {
  const parts: BenchReport[] = [];
  for (const payloads of arena.sizes) {
    const isLarge = payloads > LARGE;
    parts.push(
      await emulatorContest(arena, {
        ...{ on: 'Azurite', keptIn: 'memory', payloads, shares: SHARES },
        ...{ oldWay: OLD_WAY, rounds: isLarge ? 1 : arena.rounds },
        warmsUp: isLarge ? OUR_LISTING : () => true,
      }),
    );
  }
  return joinReports(parts);
}
