import { createHttpClient } from '../../../src/http/httpClient';
import { cachedTokens } from '../../../src/identity/cachedTokens';
import { AuthenticationError, requestToken } from '../../../src/identity/clientCredentials';
import { storageAccount, StorageNotConfigured } from '../../../src/identity/storageAccount';
import { useScriptedServer } from '../../support/scriptedServer';

const { signal } = new AbortController();

describe('tokens', () => {
  it('are kept until shortly before their end, then renewed', async () => {
    let now = 0;
    let asked = 0;
    const source = cachedTokens(
      () => Promise.resolve({ token: `t${++asked}`, expiresAtMs: now + 3_600_000 }),
      () => now,
    );
    expect([await source.token(), await source.token()]).toEqual(['t1', 't1']);
    now = 3_600_000 - 5 * 60_000;
    expect(await source.token()).toBe('t2');
  });

  it('are asked for once by callers that come together, and again after a failure', async () => {
    let asked = 0;
    const source = cachedTokens(() =>
      ++asked === 1
        ? Promise.reject(new Error('down'))
        : Promise.resolve({ token: 'ok', expiresAtMs: Date.now() + 3_600_000 }),
    );
    const first = await Promise.allSettled([source.token(), source.token()]);
    expect(first.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await source.token()).toBe('ok');
    expect(asked).toBe(2);
  });
});

describe('client credentials', () => {
  const scripted = useScriptedServer();
  const ask = async () => {
    const http = createHttpClient({ origin: scripted.server.url, timeoutMs: 5000, maxConnections: 1 });
    try {
      return await requestToken(
        http,
        {
          tokenUrl: `${scripted.server.url}/token`,
          clientId: 'cast',
          proof: { kind: 'secret', secret: 's3cret' },
          scope: 'system/*.write',
          audience: 'urn:fhir',
        },
        signal,
        () => 0,
      );
    } finally {
      await http.close();
    }
  };

  it('are sent as RFC 6749 wants them, and become a token with its end', async () => {
    scripted.server.replies({ status: 200, body: JSON.stringify({ access_token: 'abc', expires_in: 600 }) });
    expect(await ask()).toEqual({ token: 'abc', expiresAtMs: 600_000 });
    const [request] = scripted.server.requests;
    expect(request?.headers['content-type']).toBe('application/x-www-form-urlencoded');
    expect(Object.fromEntries(new URLSearchParams(request?.body))).toEqual({
      grant_type: 'client_credentials',
      client_id: 'cast',
      client_secret: 's3cret',
      scope: 'system/*.write',
      audience: 'urn:fhir',
    });
  });

  it('that are refused give an error with the reason and without the secret', async () => {
    scripted.server.replies({
      status: 401,
      body: JSON.stringify({ error: 'invalid_client', error_description: 's3cret is wrong' }),
    });
    const error = await ask().catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(AuthenticationError);
    expect(String(error)).toContain('401 (invalid_client)');
    expect(String(error)).not.toContain('s3cret');
  });
});

describe('the settings of the storage account', () => {
  it('find the storage account by connection string, by account name or by its addresses', () => {
    expect(storageAccount({ AzureWebJobsStorage__accountName: 'hospital' }).queue('q').url).toBe(
      'https://hospital.queue.core.windows.net/q',
    );
    expect(
      storageAccount({
        AzureWebJobsStorage__tableServiceUri: 'https://t.example',
        AzureWebJobsStorage__blobServiceUri: 'https://b.example',
        AzureWebJobsStorage__queueServiceUri: 'https://q.example',
      }).container('c').url,
    ).toBe('https://b.example/c');
    expect(() => storageAccount({})).toThrow(StorageNotConfigured);
  });
});
