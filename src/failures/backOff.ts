/** Azure Queue Storage: a message can stay invisible for at most seven days. */
const longestDelayMs = 7 * 24 * 60 * 60 * 1000;

export interface BackOff {
  /** How often the message was delivered, 1 for the first time. */
  readonly dequeueCount: number;
  readonly baseMs: number;
  readonly capMs: number;
  /** The service asked for at least this long (Retry-After): the delay is never shorter, whatever the cap. */
  readonly retryAfterMs?: number | undefined;
  /** A number in [0, 1). */
  readonly random: () => number;
}

/** Milliseconds to wait: base·2^(dequeueCount-1) up to the cap, of which a random 50 to 100 % so that studies do not come back all at once. */
export function backOffDelayMs({ dequeueCount, baseMs, capMs, retryAfterMs = 0, random }: BackOff): number {
  const grown = Math.min(capMs, baseMs * 2 ** (Math.max(1, dequeueCount) - 1));
  const jittered = grown * (0.5 + random() / 2);
  return Math.min(longestDelayMs, Math.ceil(Math.max(jittered, retryAfterMs)));
}
