import type { TokenSource } from '../http/httpClient';

/** A token and when it ends. */
export interface AccessToken {
  readonly token: string;
  readonly expiresAtMs: number;
}

/** Renewed this long before its end, or a fifth of its life, so that no request carries a token that ends under way. */
const LONGEST_MARGIN_MS = 5 * 60_000;

/** Time for one renewal; it belongs to all who wait for it, so that no single one of them can abort it. */
const RENEWAL_TIMEOUT_MS = 60_000;

/** Tokens for any number of callers. None of them can abort a renewal, so that it takes no signal of theirs. */
export interface CachedTokens extends TokenSource {
  token(): Promise<string>;
  refused(token: string): void;
}

/** Keeps a token until shortly before its end; callers that ask at once share one request. A failure is not kept. */
export function cachedTokens(
  obtain: (signal: AbortSignal) => Promise<AccessToken>,
  nowMs: () => number = Date.now,
): CachedTokens {
  let current: (AccessToken & { readonly renewAtMs: number }) | undefined;
  let pending: Promise<string> | undefined;

  async function renew(): Promise<string> {
    const askedAtMs = nowMs();
    try {
      const obtained = await obtain(AbortSignal.timeout(RENEWAL_TIMEOUT_MS));
      const marginMs = Math.min(LONGEST_MARGIN_MS, (obtained.expiresAtMs - askedAtMs) / 5);
      current = { ...obtained, renewAtMs: obtained.expiresAtMs - marginMs };
      return obtained.token;
    } catch (error) {
      // One that is still valid serves as long as it lasts.
      if (current !== undefined && current.expiresAtMs > nowMs()) return current.token;
      throw error;
    } finally {
      pending = undefined;
    }
  }

  return {
    token() {
      if (current !== undefined && current.renewAtMs > nowMs()) return Promise.resolve(current.token);
      pending ??= renew();
      return pending;
    },
    refused(token) {
      if (current?.token === token) current = undefined;
    },
  };
}
