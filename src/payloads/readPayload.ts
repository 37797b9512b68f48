import { decodeLogicalId, encodeLogicalId } from './blobName';
import type { PayloadContainer } from './container/payloadContainer';
import type { ResourceType } from './database/resourceTypes';

/** Types by their id; undefined: no database is configured that could tell them. */
export type TypeNames = ReadonlyMap<number, ResourceType> | undefined;

export interface ReadPayload {
  /** of the blob */
  readonly name: string;
  readonly typeId: number;
  /** the FHIR id, with its dots */
  readonly logicalId: string;
  readonly version: number;
  readonly key: string;
  readonly body: Buffer;
}

/** A path that names no payload. `part` is the part of the path that is wrong, where one is. */
export class InvalidPayloadPath extends Error {
  override readonly name = 'InvalidPayloadPath';
  constructor(
    readonly code:
      | 'TooFewParts'
      | 'TooManyParts'
      | 'NameNeedsDatabase'
      | 'UnknownType'
      | 'InvalidId'
      | 'InvalidVersion'
      | 'InvalidKey',
    message: string,
    readonly part?: 'type' | 'id' | 'version' | 'key',
  ) {
    super(message);
  }
}

export class PayloadNotFound extends Error {
  override readonly name = 'PayloadNotFound';
  readonly code = 'PayloadNotFound';
  constructor(container: string, blobName: string) {
    super(`blob fetch failed: ${container}:${blobName}`);
  }
}

/** What a path asks for: one payload, or all of a version or of a resource. */
export interface PayloadPath {
  readonly typeId: number;
  readonly logicalId: string;
  readonly version: number | undefined;
  readonly key: string | undefined;
}

const LARGEST_INTEGER = 2_147_483_647;

/**
 * Reads `<type>/<id>[/<version>[/<key>]]` as `--read` of the Java tool: the type by its id or its name, the logical id with its dots or with `*` in their place,
 * slashes at the end without meaning. Unlike there, a version below 1 is an error and not the same as none.
 * @throws InvalidPayloadPath
 */
export function parsePayloadPath(path: string, types: TypeNames): PayloadPath {
  const parts = path.replace(/\/+$/, '').split('/');
  const [type = '', id = '', version, key] = parts;
  if (parts.length < 2)
    throw new InvalidPayloadPath('TooFewParts', 'blobPath must contain at least 2 parts: resourceType/logicalId');
  if (parts.length > 4)
    throw new InvalidPayloadPath(
      'TooManyParts',
      'blobPath must contain no more than 4 parts: resourceType/logicalId/version/key',
    );
  if (!/^[A-Za-z0-9.*-]{1,64}$/.test(id))
    throw new InvalidPayloadPath('InvalidId', 'The logical id must be 1 to 64 letters, digits, "-", "." or "*"', 'id');
  if (key !== undefined && !/^[A-Za-z0-9_-]{1,255}$/.test(key))
    throw new InvalidPayloadPath('InvalidKey', 'The key must be a UUID, or letters, digits, "-" and "_"', 'key');
  return { typeId: typeIdOf(type, types), logicalId: decodeLogicalId(id), version: versionOf(version), key };
}

function typeIdOf(type: string, types: TypeNames): number {
  if (/^[1-9][0-9]{0,9}$/.test(type) && Number(type) <= LARGEST_INTEGER) return Number(type);
  if (types === undefined && /^[A-Za-z]+$/.test(type))
    throw new InvalidPayloadPath(
      'NameNeedsDatabase',
      'Must use resourceTypeId for path, or provide a database configuration to allow lookup',
      'type',
    );
  for (const { id, name } of types?.values() ?? []) if (name === type) return id;
  throw new InvalidPayloadPath(
    'UnknownType',
    'The type must be the id of a resource type, or the name of one that the database has, such as Patient',
    'type',
  );
}

function versionOf(version: string | undefined): number | undefined {
  if (version === undefined) return undefined;
  if (/^[1-9][0-9]{0,9}$/.test(version) && Number(version) <= LARGEST_INTEGER) return Number(version);
  throw new InvalidPayloadPath('InvalidVersion', 'The version must be an integer from 1 to 2147483647', 'version');
}

/** @returns the name of the one blob, or the prefix of all that the path asks for; it ends in a slash, so that version 7 is not 70 */
export function blobNameOf({ typeId, logicalId, version, key }: PayloadPath): string {
  const parts = [String(typeId), encodeLogicalId(logicalId), version, key].filter((part) => part !== undefined);
  return parts.join('/') + (key === undefined ? '/' : '');
}

/**
 * Reads what a path asks for, in the order of the listing. Under a prefix there may be nothing, and whatever is not stored as a payload is left out;
 * which of several keys of a version is the live one only the database knows.
 * @throws PayloadNotFound for a path with a key
 */
export async function* readPayloads(
  container: PayloadContainer,
  path: PayloadPath,
  signal: AbortSignal,
): AsyncIterable<ReadPayload> {
  const name = blobNameOf(path);
  if (path.key !== undefined) {
    const payload = await readOne(container, name, signal);
    if (payload === undefined) throw new PayloadNotFound(container.name, name);
    yield payload;
    return;
  }
  let marker: string | undefined;
  do {
    const page = await container.list({ prefix: name, marker, pageSize: 5000 }, signal);
    for (const blob of page.blobs) {
      // One that vanished since it was listed is no longer part of the answer.
      const payload = await readOne(container, blob.name, signal);
      if (payload !== undefined) yield payload;
    }
    marker = page.nextMarker;
  } while (marker !== undefined);
}

const FOUR_PARTS = /^([0-9]{1,10})\/([^/]+)\/([0-9]{1,10})\/([^/]+)$/;

async function readOne(
  container: PayloadContainer,
  name: string,
  signal: AbortSignal,
): Promise<ReadPayload | undefined> {
  const [, typeId, id, version, key] = FOUR_PARTS.exec(name) ?? [];
  if (id === undefined || key === undefined) return undefined;
  const body = await container.read(name, signal);
  if (body === undefined) return undefined;
  return { name, typeId: Number(typeId), logicalId: decodeLogicalId(id), version: Number(version), key, body };
}

/** @returns the line that the Java tool prints: `Patient/a.b/7/<key>: {json}`, the type by its id where its name is not known */
export function payloadLine({ typeId, logicalId, version, key, body }: ReadPayload, types: TypeNames): string {
  const type = types?.get(typeId)?.name ?? String(typeId);
  return `${type}/${logicalId}/${version}/${key}: ${body.toString('utf8')}`;
}
