import type { Claim, Shard } from './run';
import type { ReconcileServices } from './services';
import type { Versioned } from './runStore';

export type ClaimAnswer =
  | { readonly kind: 'mine'; readonly owner: string; readonly shard: Versioned<Shard> }
  /** another slice works on it, or did and died */
  | { readonly kind: 'busy'; readonly waitMs: number }
  | { readonly kind: 'nothing-to-do' };

const AGAIN_MS = 1000;

/**
 * Takes a shard for one slice. A claim saves work and nothing else: what a slice without a claim does is discarded when it saves,
 * and deletes are safe without it.
 * @param take the shard as the slice begins with it; undefined: there is nothing to do
 */
export async function claimShard(
  { runs, limits, clock, newId }: Pick<ReconcileServices, 'runs' | 'limits' | 'clock' | 'newId'>,
  at: { readonly runId: string; readonly shardId: string },
  take: (shard: Shard, owner: string) => Shard | undefined,
  signal: AbortSignal,
): Promise<ClaimAnswer> {
  const before = await runs.readShard(at.runId, at.shardId, signal);
  if (before === undefined) return { kind: 'nothing-to-do' };
  const owner = newId();
  const taken = take(before.value, owner);
  if (taken === undefined) return { kind: 'nothing-to-do' };
  const nowMs = clock().getTime();
  if (isClaimed(before.value, nowMs)) {
    const untilMs = Date.parse(before.value.claim?.until ?? '');
    return { kind: 'busy', waitMs: Math.max(untilMs - nowMs, AGAIN_MS) };
  }
  const claim = claimFrom({ limits, clock }, owner);
  const shard = await runs.replaceShard(at.runId, before, { ...taken, claim });
  return shard === undefined ? { kind: 'busy', waitMs: AGAIN_MS } : { kind: 'mine', owner, shard };
}

/** A claim from now on; a slice takes it anew with all that it saves. */
export function claimFrom({ limits, clock }: Pick<ReconcileServices, 'limits' | 'clock'>, owner: string): Claim {
  return { owner, until: new Date(clock().getTime() + limits.claimMs).toISOString() };
}

export function isClaimed({ claim }: Pick<Shard, 'claim'>, nowMs: number): boolean {
  return claim !== undefined && Date.parse(claim.until) > nowMs;
}
