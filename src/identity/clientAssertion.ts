import { constants, createHash, randomUUID, sign, type SignKeyObjectInput } from 'node:crypto';
import type { ClientKey } from './clientKey';

/** Signatures of client assertions: Entra ID takes RS256 and PS256, SMART Backend Services RS384 and ES384. */
export const assertionAlgorithms = ['RS256', 'PS256', 'RS384', 'ES384'] as const;
export type AssertionAlgorithm = (typeof assertionAlgorithms)[number];

/** How the key signs, and under which id the authorization server knows it. */
export interface AssertionSigner {
  readonly key: ClientKey;
  readonly algorithm: AssertionAlgorithm;
  /** `kid`: the key's id in the client's JWK set (SMART App Launch 2, asymmetric client authentication). */
  readonly keyId: string | undefined;
}

/** SMART App Launch 2 allows five minutes from now; less leaves room for clocks that differ. */
const LIFETIME_SECONDS = 240;

/**
 * A JWT with which a client authenticates itself once (RFC 7523 2.2 and 3).
 * @param audience URL of the token endpoint
 */
export function clientAssertion(
  { key, algorithm, keyId }: AssertionSigner,
  { clientId, audience, nowMs }: { readonly clientId: string; readonly audience: string; readonly nowMs: number },
): string {
  const now = Math.floor(nowMs / 1000);
  const header = {
    alg: algorithm,
    typ: 'JWT',
    ...(keyId !== undefined && { kid: keyId }),
    ...thumbprint(key, algorithm),
  };
  const claims = {
    iss: clientId,
    sub: clientId,
    aud: audience,
    jti: randomUUID(),
    iat: now,
    nbf: now,
    exp: now + LIFETIME_SECONDS,
  };
  const signed = `${encode(header)}.${encode(claims)}`;
  return `${signed}.${signature(signed, key, algorithm)}`;
}

/** Why this key cannot sign in this way; undefined when it can. */
export function signerProblem({ key, algorithm, keyId }: AssertionSigner): string | undefined {
  const { asymmetricKeyType, asymmetricKeyDetails } = key.privateKey;
  if (algorithm === 'ES384')
    return asymmetricKeyType === 'ec' && asymmetricKeyDetails?.namedCurve === 'secp384r1'
      ? keyIdProblem(keyId)
      : 'expected an EC key on the curve P-384, because the algorithm is ES384';
  if (asymmetricKeyType !== 'rsa') return `expected an RSA key, because the algorithm is ${algorithm}`;
  if (algorithm === 'RS384') return keyIdProblem(keyId);
  return key.certificate === undefined && keyId === undefined
    ? 'expected a PEM with the certificate beside the private key, or a key id'
    : undefined;
}

/** SMART servers find the key by its `kid` alone. */
function keyIdProblem(keyId: string | undefined): string | undefined {
  return keyId === undefined ? 'expected a key id too, by which SMART servers find the key' : undefined;
}

/** Entra ID finds the certificate by its thumbprint: SHA-1 as `x5t`, SHA-256 as `x5t#S256` (RFC 7515 4.1.7 and 4.1.8). */
function thumbprint({ certificate }: ClientKey, algorithm: AssertionAlgorithm): Readonly<Record<string, string>> {
  if (certificate === undefined) return {};
  const digest = (name: string): string => createHash(name).update(certificate.raw).digest('base64url');
  return algorithm === 'RS256' ? { x5t: digest('sha1') } : { 'x5t#S256': digest('sha256') };
}

/** RFC 7518 3: the salt of PS256 is as long as its hash, ECDSA signatures are R and S side by side. */
const SIGNATURES: Readonly<
  Record<AssertionAlgorithm, { readonly hash: string; readonly options: Omit<SignKeyObjectInput, 'key'> }>
> = {
  RS256: { hash: 'sha256', options: { padding: constants.RSA_PKCS1_PADDING } },
  PS256: { hash: 'sha256', options: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } },
  RS384: { hash: 'sha384', options: { padding: constants.RSA_PKCS1_PADDING } },
  ES384: { hash: 'sha384', options: { dsaEncoding: 'ieee-p1363' } },
};

function signature(text: string, { privateKey }: ClientKey, algorithm: AssertionAlgorithm): string {
  const { hash, options } = SIGNATURES[algorithm];
  return sign(hash, Buffer.from(text), { key: privateKey, ...options }).toString('base64url');
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
