import type { GuardFinding } from './guards';

export interface ScannedTotals {
  /** names that read as a payload, over everything scanned */
  readonly parsed: number;
  /** those to be deleted */
  readonly orphans: number;
}

export interface ShareLimits {
  readonly sharePercent: number;
  readonly count: number;
  /** so few orphans are never too large a share, as in a small container for tests */
  readonly shareFloor: number;
}

export const shareLimits: ShareLimits = { sharePercent: 10, count: 10_000, shareFloor: 50 };

/** Over everything scanned: the first pages of a container may be all orphans, or have none. */
export function guardShare({ parsed, orphans }: ScannedTotals, limits = shareLimits): readonly GuardFinding[] {
  const findings: GuardFinding[] = [];
  const percent = parsed === 0 ? 0 : (orphans / parsed) * 100;
  if (orphans > limits.shareFloor && percent > limits.sharePercent)
    findings.push({
      guard: 'orphan-share',
      problem: `${orphans} of ${parsed} payloads would be deleted, more than ${limits.sharePercent} percent. Read the report of the run; if they are orphans, give a larger share in percent.`,
      override: { name: 'orphan-share', value: Math.ceil(percent) },
    });
  if (orphans > limits.count)
    findings.push({
      guard: 'orphan-count',
      problem: `${orphans} payloads would be deleted, more than ${limits.count}. Read the report of the run; if they are orphans, give a larger number.`,
      override: { name: 'orphan-count', value: orphans },
    });
  return findings;
}
