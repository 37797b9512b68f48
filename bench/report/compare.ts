import type { SavedRun } from './savedRun';
import { short } from './table';

/** One figure that both runs have. */
export interface Change {
  readonly name: string;
  readonly before: number;
  readonly now: number;
  readonly verdict: 'same' | 'better' | 'worse';
}

/** @throws Error when the saved run is of another size than the one to come: their figures are not the same figures */
export function checkScale(before: SavedRun, scale: number): void {
  if (before.scale !== scale)
    throw new Error(`The saved run has scale ${before.scale}, this one ${scale}: they cannot be compared`);
}

/**
 * Compares two runs figure by figure. All figures are ratios or counts, so that runs of different machines can be compared.
 * @param tolerance part by which a figure may differ and still count as the same, such as 0.25
 * @throws Error when the runs are of different sizes, or have nothing that can be compared
 */
export function compareMeasures(before: SavedRun, now: SavedRun, tolerance: number): readonly Change[] {
  checkScale(before, now.scale);
  const measuresOf = ({ benches }: SavedRun) => benches.flatMap(({ measures }) => measures);
  const old = new Map(measuresOf(before).map((measure) => [measure.name, measure.value]));
  const changes = measuresOf(now).flatMap<Change>(({ name, value, better, informative }) => {
    const was = old.get(name);
    if (was === undefined || informative === true) return [];
    const gain = better === 'higher' ? value / was : was / value;
    const verdict = gain < 1 / (1 + tolerance) ? 'worse' : gain > 1 + tolerance ? 'better' : 'same';
    return [{ name, before: was, now: value, verdict }];
  });
  if (changes.length === 0) throw new Error('The saved run and this one have no figures that can be compared');
  return changes;
}

export function describeChange({ name, before, now, verdict }: Change): string {
  const sign = { same: '  ', better: '+ ', worse: '- ' }[verdict];
  return `${sign}${name}: ${short(before)} -> ${short(now)}`;
}
