import { createHttpClient } from '../../../src/http/httpClient';
import { cachedTokens } from '../../../src/identity/cachedTokens';
import type { AssertionAlgorithm } from '../../../src/identity/clientAssertion';
import { AuthenticationError, requestToken } from '../../../src/identity/clientCredentials';
import { readClientKey } from '../../../src/identity/clientKey';
import { identityKeys } from '../../support/identityKeys';
import { type RegisteredClient, startTokenEndpoint, type TokenEndpoint } from '../../support/tokenEndpoint';

const { signal } = new AbortController();
const { rsa, ec } = identityKeys;
const KID = 'cast-2026';

describe('a client assertion', () => {
  let endpoint: TokenEndpoint | undefined;
  afterEach(() => endpoint?.stop());

  const register = async (client: Omit<RegisteredClient, 'clientId'>): Promise<TokenEndpoint> => {
    endpoint = await startTokenEndpoint({ clientId: 'cast', ...client });
    return endpoint;
  };
  const ask = async (
    tokenUrl: string,
    pem: string,
    algorithm: AssertionAlgorithm,
    keyId?: string,
    nowMs?: () => number,
  ) => {
    const http = createHttpClient({ origin: new URL(tokenUrl).origin, timeoutMs: 5000, maxConnections: 1 });
    const signer = { key: readClientKey(pem), algorithm, keyId };
    try {
      const proof = { kind: 'assertion', signer } as const;
      return await requestToken(http, { tokenUrl, clientId: 'cast', proof, scope: 'system/*.cruds' }, signal, nowMs);
    } finally {
      await http.close();
    }
  };

  it.each([
    ['RS256', 'Entra ID', rsa, { header: 'x5t' }, undefined],
    ['PS256', 'Entra ID', rsa, { header: 'x5t#S256' }, undefined],
    ['RS384', 'SMART Backend Services', rsa, { kid: KID }, KID],
    ['ES384', 'SMART Backend Services', ec, { kid: KID }, KID],
  ] as const)('signed with %s is what %s accepts', async (algorithm, _who, { key, certificate }, foundBy, keyId) => {
    const { url, forms, refusals } = await register({ certificate, algorithm, foundBy });
    const answer = await ask(url, key + certificate, algorithm, keyId);
    expect(refusals).toEqual([]);
    expect(answer.token).toBe('token-1-of-cast');
    expect(forms[0]).toMatchObject({ client_id: 'cast', scope: 'system/*.cruds' });
    expect(forms[0]).not.toHaveProperty('client_secret');
  });

  it('is made anew for each request, so that a renewal is no replay', async () => {
    const { url, issued, refusals } = await register({
      certificate: rsa.certificate,
      algorithm: 'RS256',
      foundBy: { header: 'x5t' },
    });
    let now = Date.now();
    const tokens = cachedTokens(
      async () => ({ ...(await ask(url, rsa.key + rsa.certificate, 'RS256')), expiresAtMs: now + 3_600_000 }),
      () => now,
    );
    await tokens.token();
    now += 3_600_000 - 60_000;
    expect(await tokens.token()).toBe('token-2-of-cast');
    expect({ issued: issued.length, refusals }).toEqual({ issued: 2, refusals: [] });
  });

  it('of another key, or of a time that is over, is refused, and the error tells neither key nor assertion', async () => {
    const { url, refusals } = await register({
      certificate: ec.certificate,
      algorithm: 'ES384',
      foundBy: { kid: KID },
    });
    const expired = await ask(url, ec.key, 'ES384', KID, () => Date.now() - 3_600_000).catch((error: unknown) => error);
    const unknown = await ask(url, ec.key, 'ES384', 'other').catch((error: unknown) => error);
    expect(refusals).toEqual(['exp', 'unknown key']);
    for (const error of [expired, unknown]) {
      expect(error).toBeInstanceOf(AuthenticationError);
      expect(String(error)).toBe('AuthenticationError: The token endpoint answered 401 (invalid_client)');
    }
  });
});

describe('the PEM of a client', () => {
  const pem = rsa.key + rsa.certificate;

  it.each([
    ['as Key Vault gives it, the certificate first', rsa.certificate + rsa.key],
    ['with its chain', ec.certificate + pem],
    ['with line breaks written out', pem.replaceAll('\n', '\\n')],
    ['with line breaks lost', pem.replaceAll('\n', ' ')],
  ])('is read %s', (_how, text) => {
    const { privateKey, certificate } = readClientKey(text);
    expect(certificate?.subject).toBe('CN=localhost');
    expect(certificate?.checkPrivateKey(privateKey)).toBe(true);
  });

  it.each([
    ['no private key', rsa.certificate, 'a PEM with one unencrypted private key'],
    ['two private keys', rsa.key + ec.key, 'a PEM with one unencrypted private key'],
    ['the certificate of another key', rsa.key + ec.certificate, 'a PEM whose certificate belongs to its private key'],
    ['a broken key', rsa.key.replace(/\n.*\n/, '\nAAAA\n'), 'a PEM with a private key'],
    ['something else', 'p4ssw0rd', 'a PEM with one unencrypted private key'],
  ])('with %s is refused by what was expected', (_what, text, expected) => {
    expect(() => readClientKey(text)).toThrow(new Error(`expected ${expected}`));
  });
});
