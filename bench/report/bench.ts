/** One figure of a benchmark that a later run is compared by: a ratio or a count, never a time of this machine alone. */
export interface Measure {
  readonly name: string;
  readonly value: number;
  readonly better: 'higher' | 'lower';
  /** What has to be reached. */
  readonly target?: number;
  /** It says more about the machine than about the code: it is reported, but makes no run slower than another. */
  readonly informative?: boolean;
}

export interface BenchReport {
  readonly measures: readonly Measure[];
  /** For people: a table or lines. */
  readonly text: string;
  /** Everything that was measured, for machines. */
  readonly details: unknown;
}

export interface BenchOptions {
  /** 1: the sizes that are meant; smaller for a quick look. */
  readonly scale: number;
  /** Runs of each pair; undefined: as many as the benchmark is meant to have. */
  readonly repeats: number | undefined;
  /** Only parts whose name contains this. */
  readonly only: string | undefined;
  /** Folder for CPU profiles of each measured process. */
  readonly profileInto: string | undefined;
  /** Told what is done next, and of long benchmarks what has come out so far. */
  readonly progress: (text: string) => void;
}

/** A benchmark of the list in bench/main.ts. */
export interface Bench {
  readonly name: string;
  readonly about: string;
  run(options: BenchOptions): Promise<BenchReport>;
}

/** One after the other. */
export function joinReports(reports: readonly BenchReport[]): BenchReport {
  return {
    measures: reports.flatMap(({ measures }) => measures),
    text: reports.map(({ text }) => text).join('\n\n'),
    details: reports.map(({ details }) => details),
  };
}

export function meetsTarget({ value, better, target }: Measure): boolean {
  if (target === undefined) return true;
  return better === 'higher' ? value >= target : value <= target;
}

/** The middle value; of an even number the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.ceil((sorted.length - 1) / 2)]];
  return middle.reduce<number>((sum, value) => sum + (value ?? Number.NaN) / 2, 0);
}
