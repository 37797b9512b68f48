import { createHash } from 'node:crypto';
import { payloadBlobName, type PayloadKey } from '../../src/payloads/blobName';

/** Resource types of the generated payloads, with the ids that every FHIR server gives them, and their part of the whole in tenths. */
export const TYPES = [
  { id: 97, name: 'Observation', tenths: 6 },
  { id: 62, name: 'ImagingStudy', tenths: 3 },
  { id: 104, name: 'Patient', tenths: 1 },
] as const;

const VERSIONS_OF_A_RESOURCE = 2;
const TYPE_BY_TENTH = TYPES.flatMap(({ id, tenths }) => Array.from({ length: tenths }, () => id));

/** So many payloads, the same ones in every process: ids as the server makes them (time in hexadecimal and a UUID), two versions each. */
export function generatedPayloads(count: number): readonly PayloadKey[] {
  return Array.from({ length: count }, (_, index) => {
    const resource = Math.floor(index / VERSIONS_OF_A_RESOURCE);
    return {
      typeId: TYPE_BY_TENTH[resource % 10] ?? 97,
      logicalId: `${(0x19b00000000 + resource).toString(16)}-${uuid(`resource ${resource}`)}`,
      version: (index % VERSIONS_OF_A_RESOURCE) + 1,
      key: uuid(`payload ${index}`),
    };
  });
}

/** Spread evenly over all names. @param share from 0 to 1 */
export function isOrphan(index: number, share: number): boolean {
  return (index * 7919) % 1000 < share * 1000;
}

export function orphansAmong(count: number, share: number): number {
  return Array.from({ length: count }, (_, index) => index).filter((index) => isOrphan(index, share)).length;
}

/** Among the payloads that a list of all of them names first. */
export function orphansAmongFirst(names: number, count: number, share: number): number {
  return generatedPayloads(count)
    .map((payload, index) => ({ name: payloadBlobName(payload), index }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .slice(0, names)
    .filter(({ index }) => isOrphan(index, share)).length;
}

function uuid(text: string): string {
  const hash = createHash('md5').update(text).digest('hex');
  return [hash.slice(0, 8), hash.slice(8, 12), `4${hash.slice(13, 16)}`, `a${hash.slice(17, 20)}`, hash.slice(20)].join(
    '-',
  );
}
