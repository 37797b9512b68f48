import type { Patient } from 'fhir/r4';
import {
  ADOPTED_TAG_SYSTEM,
  castSource,
  isAdopted,
  isOwnedBy,
  isOwnedByAnyCast,
  metaOf,
} from '../../../src/mapping/source';

describe('the source of what this project writes', () => {
  test.each([
    ['https://d.example/', 'v2', 'Microsoft.Default', 'https://d.example/v2'],
    ['https://d.example', 'v2', 'p1', 'https://d.example/v2/partitions/p1'],
    ['https://d.example', 'v2', 'p,1', 'https://d.example/v2/partitions/p,1'],
    ['https://d.example', 'v2', 'p 1/x', 'https://d.example/v2/partitions/p%201%2Fx'],
    ['https://d.example/v2/', 'v2', '', 'https://d.example/v2'],
    ['https://d.example/dicomweb', '', 'Microsoft.Default', 'https://d.example/dicomweb'],
  ])('%s, version %j, partition %j has the address %s', (base, version, partition, address) => {
    expect(castSource(base, version, partition)).toEqual({ address });
  });

  test('owns what carries its tag, and nothing of another partition', () => {
    const one = castSource('https://d.example', 'v2', 'p1');
    const two = castSource('https://d.example', 'v2', 'p2');
    const resource: Patient = { resourceType: 'Patient', meta: metaOf(one) };
    expect([isOwnedBy(resource, one), isOwnedBy(resource, two), isOwnedByAnyCast(resource)]).toEqual([
      true,
      false,
      true,
    ]);
    expect(isOwnedByAnyCast({ resourceType: 'Patient', meta: { source: one.address } })).toBe(false);
    expect(isAdopted(resource, one)).toBe(false);
    resource.meta?.tag?.push({ system: ADOPTED_TAG_SYSTEM, code: one.address });
    expect(isAdopted(resource, one)).toBe(true);
  });
});
