import { z } from 'zod';
import type { HttpClient } from '../http/httpClient';
import { parseJson } from '../http/json';
import type { AccessToken } from './cachedTokens';
import { type AssertionSigner, clientAssertion } from './clientAssertion';

/** How a client proves that it is the one: by a secret (RFC 6749 2.3.1), or by a signature (RFC 7523 2.2, private_key_jwt). */
export type ClientProof =
  | { readonly kind: 'secret'; readonly secret: string }
  | { readonly kind: 'assertion'; readonly signer: AssertionSigner };

/** How a service's authorization server wants to be asked (RFC 6749 4.4). */
export interface ClientCredentials {
  readonly tokenUrl: string;
  readonly clientId: string;
  readonly proof: ClientProof;
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
 * Asks for a token. The secret goes to the token endpoint's origin only; each request carries an assertion of its own.
 * @throws AuthenticationError; its text holds the OAuth error code, never the secret
 */
export async function requestToken(
  http: HttpClient,
  credentials: ClientCredentials,
  signal: AbortSignal,
  nowMs: () => number = Date.now,
): Promise<AccessToken> {
  const { tokenUrl, clientId, scope, audience } = credentials;
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: clientId,
    ...proofOf(credentials, nowMs()),
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

const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

function proofOf({ proof, clientId, tokenUrl }: ClientCredentials, nowMs: number): Readonly<Record<string, string>> {
  switch (proof.kind) {
    case 'secret':
      return { client_secret: proof.secret };
    case 'assertion':
      return {
        client_assertion_type: JWT_BEARER,
        client_assertion: clientAssertion(proof.signer, { clientId, audience: tokenUrl, nowMs }),
      };
  }
}
