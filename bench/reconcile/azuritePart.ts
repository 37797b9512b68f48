import { type BenchReport, joinReports } from '../report/bench';
import { emulatorContest } from './emulatorContest';
import type { Arena } from './reconcileBench';

/** Azurite with its metadata in its memory, as it comes. */

const SHARES = [0, 0.01, 0.5];
/** Beyond it one round is enough, and the old way shows itself once: its time does not depend on the orphans of a report. */
const LARGE = 50_000;
const EVERYONE = (): boolean => true;
const OUR_LISTING = (name: string): boolean => name === 'our listing';

export async function azuritePart(arena: Arena): Promise<BenchReport> {
  const parts: BenchReport[] = [];
  for (const payloads of arena.sizes) {
    const isLarge = payloads > LARGE;
    parts.push(
      await emulatorContest(arena, {
        ...{ on: 'Azurite', keptIn: 'memory', payloads, shares: SHARES },
        oldWay: { shares: isLarge ? [0.01] : SHARES },
        ...(isLarge ? { rounds: 1, warmsUp: OUR_LISTING } : { rounds: arena.rounds, warmsUp: EVERYONE }),
      }),
    );
  }
  return joinReports(parts);
}
