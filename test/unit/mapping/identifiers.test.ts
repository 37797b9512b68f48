import { accessionIdentifier, studyIdentifier, typedIdentifier } from '../../../src/mapping/identifiers';
import { defaultMappingOptions } from '../../../src/mapping/options';

const DCM = 'http://dicom.nema.org/resources/ontology/DCM';
const V2_0203 = 'http://terminology.hl7.org/CodeSystem/v2-0203';

describe('identifiers', () => {
  test('a study is found by its UID as an object identifier', () => {
    expect(studyIdentifier('1.2.3')).toEqual({
      type: { coding: [{ system: DCM, code: '110180' }] },
      system: 'urn:dicom:uid',
      value: 'urn:oid:1.2.3',
    });
  });

  test('an accession number has the system of its issuer, else the configured one, else none', () => {
    const type = {
      coding: [
        { system: V2_0203, code: 'ACSN' },
        { system: DCM, code: '121022' },
      ],
    };
    const issuer = { universal: { id: 'http://h.example/acsn', type: 'URI' } };
    const options = { ...defaultMappingOptions, accessionSystem: 'https://h.example/accessions' };
    expect(accessionIdentifier('A1', issuer, options)).toMatchObject({
      type,
      system: 'http://h.example/acsn',
      value: 'A1',
    });
    expect(accessionIdentifier('A1', undefined, options).system).toBe('https://h.example/accessions');
    expect(accessionIdentifier('A1', undefined, defaultMappingOptions)).toEqual({ type, value: 'A1' });
  });

  test('an order number keeps its issuer in its own words', () => {
    expect(typedIdentifier('77', 'PLAC', { local: 'RIS' }, defaultMappingOptions)).toEqual({
      type: { coding: [{ system: V2_0203, code: 'PLAC' }] },
      value: '77',
      assigner: { display: 'RIS' },
    });
  });
});
