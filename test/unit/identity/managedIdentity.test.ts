import { databasePassword } from '../../../src/identity/databasePassword';
import { managedIdentity, managedIdentityToken } from '../../../src/identity/managedIdentity';
import { type ScriptedServer, startScriptedServer } from '../../support/scriptedServer';

describe('the managed identity of a function app', () => {
  const environment = { ...process.env };
  // One for all tests: MSAL keeps the address that it found first for the whole process.
  let server: ScriptedServer;

  beforeAll(async () => {
    server = await startScriptedServer();
    process.env.IDENTITY_ENDPOINT = `${server.url}/msi/token`;
    process.env.IDENTITY_HEADER = 'of-this-instance';
    server.script(({ url }) => ({
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: {
        access_token: `token-for-${new URL(url, server.url).searchParams.get('resource')}`,
        expires_on: Math.floor(Date.now() / 1000) + 86_400,
        token_type: 'Bearer',
      },
    }));
  });
  afterAll(async () => {
    process.env = environment;
    await server.stop();
  });

  const askedFor = (resource: string): readonly Readonly<Record<string, unknown>>[] =>
    server.requests
      .map(({ url, headers }) => ({ query: new URL(url, server.url).searchParams, headers }))
      .filter(({ query }) => query.get('resource') === resource)
      .map(({ query, headers }) => ({ ...Object.fromEntries(query), secret: headers['x-identity-header'] }));

  it('gives tokens for the scope of a service, of the identity that is named', async () => {
    const credential = managedIdentity('11111111-2222-3333-4444-555555555555');
    const { token, expiresAtMs } = await managedIdentityToken(
      credential,
      'https://fhir.example/.default',
      new AbortController().signal,
    );
    expect(token).toBe('token-for-https://fhir.example');
    expect(expiresAtMs).toBeGreaterThan(Date.now() + 80_000_000);
    expect(askedFor('https://fhir.example')).toMatchObject([
      {
        client_id: '11111111-2222-3333-4444-555555555555',
        secret: 'of-this-instance',
      },
    ]);
  });

  it('is a password of the database, asked for once for all connections that open', async () => {
    const password = databasePassword(managedIdentity(undefined));
    const passwords = await Promise.all([password(), password(), password()]);
    expect(new Set(passwords)).toEqual(new Set(['token-for-https://ossrdbms-aad.database.windows.net']));
    const asked = askedFor('https://ossrdbms-aad.database.windows.net');
    expect(asked).toHaveLength(1);
    expect(asked[0]).not.toHaveProperty('client_id');
  });
});
