import { constants, createHash, createPublicKey, verify, X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { type ScriptedServer, startScriptedServer } from './scriptedServer';

/** What an authorization server knows of one client. */
export interface RegisteredClient {
  readonly clientId: string;
  /** PEM */
  readonly certificate: string;
  readonly algorithm: 'RS256' | 'PS256' | 'RS384' | 'ES384';
  /** How the key is found: by the thumbprint of its certificate (Entra ID), or by its id in the JWK set (SMART). */
  readonly foundBy: { readonly header: 'x5t' | 'x5t#S256' } | { readonly kid: string };
}

/** An authorization server on loopback that checks each client assertion as RFC 7523 and SMART Backend Services want it. */
export interface TokenEndpoint {
  readonly url: string;
  /** Tokens that were given out. */
  readonly issued: readonly string[];
  /** Why requests were refused. */
  readonly refusals: readonly string[];
  /** The forms that were posted. */
  readonly forms: readonly Readonly<Record<string, string>>[];
  stop(): Promise<void>;
}

const headerSchema = z.looseObject({ alg: z.string(), typ: z.literal('JWT') });
const claimsSchema = z.object({
  iss: z.string(),
  sub: z.string(),
  aud: z.string(),
  jti: z.string().min(16),
  exp: z.number().int(),
});

const MAX_LIFETIME_SECONDS = 300;

export async function startTokenEndpoint(client: RegisteredClient, expiresInSeconds = 3600): Promise<TokenEndpoint> {
  const server: ScriptedServer = await startScriptedServer();
  const url = `${server.url}/tenant/oauth2/v2.0/token`;
  const issued: string[] = [];
  const refusals: string[] = [];
  const usedIds = new Set<string>();
  const forms: Readonly<Record<string, string>>[] = [];
  server.script(({ method, url: path, body }) => {
    const form = Object.fromEntries(new URLSearchParams(body));
    forms.push(form);
    const problem =
      method === 'POST' && url.endsWith(path) ? problemOf(form, client, url, usedIds) : `${method} ${path}`;
    if (problem !== undefined) {
      refusals.push(problem);
      return { status: 401, body: { error: 'invalid_client', error_description: problem } };
    }
    issued.push(`token-${issued.length + 1}-of-${client.clientId}`);
    return { status: 200, body: { access_token: issued.at(-1), token_type: 'bearer', expires_in: expiresInSeconds } };
  });
  return { url, issued, refusals, forms, stop: () => server.stop() };
}

function problemOf(
  form: Readonly<Record<string, string>>,
  client: RegisteredClient,
  tokenUrl: string,
  usedIds: Set<string>,
): string | undefined {
  if (form.grant_type !== 'client_credentials') return 'grant_type';
  if (form.client_assertion_type !== 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer') return 'assertion type';
  const [head = '', payload = '', signature = ''] = (form.client_assertion ?? '').split('.');
  const header = headerSchema.safeParse(decode(head));
  const claims = claimsSchema.safeParse(decode(payload));
  if (!header.success || !claims.success) return 'not a JWT with the claims that are needed';
  if (header.data.alg !== client.algorithm) return 'alg';
  if (!isFound(header.data, client)) return 'unknown key';
  if (!isSigned(`${head}.${payload}`, Buffer.from(signature, 'base64url'), client)) return 'signature';
  const { iss, sub, aud, jti, exp } = claims.data;
  if (iss !== client.clientId || sub !== client.clientId) return 'iss or sub';
  if (aud !== tokenUrl) return 'aud';
  const now = Date.now() / 1000;
  if (exp <= now || exp > now + MAX_LIFETIME_SECONDS) return 'exp';
  if (usedIds.has(jti)) return 'jti was used before';
  usedIds.add(jti);
  return undefined;
}

function isFound(header: Readonly<Record<string, unknown>>, { foundBy, certificate }: RegisteredClient): boolean {
  if ('kid' in foundBy) return header.kid === foundBy.kid;
  const hash = createHash(foundBy.header === 'x5t' ? 'sha1' : 'sha256');
  return header[foundBy.header] === hash.update(new X509Certificate(certificate).raw).digest('base64url');
}

function isSigned(text: string, signature: Buffer, { algorithm, certificate }: RegisteredClient): boolean {
  const key = createPublicKey(certificate);
  const data = Buffer.from(text);
  switch (algorithm) {
    case 'RS256':
      return verify('sha256', data, key, signature);
    case 'RS384':
      return verify('sha384', data, key, signature);
    case 'PS256':
      return verify(
        'sha256',
        data,
        { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST },
        signature,
      );
    case 'ES384':
      return verify('sha384', data, { key, dsaEncoding: 'ieee-p1363' }, signature);
  }
}

function decode(part: string): unknown {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}
