import { type BenchReport, joinReports } from '../report/bench';
import { emulatorContest } from './emulatorContest';
import type { Arena } from './reconcileBench';

/** Azurite with its metadata in MariaDB, which lists at the same rate whatever it holds: this is where a million payloads can be. */

/** Of the shares of the other parts the one that costs a report most: what it reaches, they reach. Each takes minutes. */
const SHARE = 0.5;
/** Of 1000 names. The old way gets on at the same rate from page to page. */
const OLD_PAGES = 50;

export async function mariaDbPart(arena: Arena): Promise<BenchReport> {
  const parts: BenchReport[] = [];
  for (const payloads of arena.sizes)
    parts.push(
      await emulatorContest(arena, {
        ...{ on: 'Azurite with MariaDB', keptIn: 'MariaDB', payloads, shares: [SHARE], rounds: 1, isLong: true },
        oldWay: { shares: [SHARE], mostPages: OLD_PAGES },
        warmsUp: (name) => name.startsWith('old way'),
      }),
    );
  return joinReports(parts);
}
