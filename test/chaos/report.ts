import type { SeedResult } from './play';

export interface Report {
  readonly seeds: number;
  readonly servers: Readonly<Record<string, number>>;
  readonly figures: Readonly<Record<string, number>>;
  readonly faultsInjected: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly violations: number;
  readonly failedSeeds: readonly number[];
}

function addAll(into: Record<string, number>, from: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(from)) into[name] = (into[name] ?? 0) + value;
}

/** The sum over all seeds. */
export function summarise(results: readonly SeedResult[]): Report {
  const servers: Record<string, number> = {};
  const figures: Record<string, number> = {};
  const faults: Record<string, number> = {};
  for (const result of results) {
    addAll(servers, { [result.server]: 1 });
    addAll(figures, result.figures);
    addAll(faults, result.faults);
  }
  const sorted = Object.fromEntries(Object.entries(faults).sort(([a], [b]) => (a < b ? -1 : 1)));
  return {
    seeds: results.length,
    servers,
    figures,
    faultsInjected: Object.values(faults).reduce((sum, count) => sum + count, 0),
    faults: sorted,
    violations: results.reduce((sum, { violations }) => sum + violations.length, 0),
    failedSeeds: results.filter(({ violations }) => violations.length > 0).map(({ seed }) => seed),
  };
}

/** The report for people. */
export function reportText({
  seeds,
  servers,
  figures,
  faultsInjected,
  faults,
  violations,
  failedSeeds,
}: Report): string {
  const lines = (all: Readonly<Record<string, number>>): string[] =>
    Object.entries(all).map(([name, count]) => `  ${String(count).padStart(8)}  ${name}`);
  return [
    `${seeds} seeds (${Object.entries(servers)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ')})`,
    ...lines(figures),
    `${faultsInjected} faults injected:`,
    ...lines(faults),
    `${violations} violations${failedSeeds.length === 0 ? '' : ` in the seeds ${failedSeeds.join(', ')}`}`,
  ].join('\n');
}

/** What a failed seed did, and how to play it again. */
export function failureText({ seed, history, violations }: SeedResult): string {
  return [
    `Seed ${seed}`,
    ...history.map((line) => `  ${line}`),
    ...violations.map((violation) => `  VIOLATION ${violation}`),
    `Play it again: npm run chaos -- --seed ${seed}`,
  ].join('\n');
}
