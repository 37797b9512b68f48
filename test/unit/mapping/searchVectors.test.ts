import { encodeQuery, tokenValue } from '../../../src/fhir/query';
import { endpointIdentifier } from '../../../src/mapping/endpoint';
import { studyIdentifier } from '../../../src/mapping/identifiers';
import { castSource } from '../../../src/mapping/source';

/** The keys that resources are found by, as they stand in a URL and in `ifNoneExist`. */
function keyOf({ system, value = '' }: { readonly system?: string; readonly value?: string }): string {
  return encodeQuery([['identifier', tokenValue(system, value)]]);
}

const MRN = 'http://h.example/mrn';

describe('the search for what is there already', () => {
  test('vector 107: system and value', () => {
    expect(keyOf({ system: MRN, value: '123' })).toBe('identifier=http%3A%2F%2Fh.example%2Fmrn%7C123');
  });

  test('vector 108: a bar in a PatientID', () => {
    expect(keyOf({ system: MRN, value: 'A|B' })).toBe('identifier=http%3A%2F%2Fh.example%2Fmrn%7CA%5C%7CB');
  });

  test('vector 109: comma, dollar and backslash in a PatientID', () => {
    expect(keyOf({ system: MRN, value: 'A,B$C\\D' })).toBe(
      'identifier=http%3A%2F%2Fh.example%2Fmrn%7CA%5C%2CB%5C%24C%5C%5CD',
    );
  });

  test('vector 110: what a URL reserves in a PatientID', () => {
    expect(keyOf({ system: MRN, value: 'A&B#C D+E%' })).toBe(
      'identifier=http%3A%2F%2Fh.example%2Fmrn%7CA%26B%23C%20D%2BE%25',
    );
  });

  test('vector 111: without a system only identifiers without one are meant', () => {
    expect(keyOf({ value: '123' })).toBe('identifier=%7C123');
  });

  test('vector 112: a study', () => {
    expect(keyOf(studyIdentifier('1.2.3'))).toBe('identifier=urn%3Adicom%3Auid%7Curn%3Aoid%3A1.2.3');
  });

  test('vector 114: an Endpoint whose partition has a comma', () => {
    expect(keyOf(endpointIdentifier(castSource('https://d.example', 'v2', 'p,1')))).toBe(
      'identifier=urn%3Aietf%3Arfc%3A3986%7Chttps%3A%2F%2Fd.example%2Fv2%2Fpartitions%2Fp%5C%2C1',
    );
  });
});
