import { sslModes, type SslMode } from '../database/postgresTls';
import { InvalidConfiguration } from './invalidConfiguration';
import { requiredProperty, type Properties } from './properties';

export interface PostgresSettings {
  readonly kind: 'postgresql';
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  /** a secret */
  readonly password: string | undefined;
  readonly schema: string;
  readonly sslMode: SslMode;
  /** path of a PEM file with the authority; undefined: those that Node.js knows */
  readonly rootCertificateFile: string | undefined;
  /** keys that mean nothing here */
  readonly ignored: readonly string[];
}

const DEFAULT_SCHEMA = 'fhirdata';

/** They tell the driver which server to take, or how to prove who is who: to leave one out would be another connection than was asked for. */
const REFUSED = new Set([
  'authenticationPluginClassName',
  'channelBinding',
  'gssEncMode',
  'hostRecheckSeconds',
  'options',
  'requireAuth',
  'service',
  'socketFactory',
  'sslcert',
  'sslfactory',
  'sslhostnameverifier',
  'sslkey',
  'sslpassword',
  'sslpasswordcallback',
  'targetServerType',
]);

const USED = new Set(['user', 'password', 'currentSchema', 'ssl', 'sslmode', 'sslrootcert']);

/** @throws InvalidConfiguration */
export function postgresSettings(file: string, properties: Properties): PostgresSettings {
  const required = (key: string, expected: string): string => requiredProperty(file, properties, key, expected);
  const others = [...properties.keys()].filter((key) => !key.startsWith('db.') && !USED.has(key));
  const refused = others.find((key) => REFUSED.has(key));
  if (refused !== undefined)
    throw new InvalidConfiguration(
      file,
      refused,
      'not supported here, and to leave it out would change the connection',
    );
  return {
    kind: 'postgresql',
    host: required('db.host', 'the host of the PostgreSQL server'),
    port: portOf(file, required('db.port', 'the port of the PostgreSQL server')),
    database: required('db.database', 'the name of the database'),
    user: required('user', 'the role to read as'),
    password: properties.get('password'),
    schema: schemaOf(file, properties),
    sslMode: sslModeOf(file, properties),
    rootCertificateFile: properties.get('sslrootcert'),
    ignored: others,
  };
}

function portOf(file: string, text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw new InvalidConfiguration(file, 'db.port', 'expected a number from 1 to 65535');
  return port;
}

/** `currentSchema` is a search path, in which PostgreSQL folds names without quotes; `db.default.schema` is a name as it is. */
function schemaOf(file: string, properties: Properties): string {
  const path = properties.get('currentSchema')?.trim();
  const [, quoted, plain] = path === undefined ? [] : (/^(?:"([^",]+)"|([^",\s]+))$/.exec(path) ?? []);
  const inPath = quoted ?? plain?.toLowerCase();
  if (path !== undefined && inPath === undefined)
    throw new InvalidConfiguration(file, 'currentSchema', 'expected the name of one schema');
  const named = properties.get('db.default.schema')?.trim();
  if (inPath !== undefined && named !== undefined && inPath !== named)
    throw new InvalidConfiguration(
      file,
      'db.default.schema',
      'expected the same schema as in currentSchema, or only one of both',
    );
  return named ?? inPath ?? DEFAULT_SCHEMA;
}

/** `allow` would try without encryption first; `prefer` is as tolerant, and safer. */
function sslModeOf(file: string, properties: Properties): SslMode {
  const mode = properties.get('sslmode')?.trim() ?? (isOn(properties.get('ssl')) ? 'verify-full' : 'prefer');
  if (mode === 'allow') return 'prefer';
  const known = sslModes.find((name) => name === mode);
  if (known !== undefined) return known;
  throw new InvalidConfiguration(file, 'sslmode', `expected allow, ${sslModes.join(', ')}`);
}

/** The driver takes `ssl` without a value for true. */
function isOn(ssl: string | undefined): boolean {
  return ssl !== undefined && ssl.trim().toLowerCase() !== 'false';
}
