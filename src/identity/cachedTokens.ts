import type { TokenSource } from '../http/httpClient';

/** A token and when it ends. */
export interface AccessToken {
  readonly token: string;
  readonly expiresAtMs: number;
}

/** Renewed this long before its end, so that no request carries a token that ends under way. */
const RENEWAL_MARGIN_MS = 5 * 60_000;

/** Keeps a token until shortly before its end; callers that ask at once share one request. A failure is not kept. */
export function cachedTokens(
  obtain: (signal: AbortSignal) => Promise<AccessToken>,
  nowMs: () => number = Date.now,
): TokenSource {
  let current: AccessToken | undefined;
  let pending: Promise<AccessToken> | undefined;

  async function renew(signal: AbortSignal): Promise<AccessToken> {
    try {
      const obtained = await obtain(signal);
      current = obtained;
      return obtained;
    } finally {
      pending = undefined;
    }
  }

  return {
    async token(signal) {
      if (current !== undefined && current.expiresAtMs - nowMs() > RENEWAL_MARGIN_MS) return current.token;
      pending ??= renew(signal);
      return (await pending).token;
    },
  };
}
