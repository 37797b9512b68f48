const LARGEST_INTEGER = 2_147_483_647;

const CANONICAL =
  /^([1-9][0-9]{0,9})\/([A-Za-z0-9*-]{1,64})\/([1-9][0-9]{0,9})\/([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$/;

/** What the name of a payload blob says: one version of one resource, and the key that its row must hold. */
export interface PayloadKey {
  readonly typeId: number;
  /** the FHIR id, with its dots */
  readonly logicalId: string;
  readonly version: number;
  readonly key: string;
}

export type BlobNameReading =
  | { readonly kind: 'payload'; readonly payload: PayloadKey }
  /** another spelling of a name that the server writes; it is reported, and never looked up nor deleted */
  | { readonly kind: 'non-canonical' }
  | { readonly kind: 'malformed' };

/** The server writes `*` for each dot of a logical id, because Azure allows no path segment that ends in a dot. */
export function encodeLogicalId(logicalId: string): string {
  return logicalId.replaceAll('.', '*');
}

export function decodeLogicalId(segment: string): string {
  return segment.replaceAll('*', '.');
}

/** @returns the name under which the server stores the payload */
export function payloadBlobName(payload: PayloadKey): string {
  return `${payload.typeId}/${encodeLogicalId(payload.logicalId)}/${payload.version}/${payload.key}`;
}

/**
 * Reads `<type id>/<encoded logical id>/<version>/<lower-case UUID>`, the grammar of LinuxForHealth FHIR Server's offloaded payloads.
 * It is strict because each part becomes a value of a query: a NUL, a number above 2^31-1 or a letter outside ASCII would fail the whole page.
 */
export function readBlobName(name: string): BlobNameReading {
  const payload = readCanonical(name);
  if (payload !== undefined) return { kind: 'payload', payload };
  return readCanonical(respell(name)) === undefined ? { kind: 'malformed' } : { kind: 'non-canonical' };
}

function readCanonical(name: string): PayloadKey | undefined {
  const [, type, id, versionText, key] = CANONICAL.exec(name) ?? [];
  if (type === undefined || id === undefined || versionText === undefined || key === undefined) return undefined;
  const typeId = Number(type);
  const version = Number(versionText);
  if (typeId > LARGEST_INTEGER || version > LARGEST_INTEGER) return undefined;
  return { typeId, logicalId: decodeLogicalId(id), version, key };
}

/** The spellings that the Java tool takes for the same payload: a plus sign, leading zeros, raw dots, a slash at the end. */
function respell(name: string): string {
  const segments = name.replace(/\/+$/, '').split('/');
  const [type = '', id = '', version = ''] = segments;
  return [plainNumber(type), encodeLogicalId(id), plainNumber(version), ...segments.slice(3)].join('/');
}

function plainNumber(text: string): string {
  return /^\+?[0-9]{1,20}$/.test(text) ? text.replace(/^\+?0*/, '') : text;
}
