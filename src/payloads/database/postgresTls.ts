import type { ConnectionOptions } from 'node:tls';

/** Of libpq and of the JDBC driver (`sslmode`), where `prefer` is the default: whoever is in between can make it plain text. Their `allow` is missing. */
export const sslModes = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
export type SslMode = (typeof sslModes)[number];

/**
 * @param rootCertificate PEM of the authority (`sslrootcert`); without it those that Node.js knows are trusted
 * @returns what the driver needs; false: no encryption
 */
export function tlsOptions(mode: SslMode, rootCertificate?: string): ConnectionOptions | false {
  const authority = rootCertificate === undefined ? {} : { ca: rootCertificate };
  switch (mode) {
    case 'disable':
      return false;
    case 'prefer':
      return { rejectUnauthorized: false };
    case 'require':
      // As libpq has it: with a root certificate `require` also verifies the authority.
      return rootCertificate === undefined
        ? { rejectUnauthorized: false }
        : { ...authority, checkServerIdentity: anyName };
    case 'verify-ca':
      return { ...authority, checkServerIdentity: anyName };
    case 'verify-full':
      return authority;
  }
}

const anyName = (): undefined => undefined;
