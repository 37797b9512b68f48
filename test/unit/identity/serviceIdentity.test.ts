import { createCastClients } from '../../../src/castClients';
import { storageAccount } from '../../../src/identity/storageAccount';
import { identityOfDicom, identityOfFhir } from '../../../src/serviceIdentity';
import { readSettings, SettingsError } from '../../../src/settings';
import { noTelemetry } from '../../../src/telemetry/telemetry';
import { identityKeys } from '../../support/identityKeys';
import { type ScriptedServer, startScriptedServer } from '../../support/scriptedServer';
import { startTokenEndpoint, type TokenEndpoint } from '../../support/tokenEndpoint';

const { signal } = new AbortController();
const { rsa, ec } = identityKeys;

const CAPABILITIES = {
  resourceType: 'CapabilityStatement',
  fhirVersion: '4.0.1',
  rest: [{ mode: 'server', interaction: [{ code: 'transaction' }] }],
};

describe('DICOM and FHIR with an identity each', () => {
  let dicom: ScriptedServer;
  let fhir: ScriptedServer;
  let elsewhere: ScriptedServer;
  let dicomTokens: TokenEndpoint;
  let fhirTokens: TokenEndpoint;
  let clients: ReturnType<typeof createCastClients>;

  beforeEach(async () => {
    [dicom, fhir, elsewhere] = await Promise.all([startScriptedServer(), startScriptedServer(), startScriptedServer()]);
    dicomTokens = await startTokenEndpoint({
      clientId: 'at-dicom',
      certificate: rsa.certificate,
      algorithm: 'RS256',
      foundBy: { header: 'x5t' },
    });
    fhirTokens = await startTokenEndpoint({
      clientId: 'at-fhir',
      certificate: ec.certificate,
      algorithm: 'ES384',
      foundBy: { kid: 'k1' },
    });
    dicom.script(() => ({ status: 200, body: { sequence: 0 } }));
    fhir.script(() => ({ status: 200, body: CAPABILITIES }));
    const settings = readSettings({
      DICOM_URL: dicom.url,
      DICOM_AUTH: 'client-credentials',
      DICOM_AUTHORITY: dicomTokens.url.replace('/oauth2/v2.0/token', ''),
      DICOM_CLIENT_ID: 'at-dicom',
      DICOM_CLIENT_CERTIFICATE: rsa.key + rsa.certificate,
      FHIR_URL: `${fhir.url}/fhir`,
      FHIR_AUTH: 'client-credentials',
      FHIR_TOKEN_URL: fhirTokens.url,
      FHIR_CLIENT_ID: 'at-fhir',
      FHIR_CLIENT_CERTIFICATE: ec.key,
      FHIR_CLIENT_KEY_ID: 'k1',
      FHIR_CLIENT_ASSERTION_ALGORITHM: 'ES384',
      FHIR_SCOPE: 'system/*.cruds',
      FHIR_AUDIENCE: 'urn:fhir',
    });
    clients = createCastClients(
      settings,
      storageAccount({ AzureWebJobsStorage: 'UseDevelopmentStorage=true' }),
      noTelemetry,
    );
  });

  afterEach(async () => {
    await Promise.all([dicom, fhir, elsewhere, dicomTokens, fhirTokens].map((server) => server.stop()));
  });

  const bearers = ({ requests }: ScriptedServer) => requests.map(({ headers }) => headers.authorization);

  it('each service sees only tokens of its own authorization server, with its own scope and audience', async () => {
    await Promise.all([clients.changeFeed.latest(signal), clients.fhir.capabilities(signal)]);
    expect(bearers(dicom)).toEqual(['Bearer token-1-of-at-dicom']);
    expect(bearers(fhir)).toEqual(['Bearer token-1-of-at-fhir']);
    expect(dicomTokens.forms).toMatchObject([{ scope: 'https://dicom.healthcareapis.azure.com/.default' }]);
    expect(fhirTokens.forms).toMatchObject([{ scope: 'system/*.cruds', audience: 'urn:fhir' }]);
    expect([...dicomTokens.refusals, ...fhirTokens.refusals]).toEqual([]);
  });

  it('any number of requests at once, and after them, cost one token', async () => {
    await Promise.all(Array.from({ length: 20 }, () => clients.fhir.capabilities(signal)));
    await clients.fhir.capabilities(signal);
    expect(fhir.requests).toHaveLength(21);
    expect(new Set(bearers(fhir)).size).toBe(1);
    expect(fhirTokens.issued).toHaveLength(1);
  });

  it('a token that the service refuses is not shown to it again', async () => {
    fhir.replies({ status: 401 }, { status: 200, body: CAPABILITIES });
    await expect(clients.fhir.capabilities(signal)).rejects.toThrow('401');
    await clients.fhir.capabilities(signal);
    expect(bearers(fhir)).toEqual(['Bearer token-1-of-at-fhir', 'Bearer token-2-of-at-fhir']);
  });

  it('a next link to another origin gets neither a request nor a token', async () => {
    fhir.script(() => ({
      status: 200,
      body: {
        resourceType: 'Bundle',
        type: 'searchset',
        link: [{ relation: 'next', url: `${elsewhere.url}/fhir?page=2` }],
        entry: [],
      },
    }));
    await expect(clients.fhir.search('Patient', [['_id', '1']], signal)).rejects.toThrow();
    expect(elsewhere.requests).toEqual([]);
  });

  it('a redirect to another origin is not followed, neither by a service nor by a token endpoint', async () => {
    const away = { status: 307, headers: { location: `${elsewhere.url}/` } };
    fhir.replies(away);
    await expect(clients.fhir.capabilities(signal)).rejects.toThrow('307');
    const settings = readSettings({
      DICOM_URL: dicom.url,
      FHIR_URL: fhir.url,
      FHIR_AUTH: 'client-credentials',
      FHIR_TOKEN_URL: `${dicom.url}/token`,
      FHIR_CLIENT_ID: 'cast',
      FHIR_CLIENT_SECRET: 's3cret',
    });
    dicom.replies(away);
    const redirected = createCastClients(
      settings,
      storageAccount({ AzureWebJobsStorage: 'UseDevelopmentStorage=true' }),
      noTelemetry,
    );
    await expect(redirected.fhir.capabilities(signal)).rejects.toThrow('The token endpoint answered 307');
    expect(elsewhere.requests).toEqual([]);
  });
});

