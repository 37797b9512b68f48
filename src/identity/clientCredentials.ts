import { z } from 'zod';
import type { HttpClient } from '../http/httpClient';
import { parseJson } from '../http/json';
import type { AccessToken } from './cachedTokens';

/** How a service's authorization server wants to be asked (RFC 6749 4.4). */
export interface ClientCredentials {
  readonly tokenUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scope?: string | undefined;
  /** For servers that want one instead of, or beside, a scope (SMART backend services, Auth0). */
  readonly audience?: string | undefined;
}

/** The authorization server gave no token. Named as the Azure SDKs name it: the service refuses our identity. */
export class AuthenticationError extends Error {
  readonly code = 'AuthenticationError';
  constructor(
    readonly status: number,
    readonly reason: string | undefined,
  ) {
    super(`The token endpoint answered ${status}${reason === undefined ? '' : ` (${reason})`}`);
    this.name = 'AuthenticationError';
  }
}

const tokenSchema = z.object({
  access_token: z.string().min(1),
  expires_in: z.coerce.number().positive().default(3600),
});
const errorSchema = z.object({ error: z.string().regex(/^[\w-]{1,64}$/) });

/**
 * Asks for a token with client id and secret. The secret goes to the token endpoint's origin only.
 * @throws AuthenticationError; its text holds the OAuth error code, never the secret
 */
export async function requestToken(
  http: HttpClient,
  credentials: ClientCredentials,
  signal: AbortSignal,
  nowMs: () => number = Date.now,
): Promise<AccessToken> {
  const { tokenUrl, clientId, clientSecret, scope, audience } = credentials;
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: clientId,
    client_secret: clientSecret,
  });
  if (scope !== undefined) form.set('scope', scope);
  if (audience !== undefined) form.set('audience', audience);
  const { status, body } = await http.send({
    method: 'POST',
    url: tokenUrl,
    headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
    body: form.toString(),
    signal,
  });
  const json = parseJson(body);
  if (status !== 200) throw new AuthenticationError(status, errorSchema.safeParse(json).data?.error);
  const token = tokenSchema.safeParse(json);
  if (!token.success) throw new AuthenticationError(status, 'the answer holds no access_token');
  return { token: token.data.access_token, expiresAtMs: nowMs() + token.data.expires_in * 1000 };
}
