import { readDataset } from '../../../src/dicom/dataset';
import { defaultMappingOptions, type MappingOptions } from '../../../src/mapping/options';
import { readPatient } from '../../../src/mapping/readPatient';
import { dicomJson } from '../../support/dicomJson';

function read(values: Record<string, unknown>, options: Partial<MappingOptions> = {}) {
  const json = dicomJson({ PatientID: '1', ...values });
  return readPatient(readDataset(json), { ...defaultMappingOptions, ...options });
}

/** The patient of a data set that has one, and the issues about it. */
function patientOf(values: Record<string, unknown>, options: Partial<MappingOptions> = {}) {
  const reading = read(values, options);
  if (reading.kind !== 'patient') throw new Error('expected a patient');
  return { ...reading.patient, issues: reading.issues };
}

const qualified = (id: string, type: string) => ({
  IssuerOfPatientIDQualifiersSequence: [dicomJson({ UniversalEntityID: id, UniversalEntityIDType: type })],
});

describe('the identity of a patient', () => {
  test('vector 17: blanks and NUL around a PatientID go', () => {
    expect(patientOf({ PatientID: ' 123 \u0000' }).identifier).toEqual({ value: '123' });
  });

  test.each([[[]], [['']], [['a', 'b']], [[null]]])('vector 18: PatientID %j is an error, not a guess', (value) => {
    const reading = read({ PatientID: value });
    expect(reading.kind).toBe('missing-id');
    expect(reading.issues).toMatchObject([{ keyword: 'PatientID', tag: '00100020', severity: 'invalid' }]);
  });

  test('vector 18: an absent PatientID is an error', () => {
    const reading = readPatient(readDataset({}), defaultMappingOptions);
    expect(reading).toMatchObject({ kind: 'missing-id', issues: [{ keyword: 'PatientID', severity: 'invalid' }] });
  });

  test('vector 19: the issuer is looked up in the configured map and kept in its own words', () => {
    const options = { issuerSystems: { HOSP: 'urn:oid:1.2.276.9' } };
    expect(patientOf({ IssuerOfPatientID: 'HOSP' }, options).identifier).toEqual({
      system: 'urn:oid:1.2.276.9',
      value: '1',
      assigner: { display: 'HOSP' },
    });
  });

  test('vector 20: an issuer that is not in the map goes behind the configured prefix, percent-encoded', () => {
    const { identifier } = patientOf({ IssuerOfPatientID: 'A B' }, { issuerPrefix: 'https://x.example/issuer/' });
    expect(identifier).toMatchObject({ system: 'https://x.example/issuer/A%20B', assigner: { display: 'A B' } });
  });

  test('vector 21: an ISO universal entity is an object identifier', () => {
    expect(patientOf(qualified('1.2.3.4.5', 'ISO')).identifier.system).toBe('urn:oid:1.2.3.4.5');
  });

  test('vector 22: a URI universal entity is the system', () => {
    expect(patientOf(qualified('https://mrn.example', 'URI')).identifier.system).toBe('https://mrn.example');
  });

  test('vector 23: a UUID universal entity becomes lower case', () => {
    const { identifier } = patientOf(qualified('A1B2C3D4-0000-4000-8000-000000000001', 'UUID'));
    expect(identifier.system).toBe('urn:uuid:a1b2c3d4-0000-4000-8000-000000000001');
  });

  test.each([
    ['test-hospital.org', 'URI'],
    ['test-hospital.org', 'DNS'],
    ['1.02.3', 'ISO'],
    ['no-uuid', 'UUID'],
  ])('vector 24: %s as %s is no system of its own, but the map and the default apply', (id, type) => {
    expect(patientOf(qualified(id, type)).identifier).toEqual({ value: '1', assigner: { display: id } });
    const options = { issuerSystems: { [id]: 'https://mapped.example' } };
    expect(patientOf(qualified(id, type), options).identifier.system).toBe('https://mapped.example');
    const fallback = { patientIdSystem: 'https://default.example' };
    expect(patientOf(qualified(id, type), fallback).identifier.system).toBe('https://default.example');
  });

  test('vector 25: an identifier type of HL7v2 table 0203 is kept, another one left out and noted', () => {
    const typed = (code: string) => ({
      IssuerOfPatientIDQualifiersSequence: [dicomJson({ IdentifierTypeCode: code })],
    });
    expect(patientOf(typed('MR')).identifier.type).toEqual({
      coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v2-0203', code: 'MR' }],
    });
    const unknown = patientOf(typed('XYZ9'));
    expect(unknown.identifier.type).toBeUndefined();
    expect(unknown.issues).toMatchObject([{ keyword: 'IdentifierTypeCode', severity: 'note' }]);
  });

  test('vector 26: without any configuration an issuer is never a system', () => {
    expect(patientOf({ IssuerOfPatientID: 'HOSP' }).identifier).toEqual({
      value: '1',
      assigner: { display: 'HOSP' },
    });
  });

  test('vector 27: other patient ids are further identifiers, not the one that is searched for', () => {
    const { identifier, otherIdentifiers } = patientOf(
      {
        OtherPatientIDsSequence: [
          dicomJson({ PatientID: '77', IssuerOfPatientID: 'LAB' }),
          dicomJson({ PatientID: '88' }),
          dicomJson({ PatientID: '1' }),
        ],
      },
      { issuerSystems: { LAB: 'https://lab.example' }, issuerDefaultSystem: 'https://any.example' },
    );
    expect(identifier).toEqual({ system: 'https://any.example', value: '1' });
    expect(otherIdentifiers).toEqual([
      { system: 'https://lab.example', value: '77', assigner: { display: 'LAB' } },
      { value: '88' },
      { value: '1' },
    ]);
  });

  test('retired other patient ids count only under a configured system', () => {
    const values = { OtherPatientIDs: ['5', '6'] };
    expect(patientOf(values).otherIdentifiers).toEqual([]);
    expect(patientOf(values, { otherPatientIdsSystem: 'https://old.example' }).otherIdentifiers).toEqual([
      { system: 'https://old.example', value: '5' },
      { system: 'https://old.example', value: '6' },
    ]);
  });
});