describe('the settings of an identity', () => {
  const services = { DICOM_URL: 'https://dicom.example', FHIR_URL: 'https://fhir.example/r4' };
  const credentials = { ...services, FHIR_AUTH: 'client-credentials', FHIR_CLIENT_ID: 'cast' };
  const pem = rsa.key + rsa.certificate;
  const problemsOf = (environment: Readonly<Record<string, string>>): readonly string[] => {
    try {
      readSettings(environment);
      return [];
    } catch (error) {
      if (error instanceof SettingsError) return error.problems;
      throw error;
    }
  };

  it('name everything that is missing, and what must not be there twice', () => {
    expect(problemsOf({ ...services, FHIR_AUTH: 'client-credentials' })).toEqual([
      'FHIR_TOKEN_URL: it or FHIR_AUTHORITY is needed with client-credentials',
      'FHIR_CLIENT_ID: is needed with client-credentials',
      'FHIR_CLIENT_SECRET: it or FHIR_CLIENT_CERTIFICATE is needed with client-credentials',
    ]);
    expect(
      problemsOf({
        ...credentials,
        FHIR_AUTHORITY: 'https://login.example/t',
        FHIR_TOKEN_URL: 'https://login.example/token',
        FHIR_CLIENT_SECRET: 's3cret',
        FHIR_CLIENT_CERTIFICATE: pem,
      }),
    ).toEqual([
      'FHIR_AUTHORITY: expected nothing, because FHIR_TOKEN_URL is set',
      'FHIR_CLIENT_CERTIFICATE: expected nothing, because FHIR_CLIENT_SECRET is set',
    ]);
  });

  it.each([
    ['a PEM that is none', 'p4ssw0rd', {}, 'expected a PEM with one unencrypted private key'],
    [
      'a key of the wrong kind',
      pem,
      { FHIR_CLIENT_ASSERTION_ALGORITHM: 'ES384' },
      'expected an EC key on the curve P-384, because the algorithm is ES384',
    ],
    [
      'a key without certificate',
      rsa.key,
      {},
      'expected a PEM with the certificate beside the private key, or a key id',
    ],
    [
      'a key without id for SMART',
      pem,
      { FHIR_CLIENT_ASSERTION_ALGORITHM: 'RS384' },
      'expected a key id too, by which SMART servers find the key',
    ],
  ])('refuse %s without repeating it', (_what, certificate, more, problem) => {
    const problems = problemsOf({
      ...credentials,
      FHIR_TOKEN_URL: 'https://login.example/token',
      FHIR_CLIENT_CERTIFICATE: certificate,
      ...more,
    });
    expect(problems).toEqual([`FHIR_CLIENT_CERTIFICATE: ${problem}`]);
  });

  it('make the token URL of Entra ID from the authority, with the scopes of Azure; elsewhere they assume no scope', () => {
    const entra = readSettings({
      ...services,
      DICOM_AUTH: 'client-credentials',
      DICOM_AUTHORITY: 'https://login.microsoftonline.us/contoso.com/',
      DICOM_CLIENT_ID: 'cast',
      DICOM_CLIENT_CERTIFICATE: pem,
      FHIR_AUTH: 'client-credentials',
      FHIR_TOKEN_URL: 'https://sso.example/token',
      FHIR_CLIENT_ID: 'cast',
      FHIR_CLIENT_SECRET: 's3cret',
    });
    expect(identityOfDicom(entra)).toMatchObject({
      credentials: {
        tokenUrl: 'https://login.microsoftonline.us/contoso.com/oauth2/v2.0/token',
        scope: 'https://dicom.healthcareapis.azure.com/.default',
        proof: { kind: 'assertion', signer: { algorithm: 'RS256' } },
      },
    });
    expect(identityOfFhir(entra)).toMatchObject({
      credentials: { tokenUrl: 'https://sso.example/token', scope: undefined, proof: { kind: 'secret' } },
    });
  });
});
