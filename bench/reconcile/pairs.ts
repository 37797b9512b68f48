import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** What one contestant needed for one run. */
export interface Figures {
  readonly names: number;
  readonly wallMs: number;
  /** of this process */
  readonly cpuMs: number;
}

/** @returns how many names it has handled */
export type Contestant = () => Promise<number>;

export interface Pair {
  readonly ours: Figures;
  readonly peer: Figures;
}

/** Both in turn, so often, after one run each that does not count. Who begins changes with each pair. */
export async function runPairs(
  count: number,
  contestants: { readonly ours: Contestant; readonly peer: Contestant },
  onPair: (pair: Pair) => void,
): Promise<readonly Pair[]> {
  await contestants.ours();
  await contestants.peer();
  const pairs: Pair[] = [];
  for (let index = 0; index < count; index += 1) {
    const early = index % 2 === 0 ? await measure(contestants.ours) : undefined;
    const peer = await measure(contestants.peer);
    const pair = { ours: early ?? (await measure(contestants.ours)), peer };
    if (pair.ours.names !== peer.names) throw new Error(`${pair.ours.names} names against ${peer.names}`);
    pairs.push(pair);
    onPair(pair);
  }
  return pairs;
}

/** The median of a ratio over all pairs: one run that the machine disturbed does not move it. */
export function medianRatio(pairs: readonly Pair[], of: (figures: Figures) => number): number {
  const ratios = pairs.map(({ ours, peer }) => of(ours) / of(peer)).sort((one, other) => one - other);
  return ratios[Math.floor(ratios.length / 2)] ?? NaN;
}

async function measure(contestant: Contestant): Promise<Figures> {
  collectGarbage();
  const cpu = process.cpuUsage();
  const started = performance.now();
  const names = await contestant();
  const wallMs = performance.now() - started;
  const { user, system } = process.cpuUsage(cpu);
  return { names, wallMs, cpuMs: (user + system) / 1000 };
}

setFlagsFromString('--expose-gc');
/** So that nobody pays for what the other left behind. */
const collectGarbage = runInNewContext('gc') as () => void;
