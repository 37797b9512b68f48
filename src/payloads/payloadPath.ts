import { decodeLogicalId, encodeLogicalId } from './blobName';

/** What a person names to read payloads: all versions of a resource, all payloads of one version, or one payload. */
export interface PayloadPath {
  readonly type: { readonly kind: 'id'; readonly id: number } | { readonly kind: 'name'; readonly name: string };
  /** the FHIR id, with its dots */
  readonly logicalId: string;
  readonly version: string | undefined;
  readonly key: string | undefined;
}

/** What was expected of a path; undefined of a reading that succeeded. */
export type PayloadPathReading =
  { readonly kind: 'path'; readonly path: PayloadPath } | { readonly kind: 'refused'; readonly problem: string };

/**
 * Reads `type/logical id[/version[/key]]`, with the type by its id or by its name, and the dots of the logical id as they are or as `*`.
 * Key and version are not held to the grammar of the server's own names, so that any blob of the container can be read.
 */
export function readPayloadPath(text: string): PayloadPathReading {
  const [type = '', id = '', version, key, ...rest] = text.replace(/\/$/, '').split('/');
  if (rest.length > 0) return refused('no more than 4 parts: type/id/version/key');
  if (type === '' || id === '') return refused('at least 2 parts: type/id');
  if (version !== undefined && !/^[0-9]{1,10}$/.test(version))
    return refused('a number as version, in type/id/version');
  if (key === '') return refused('a key after the version, or no slash there');
  return {
    kind: 'path',
    path: {
      type: /^[0-9]{1,10}$/.test(type) ? { kind: 'id', id: Number(type) } : { kind: 'name', name: type },
      logicalId: decodeLogicalId(id),
      version,
      key,
    },
  };
}

/** @returns the name of the one blob of a path with a key, else what the names of its blobs begin with */
export function blobNameOrPrefix(
  typeId: number,
  { logicalId, version, key }: PayloadPath,
): { readonly kind: 'name' | 'prefix'; readonly text: string } {
  const start = `${typeId}/${encodeLogicalId(logicalId)}/`;
  if (version === undefined) return { kind: 'prefix', text: start };
  return key === undefined
    ? { kind: 'prefix', text: `${start}${version}/` }
    : { kind: 'name', text: `${start}${version}/${key}` };
}

function refused(expected: string): PayloadPathReading {
  return { kind: 'refused', problem: `expected ${expected}` };
}
