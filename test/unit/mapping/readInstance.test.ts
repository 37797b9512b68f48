import { readDataset } from '../../../src/dicom/dataset';
import { defaultMappingOptions, type MappingOptions } from '../../../src/mapping/options';
import { readInstance } from '../../../src/mapping/readInstance';
import { dicomJson } from '../../support/dicomJson';
import { type CtInstanceOptions, codeItem, ctInstance, element } from '../../support/instances';
import { projection, STUDY_UID, studyOf } from '../../support/mapping';

function read(overrides: CtInstanceOptions, options: Partial<MappingOptions> = {}) {
  return readInstance(readDataset(ctInstance(overrides)), { ...defaultMappingOptions, ...options });
}

describe('what makes an instance invalid', () => {
  test('nothing in a complete one, under either validation', () => {
    expect(read({}, { validation: 'full' })).toMatchObject({ kind: 'valid', issues: [] });
  });

  test.each<[string, CtInstanceOptions]>([
    ['SOPInstanceUID', { '00080018': undefined }],
    ['SeriesInstanceUID', { '0020000E': undefined }],
    ['PatientID', { '00100020': undefined }],
  ])('a missing %s, under partial validation too', (keyword, overrides) => {
    expect(read(overrides)).toMatchObject({
      kind: 'invalid',
      missing: keyword,
      issues: [{ keyword, severity: 'invalid' }],
    });
  });

  test.each<[string, CtInstanceOptions]>([
    ['SOPInstanceUID', { '00080018': element('UI', 'no uid') }],
    ['SeriesInstanceUID', { '0020000E': element('UI', `1.${'2'.repeat(64)}`) }],
    ['PatientID', { '00100020': element('LO', 'a', 'b') }],
  ])('a broken %s, and it is said once', (keyword, overrides) => {
    const reading = read(overrides);
    expect(reading.kind).toBe('invalid');
    expect(reading.issues.filter(({ severity }) => severity === 'invalid')).toMatchObject([{ keyword }]);
    expect(reading.issues).toHaveLength(1);
  });

  test.each<[string, CtInstanceOptions]>([
    ['StudyDate', { '00080020': element('DA', 'yesterday') }],
    ['SeriesNumber', { '00200011': element('IS', -1) }],
    ['Modality', { '00080060': element('CS', 'c t  scan') }],
    ['PatientSex', { '00100040': element('CS', 'X') }],
    ['ProcedureCodeSequence', { '00081032': element('SQ', 'Head CT') }],
    ['AnatomicRegionSequence', { '00180015': undefined, '00082218': element('SQ', 'Head') }],
    ['SpecimenDescriptionSequence', { '00400560': element('SQ', 'S1') }],
    ['ConceptNameCodeSequence', { '0040A043': element('SQ', 'Title') }],
    ['RequestAttributesSequence', { '00400275': element('SQ', 'order') }],
  ])('an invalid %s only under full validation; else it is left out', (keyword, overrides) => {
    const issues = [{ keyword, severity: 'invalid' }];
    expect(read(overrides)).toMatchObject({ kind: 'valid', issues });
    expect(read(overrides, { validation: 'full' })).toMatchObject({ kind: 'invalid', issues });
  });

  test('not a remark, such as two values where one belongs, under either validation', () => {
    const reading = read({ '00080060': element('CS', 'CT', 'MR') }, { validation: 'full' });
    expect(reading).toMatchObject({ kind: 'valid', issues: [{ keyword: 'Modality', severity: 'note' }] });
  });

  test('no issue holds a value', () => {
    const reading = read({ '00080020': element('DA', 'SECRET'), '00080060': element('CS', 'SECRET  x') });
    expect(reading.issues).toHaveLength(2);
    expect(JSON.stringify(reading.issues)).not.toContain('SECRET');
  });
});

