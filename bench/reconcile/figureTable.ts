import { median } from '../report/bench';
import { short, textTable } from '../report/table';
import type { Figures } from './contestant';
import type { Results } from './race';
import { rateOf } from './race';

const HEADER = ['', 'wall s', 'names/s', 'CPU µs/name', 'peak MB'];

/** A line for each contestant of a race. */
export function figureTable(title: string, results: Results<string>): string {
  const rows = Object.entries(results).map(([name, runs]) => {
    const medianOf = (of: (figures: Figures) => number): string => short(median(runs.map(of)));
    return [
      `  ${name}`,
      medianOf(({ wallMs }) => wallMs / 1000),
      medianOf(rateOf),
      medianOf(({ cpuMs, names }) => (cpuMs * 1000) / names),
      medianOf(({ peakMemoryMb }) => peakMemoryMb),
    ];
  });
  return `${title}\n${textTable(HEADER, rows)}`;
}
