import { z } from 'zod';
import { type AssertionAlgorithm, assertionAlgorithms, signerProblem } from './identity/clientAssertion';
import { type ClientKey, readClientKey } from './identity/clientKey';
import { assertionAlgorithm, authentication, clientCertificate, httpUrl, serviceUrl } from './settingValues';

/** The settings of the identity that Cast has at one service, each with the prefix of the service. */
export function identitySettings<P extends string>(prefix: P, service: string, azureScope: string) {
  const optionalText = z.string().optional();
  return prefixed(prefix, {
    AUTH: authentication.describe(`How Cast shows the ${service} who it is.`),
    SCOPE: optionalText.describe(
      `Scope of tokens for the ${service}. Default with a managed identity or ${prefix}_AUTHORITY: ${azureScope}.`,
    ),
    AUDIENCE: optionalText.describe(
      `Audience of tokens for the ${service}, where its authorization server wants one (client-credentials).`,
    ),
    AUTHORITY: httpUrl
      .optional()
      .describe(
        `Entra ID authority with the tenant, such as https://login.microsoftonline.com/contoso.com, for the ${service}; instead of ${prefix}_TOKEN_URL (client-credentials).`,
      ),
    TOKEN_URL: serviceUrl
      .optional()
      .describe(`Token endpoint of any authorization server for the ${service} (client-credentials).`),
    CLIENT_ID: optionalText.describe(`Client id at the token endpoint for the ${service} (client-credentials).`),
    CLIENT_SECRET: optionalText.describe(
      `Client secret at the token endpoint for the ${service} (client-credentials); use a Key Vault reference.`,
    ),
    CLIENT_CERTIFICATE: clientCertificate
      .optional()
      .describe(
        `PEM with private key and certificate that prove who Cast is, instead of ${prefix}_CLIENT_SECRET (private_key_jwt); use a Key Vault reference.`,
      ),
    CLIENT_KEY_ID: optionalText.describe(
      `Id (kid) of the key of ${prefix}_CLIENT_CERTIFICATE in the JWK set of the client: SMART servers want it.`,
    ),
    CLIENT_ASSERTION_ALGORITHM: assertionAlgorithm.describe(
      `How ${prefix}_CLIENT_CERTIFICATE signs: RS256 or PS256 for Entra ID, RS384 or ES384 for SMART Backend Services.`,
    ),
  });
}

type Prefixed<P extends string, T> = { readonly [K in keyof T & string as `${P}_${K}`]: T[K] };

function prefixed<P extends string, T extends Readonly<Record<string, z.ZodType>>>(
  prefix: P,
  shape: T,
): Prefixed<P, T> {
  const named = Object.entries(shape).map(([name, schema]) => [`${prefix}_${name}`, schema]);
  return Object.fromEntries(named) as Prefixed<P, T>;
}

type Given = Readonly<Record<string, string | undefined>>;

/** What the settings of the two identities lack, or say twice: `NAME: what was expected`. */
export function identityProblems(given: Given): readonly string[] {
  return ['DICOM', 'FHIR']
    .filter((service) => given[`${service}_AUTH`] === 'client-credentials')
    .flatMap((service) => [
      ...exactlyOne(given, `${service}_TOKEN_URL`, `${service}_AUTHORITY`),
      ...(given[`${service}_CLIENT_ID`] === undefined
        ? [`${service}_CLIENT_ID: is needed with client-credentials`]
        : []),
      ...exactlyOne(given, `${service}_CLIENT_SECRET`, `${service}_CLIENT_CERTIFICATE`),
      ...keyProblems(given, service),
    ]);
}

function exactlyOne(given: Given, first: string, second: string): readonly string[] {
  if (given[first] === undefined && given[second] === undefined)
    return [`${first}: it or ${second} is needed with client-credentials`];
  return given[first] !== undefined && given[second] !== undefined
    ? [`${second}: expected nothing, because ${first} is set`]
    : [];
}

function keyProblems(given: Given, service: string): readonly string[] {
  const name = `${service}_CLIENT_CERTIFICATE`;
  const key = keyOf(given[name]);
  const chosen = given[`${service}_CLIENT_ASSERTION_ALGORITHM`] ?? 'RS256';
  const algorithm = assertionAlgorithms.find((known): known is AssertionAlgorithm => known === chosen);
  // A PEM or an algorithm that is none is told by the check of its own setting.
  if (key === undefined || algorithm === undefined) return [];
  const problem = signerProblem({ key, algorithm, keyId: given[`${service}_CLIENT_KEY_ID`] });
  return problem === undefined ? [] : [`${name}: ${problem}`];
}

function keyOf(pem: string | undefined): ClientKey | undefined {
  try {
    return pem === undefined ? undefined : readClientKey(pem);
  } catch {
    return undefined;
  }
}
