import type { RemoteProcess } from '../processes/remoteProcess';
import { median } from '../report/bench';
import type { Contestant, Figures, Task } from './contestant';

/** Who takes part, each with its process. Processes are shared by those that are no rivals. */
export interface Runner {
  readonly process: RemoteProcess<Contestant>;
  readonly task: Task;
  readonly before?: () => Promise<void>;
  /** @throws Error when it did not do its work */
  readonly check: (figures: Figures) => void;
}

export type Results<Name extends string> = Readonly<Record<Name, readonly Figures[]>>;

/** Every round has one run of each, and every other round the other way round: what disturbs the machine meets them all. */
export async function race<Name extends string>(
  rounds: number,
  runners: Readonly<Record<Name, Runner>>,
  progress: (text: string) => void,
): Promise<Results<Name>> {
  const names = Object.keys(runners) as Name[];
  const results = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, Figures[]>;
  for (let round = 0; round < rounds; round += 1)
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      const { process, task, before, check } = runners[name];
      progress(`${name}, round ${round + 1} of ${rounds}`);
      await before?.();
      const figures = await process.call('work', task);
      check(figures);
      results[name].push(figures);
    }
  return results;
}

/** The median over the rounds of what one contestant has for each that another one has. */
export function ratio(ours: readonly Figures[], theirs: readonly Figures[], of: (figures: Figures) => number): number {
  return median(ours.map((figures, round) => of(figures) / of(theirs[round] ?? figures)));
}

/** Of the same names it is the ratio of times; of a sample it is that of rates. */
export const wallPerName = ({ wallMs, names }: Figures): number => wallMs / names;
export const cpuPerName = ({ cpuMs, names }: Figures): number => cpuMs / names;
export const rateOf = ({ names, wallMs }: Figures): number => (names * 1000) / wallMs;