describe('an instance that was listed under a study', () => {
  const listed = (studyUid: unknown[] | undefined, options: Partial<MappingOptions> = {}) =>
    readInstance(
      readDataset(ctInstance({ '0020000D': studyUid === undefined ? undefined : element('UI', ...studyUid) })),
      { ...defaultMappingOptions, ...options },
      STUDY_UID,
    );

  test.each([[[STUDY_UID]], [[`${STUDY_UID}\0`]], [undefined], [[]]])('belongs to it as %j', (studyUid) => {
    expect(listed(studyUid, { validation: 'full' })).toMatchObject({ kind: 'valid', issues: [] });
  });

  test('is invalid when it says that it belongs to another, under partial validation too', () => {
    const reading = listed(['1.2.3.4']);
    expect(reading).toMatchObject({
      kind: 'invalid',
      seriesUid: `${STUDY_UID}.1`,
      instanceUid: `${STUDY_UID}.1.1`,
      issues: [{ keyword: 'StudyInstanceUID', severity: 'invalid' }],
    });
    expect(reading).not.toHaveProperty('missing');
    expect(JSON.stringify(reading.issues)).not.toContain('1.2.3.4');
  });

  test('is believed to belong to it when its own word is no UID, but for full validation', () => {
    const issues = [{ keyword: 'StudyInstanceUID', severity: 'invalid' }];
    expect(listed(['study'])).toMatchObject({ kind: 'valid', issues });
    expect(listed(['study'], { validation: 'full' })).toMatchObject({ kind: 'invalid', issues });
  });
});

describe('an instance without PatientID, where that is let through', () => {
  const options = { missingPatientId: 'placeholder' } as const;

  test('is valid under both validations, and is remarked', () => {
    for (const validation of ['partial', 'full'] as const) {
      const reading = read({ '00100020': undefined }, { ...options, validation });
      expect(reading).toMatchObject({ kind: 'valid', issues: [{ keyword: 'PatientID', severity: 'note' }] });
    }
  });

  test('gives a study without a patient, unless other instances name one', () => {
    const nameless = ctInstance({ '00100020': undefined });
    expect(projection([nameless], options).patient).toBeUndefined();
    const named = ctInstance({ instance: '1.2.3.9' });
    expect(projection([nameless, nameless, named], options).patient?.identifier.value).toBe('PATIENT-1');
  });
});

describe('text that FHIR does not allow', () => {
  test('a code with runs of blanks keeps single ones', () => {
    const study = studyOf([ctInstance({ '00081032': element('SQ', codeItem(' AB   C ', '99X', 'Head')) })]);
    expect(study.procedureCode?.[0]?.coding?.[0]?.code).toBe('AB C');
  });

  test('a URN code that is none has no system', () => {
    const item = (code: string) => dicomJson({ URNCodeValue: code, CodeMeaning: 'Head' });
    const codings = ['urn:oid:1.2.3', 'head'].map(
      (code) => studyOf([ctInstance({ '00081032': element('SQ', item(code)) })]).procedureCode?.[0]?.coding?.[0],
    );
    expect(codings).toEqual([
      { system: 'urn:ietf:rfc:3986', code: 'urn:oid:1.2.3' },
      { code: 'head', display: 'Head' },
    ]);
  });

  test('a modality that is no code is said to be unknown', () => {
    const [series] = studyOf([ctInstance({ '00080060': element('CS', 'ct scan') })]).series ?? [];
    expect(series?.modality).not.toHaveProperty('code');
  });

  test('text of more than a megabyte is cut off and remarked', () => {
    const instance = ctInstance({ '00081030': element('LO', 'x'.repeat(1_048_577)) });
    expect(studyOf([instance]).description).toHaveLength(1_048_576);
    expect(readInstance(readDataset(instance), defaultMappingOptions).issues).toMatchObject([
      { keyword: 'StudyDescription', severity: 'note' },
    ]);
  });

  test('half of a surrogate pair is replaced', () => {
    expect(studyOf([ctInstance({ '00081030': element('LO', 'a\ud800b') })]).description).toBe('a\ufffdb');
  });
});