describe('the sex of a patient', () => {
  test.each([
    ['M', 'male'],
    ['F', 'female'],
    ['O', 'other'],
    ['U', 'unknown'],
  ])('vector 28: %s is %s', (sex, gender) => {
    expect(patientOf({ PatientSex: sex })).toMatchObject({ gender, issues: [] });
  });

  test('vector 29: an empty or absent sex asserts nothing', () => {
    for (const values of [{ PatientSex: '' }, { PatientSex: [] }, {}]) {
      const patient = patientOf(values);
      expect(patient).not.toHaveProperty('gender');
      expect(patient.issues).toEqual([]);
    }
  });

  test('vector 30: another letter is invalid and asserts nothing', () => {
    const patient = patientOf({ PatientSex: 'D' });
    expect(patient).not.toHaveProperty('gender');
    expect(patient.issues).toMatchObject([{ keyword: 'PatientSex', severity: 'invalid' }]);
  });

  test('vector 31: a lower-case letter is understood, and invalid where validation is full', () => {
    expect(patientOf({ PatientSex: 'f' })).toMatchObject({
      gender: 'female',
      issues: [{ keyword: 'PatientSex', severity: 'invalid' }],
    });
  });
});

describe('the birth date of a patient', () => {
  test.each([
    ['19290519', '1929-05-19'],
    ['1974', '1974'],
    ['197407', '1974-07'],
    ['19740000', '1974'],
    ['19740700', '1974-07'],
  ])('vector 32: %s keeps its precision: %s', (given, expected) => {
    expect(patientOf({ PatientBirthDate: given }).birthDate).toBe(expected);
  });

  test.each([
    ['20230230', 'invalid'],
    ['00000000', 'invalid'],
    ['00010101', 'note'],
    ['99990101', 'note'],
  ])('vector 33: %s is absent (%s)', (given, severity) => {
    const patient = patientOf({ PatientBirthDate: given });
    expect(patient).not.toHaveProperty('birthDate');
    expect(patient.issues.at(-1)).toMatchObject({ keyword: 'PatientBirthDate', severity });
  });

  test('vector 33: a birth date after the present date of the caller is absent', () => {
    const patient = patientOf({ PatientBirthDate: '20740710' }, { today: '2026-02-01' });
    expect(patient).not.toHaveProperty('birthDate');
    expect(patient.issues).toMatchObject([{ keyword: 'PatientBirthDate', severity: 'note' }]);
    expect(patientOf({ PatientBirthDate: '2026' }, { today: '2026-02-01' }).birthDate).toBe('2026');
  });

  test('vector 34: dots between the parts are tolerated', () => {
    expect(patientOf({ PatientBirthDate: '1974.07.10' })).toMatchObject({ birthDate: '1974-07-10', issues: [] });
  });
});

describe('further facts about a patient', () => {
  const values = {
    PatientBirthDate: '19740710',
    PatientBirthTime: '0815',
    TimezoneOffsetFromUTC: '+0200',
    PatientTelephoneNumbers: ['+49 30 1', '+49 30 2'],
    PatientAddress: ['Main Street 1'],
    PatientMotherBirthName: [{ Alphabetic: 'Roe' }],
  };

  test('contact data, mother and time of birth are not read by default', () => {
    expect(Object.keys(patientOf(values)).sort()).toEqual([
      'birthDate',
      'identifier',
      'issues',
      'names',
      'otherIdentifiers',
    ]);
  });

  test('they are read where a site asks for them', () => {
    expect(patientOf(values, { extendedDemographics: true })).toMatchObject({
      phones: ['+49 30 1', '+49 30 2'],
      addresses: ['Main Street 1'],
      mothersMaidenName: 'Roe',
      birthTime: '1974-07-10T08:15:00+02:00',
    });
  });

  test('no issue ever holds a value', () => {
    const secret = 'SECRET-VALUE';
    const keywords = ['PatientSex', 'PatientBirthDate', 'PatientBirthTime', 'TimezoneOffsetFromUTC'];
    const broken = Object.fromEntries(keywords.map((keyword) => [keyword, secret]));
    const { issues } = patientOf(broken, { extendedDemographics: true });
    expect(issues.length).toBeGreaterThan(1);
    expect(JSON.stringify(issues)).not.toContain(secret);
  });
});
