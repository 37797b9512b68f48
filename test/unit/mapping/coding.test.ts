import type { CodeItem } from '../../../src/dicom/codeSequence';
import { codeableConceptOf, codingOf, conceptKey } from '../../../src/mapping/coding';

const short = (code: string, scheme?: string, meaning?: string): CodeItem => ({
  code,
  form: 'short',
  ...(scheme === undefined ? {} : { scheme }),
  ...(meaning === undefined ? {} : { meaning }),
});

describe('a code sequence item becomes a coding', () => {
  test.each([
    [
      short('113704', 'DCM', 'Projection X-Ray'),
      { system: 'http://dicom.nema.org/resources/ontology/DCM', code: '113704' },
    ],
    [short('43799004', 'SCT', 'Chest'), { system: 'http://snomed.info/sct', code: '43799004' }],
    [short('24606-6', 'LN', 'Mammogram'), { system: 'http://loinc.org', code: '24606-6' }],
    [short('mGy', 'UCUM', 'mGy'), { system: 'http://unitsofmeasure.org', code: 'mGy' }],
    [short('mGy', 'UCM', 'mGy'), { system: 'http://unitsofmeasure.org', code: 'mGy' }],
    [short('RPID1', 'RADLEX', 'CT'), { system: 'http://www.radlex.org', code: 'RPID1' }],
    [short('J18.9', 'I10C', 'Pneumonia'), { system: 'http://hl7.org/fhir/sid/icd-10-cm', code: 'J18.9' }],
    [short('X', 'UBERON', 'x'), { system: 'urn:oid:1.2.840.10008.2.16.6', code: 'X' }],
  ])('%j names the system that FHIR gives it, and leaves displays to that system', (item, expected) => {
    expect(codingOf(item, {})).toEqual(expected);
  });

  test.each([
    ['T-D0010', 'SRT', '38266002'],
    ['T-62002', 'SRT', '10200004'],
    ['F-61FDB', '99SDM', '349358000'],
    ['C-127F9', 'SNM3', '66925006'],
  ])('the retired SNOMED identifier %s of %s is replaced', (code, scheme, current) => {
    const item = { ...short(code, scheme, 'meaning'), schemeVersion: '1.1' };
    expect(codingOf(item, {})).toEqual({ system: 'http://snomed.info/sct', code: current });
  });

  test('codes that are mislabelled as SNOMED-RT go where they belong', () => {
    expect(codingOf(short('111642', 'SRT'), {})?.system).toBe('http://dicom.nema.org/resources/ontology/DCM');
    expect(codingOf(short('43799004', 'SRT'), {})?.system).toBe('http://snomed.info/sct');
  });

  test('a retired identifier without replacement is never taken for a SNOMED CT code', () => {
    expect(codingOf(short('T-XXXXX', 'SRT', 'Odd'), {})).toEqual({
      system: 'http://snomed.info/srt',
      code: 'T-XXXXX',
      display: 'Odd',
    });
    expect(codingOf(short('T-XXXXX', 'SNM3'), {})?.system).toBe('urn:oid:2.16.840.1.113883.6.51');
  });

  test('a private code has no system, unless its scheme has a UID or a base is configured', () => {
    const item = short('X1', '99ABC', 'Head CT');
    expect(codingOf(item, {})).toEqual({ code: 'X1', display: 'Head CT' });
    expect(codingOf({ ...item, schemeUid: '1.2.3' }, {})?.system).toBe('urn:oid:1.2.3');
    expect(codingOf({ ...item, schemeUid: '2.16.840.1.113883.6.1' }, {})?.system).toBe('http://loinc.org');
    expect(codingOf(item, { codeSystemBase: 'https://h.example/codes/' })?.system).toBe(
      'https://h.example/codes/99ABC',
    );
  });

  test('a URN is its own system, and a version is kept', () => {
    expect(codingOf({ code: 'urn:oid:1.2', form: 'urn' }, {})).toEqual({
      system: 'urn:ietf:rfc:3986',
      code: 'urn:oid:1.2',
    });
    expect(codingOf({ ...short('x', 'RADLEX'), schemeVersion: '4.0' }, {})?.version).toBe('4.0');
  });

  test('the concept keeps the meaning as its text, even without a code', () => {
    expect(codeableConceptOf(short('X1', '99ABC', 'Head CT'), {})).toEqual({
      coding: [{ code: 'X1', display: 'Head CT' }],
      text: 'Head CT',
    });
    expect(codeableConceptOf({ meaning: 'Head CT' }, {})).toEqual({ text: 'Head CT' });
    expect(codeableConceptOf({}, {})).toBeUndefined();
  });

  test('concepts of reports are compared by scheme and code, not by meaning', () => {
    expect(conceptKey(short('G-C171', 'SRT', 'Laterality'))).toBe(conceptKey(short('272741003', 'SCT', 'laterality')));
    expect(conceptKey(short('113701', 'DCM', 'a'))).toBe(conceptKey(short('113701', 'DCM', 'b')));
    expect(conceptKey(short('X', '99A'))).not.toBe(conceptKey(short('X', '99B')));
  });
});
