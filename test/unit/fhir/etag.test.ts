import { normalisedEtag } from '../../../src/fhir/etag';
import { readLocation } from '../../../src/fhir/location';

describe('an ETag', () => {
  it.each(['1', '"1"', 'W/"1"', ' W/"1" '])('has one form however it is written: %j', (text) => {
    expect(normalisedEtag(text)).toBe('W/"1"');
  });

  it.each([undefined, '', '""', 'W/""', 'a b'])('is none when it holds no version: %j', (text) => {
    expect(normalisedEtag(text)).toBeUndefined();
  });
});

describe('a location', () => {
  it.each([
    ['Patient/a', { type: 'Patient', id: 'a' }],
    ['/Patient/a', { type: 'Patient', id: 'a' }],
    ['Patient/a/_history/2', { type: 'Patient', id: 'a', etag: 'W/"2"' }],
    ['https://h.example:8443/x/fhir/Patient/a-1.b/_history/2', { type: 'Patient', id: 'a-1.b', etag: 'W/"2"' }],
  ])('names a resource, relative or absolute: %s', (text, expected) => {
    expect(readLocation(text)).toEqual(expected);
  });

  it.each([undefined, '', 'https://h.example/', 'Patient', 'https://h.example/login?to=Patient/a'])(
    'may name none: %s',
    (text) => {
      expect(readLocation(text)).toBeUndefined();
    },
  );
});
