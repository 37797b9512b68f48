import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';

/** The key pair with which Cast proves who it is; the certificate is there where the authorization server knows the key by it. */
export interface ClientKey {
  readonly privateKey: KeyObject;
  readonly certificate: X509Certificate | undefined;
}

/** The PEM of a client holds no key that can be used. Its text says what was expected, never what was found. */
export class ClientKeyInvalid extends Error {
  readonly code = 'ClientKeyInvalid';
  constructor(expected: string) {
    super(`expected ${expected}`);
    this.name = 'ClientKeyInvalid';
  }
}

const BLOCK = /-----BEGIN ([A-Z ]+)-----([A-Za-z0-9+/=\s]+)-----END \1-----/g;

/** The kinds of DER that the labels stand for (RFC 7468, RFC 8017, RFC 5915). */
const KEY_TYPES: Readonly<Record<string, 'pkcs8' | 'pkcs1' | 'sec1'>> = {
  'PRIVATE KEY': 'pkcs8',
  'RSA PRIVATE KEY': 'pkcs1',
  'EC PRIVATE KEY': 'sec1',
};

/**
 * Reads a PEM with one unencrypted private key and, usually, its certificate, with or without the chain: what Key Vault gives for a
 * certificate whose content type is application/x-pem-file. Line breaks may be written as `\n` or be lost, as portals do it.
 * @throws ClientKeyInvalid
 */
export function readClientKey(pem: string): ClientKey {
  const blocks = [...pem.replaceAll('\\n', '\n').matchAll(BLOCK)].map(([, label = '', body = '']) => ({
    label,
    der: Buffer.from(body, 'base64'),
  }));
  const [key, ...otherKeys] = blocks.flatMap(({ label, der }) => {
    const type = KEY_TYPES[label];
    return type === undefined ? [] : [{ type, der }];
  });
  if (key === undefined || otherKeys.length > 0) throw new ClientKeyInvalid('a PEM with one unencrypted private key');
  const privateKey = parsed('a PEM with a private key', () =>
    createPrivateKey({ key: key.der, format: 'der', type: key.type }),
  );
  const certificates = blocks
    .filter(({ label }) => label === 'CERTIFICATE')
    .map(({ der }) => parsed('a PEM with an X.509 certificate', () => new X509Certificate(der)));
  const certificate = certificates.find((candidate) => candidate.checkPrivateKey(privateKey));
  if (certificates.length > 0 && certificate === undefined)
    throw new ClientKeyInvalid('a PEM whose certificate belongs to its private key');
  return { privateKey, certificate };
}

/** OpenSSL's own errors may quote what they read. */
function parsed<T>(expected: string, read: () => T): T {
  try {
    return read();
  } catch {
    throw new ClientKeyInvalid(expected);
  }
}
