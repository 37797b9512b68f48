import type { Dependency, Failure } from './classify';
import type { ReasonCode } from './errorTypes';

/** A service whose outages stop the work on all studies. Without the storage nothing can be deferred either, so it has no breaker. */
type GuardedDependency = Exclude<Dependency, 'storage'>;

/** What `/api/status` shows of a service. */
export interface BreakerState {
  readonly dependency: GuardedDependency;
  /** `half-open`: one study is let through to see whether the service is back. */
  readonly state: 'closed' | 'open' | 'half-open';
  readonly reason?: ReasonCode;
  readonly message?: string;
  /** Since when the service is down, ISO 8601. */
  readonly since?: string;
  /** When the next study is let through. */
  readonly nextTrialAt?: string;
}

/** A service went down, or came back. */
export type BreakerChange =
  | { readonly kind: 'down'; readonly dependency: GuardedDependency; readonly failure: Failure; readonly since: string }
  | {
      readonly kind: 'back';
      readonly dependency: GuardedDependency;
      readonly since: string;
      readonly downForMs: number;
    };

export interface Breakers {
  /** Says that the service did not answer, or refused us. A failure that `blocked` gave out is no news. */
  unavailable(dependency: Dependency, failure: Failure): void;
  /** Says that the service has done what it was asked for. */
  available(dependency: Dependency): void;
  /**
   * Why no study can be worked on now, with the time until the next trial as `retryAfterMs`; undefined when one can.
   * Once the time has come, one caller at a time is let through: it has to say `available` or `unavailable` afterwards.
   */
  blocked(): Failure | undefined;
  /** Says that whoever was let through has ended without a word about a service: another one may try at once. */
  undecided(): void;
  states(): Readonly<Record<GuardedDependency, BreakerState>>;
}

export interface BreakerOptions {
  readonly clock: () => Date;
  readonly random?: () => number;
  /** First pause; it doubles with each trial that fails. */
  readonly baseMs?: number;
  readonly capMs?: number;
  /** A trial that has said nothing after this time is lost (its process died), and another one is let through. */
  readonly trialMs?: number;
  readonly onChange?: (change: BreakerChange) => void;
}

interface Outage {
  readonly failure: Failure;
  readonly sinceMs: number;
  readonly trials: number;
  readonly nextTrialMs: number;
  /** When the running trial counts as lost. */
  readonly trialUntilMs: number | undefined;
}

/**
 * One breaker for each service, in this process.
 * Not a wrapper around calls as cockatiel has it: what opens it is a verdict (a probe may have to be asked first), Retry-After sets the pause,
 * and the clock is given, so that an outage of hours can be simulated.
 */
export function breakers(options: BreakerOptions): Breakers {
  const { clock, random = Math.random, baseMs = 5000, capMs = 60_000, trialMs = 120_000, onChange } = options;
  const outages = new Map<GuardedDependency, Outage>();
  const handedOut = new WeakSet<Failure>();
  const nowMs = (): number => clock().getTime();

  const pauseMs = (trials: number, failure: Failure): number =>
    Math.max(failure.retryAfterMs ?? 0, Math.min(capMs, baseMs * 2 ** trials) * (0.5 + random() / 2));

  function unavailable(dependency: Dependency, failure: Failure): void {
    if (dependency === 'storage' || handedOut.has(failure)) return;
    const now = nowMs();
    const outage = outages.get(dependency);
    if (outage === undefined) {
      outages.set(dependency, {
        failure,
        sinceMs: now,
        trials: 0,
        nextTrialMs: now + pauseMs(0, failure),
        trialUntilMs: undefined,
      });
      onChange?.({ kind: 'down', dependency, failure, since: new Date(now).toISOString() });
    } else if (outage.trialUntilMs !== undefined) {
      const trials = outage.trials + 1;
      outages.set(dependency, {
        ...outage,
        failure,
        trials,
        nextTrialMs: now + pauseMs(trials, failure),
        trialUntilMs: undefined,
      });
    } else {
      // One of the studies that were already under way: no new outage, but perhaps a longer Retry-After.
      const nextTrialMs = Math.max(outage.nextTrialMs, now + (failure.retryAfterMs ?? 0));
      outages.set(dependency, { ...outage, failure, nextTrialMs });
    }
  }

  function available(dependency: Dependency): void {
    if (dependency === 'storage') return;
    const outage = outages.get(dependency);
    if (outage === undefined) return;
    outages.delete(dependency);
    const downForMs = nowMs() - outage.sinceMs;
    onChange?.({ kind: 'back', dependency, since: new Date(outage.sinceMs).toISOString(), downForMs });
  }

  /** Milliseconds until it is worth coming again; 0 when it is now. A trial that runs has mostly ended long before it would count as lost. */
  const waitMs = ({ nextTrialMs, trialUntilMs }: Outage, now: number): number =>
    trialUntilMs === undefined
      ? Math.max(0, nextTrialMs - now)
      : Math.max(0, Math.min(trialUntilMs - now, baseMs * (0.5 + random() / 2)));

  function blocked(): Failure | undefined {
    const now = nowMs();
    const waits = [...outages.values()].map((outage) => ({ outage, wait: waitMs(outage, now) }));
    const longest = waits.sort((a, b) => b.wait - a.wait)[0];
    if (longest !== undefined && longest.wait > 0) {
      const failure: Failure = {
        ...longest.outage.failure,
        kind: 'unavailable',
        retryAfterMs: Math.ceil(longest.wait),
        outcomeUnknown: false,
      };
      handedOut.add(failure);
      return failure;
    }
    for (const [dependency, outage] of outages) outages.set(dependency, { ...outage, trialUntilMs: now + trialMs });
    return undefined;
  }

  function stateOf(dependency: GuardedDependency): BreakerState {
    const outage = outages.get(dependency);
    if (outage === undefined) return { dependency, state: 'closed' };
    return {
      dependency,
      state: outage.trialUntilMs === undefined ? 'open' : 'half-open',
      reason: outage.failure.reason,
      message: outage.failure.message,
      since: new Date(outage.sinceMs).toISOString(),
      nextTrialAt: new Date(outage.trialUntilMs ?? outage.nextTrialMs).toISOString(),
    };
  }

  function undecided(): void {
    for (const [dependency, outage] of outages) {
      if (outage.trialUntilMs !== undefined)
        outages.set(dependency, { ...outage, trialUntilMs: undefined, nextTrialMs: nowMs() });
    }
  }

  return {
    unavailable,
    available,
    blocked,
    undecided,
    states: () => ({ dicom: stateOf('dicom'), fhir: stateOf('fhir') }),
  };
}
