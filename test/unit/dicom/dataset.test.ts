import { Attribute } from '../../../src/dicom/attributes';
import { codeItems } from '../../../src/dicom/codeSequence';
import { MalformedDataset, readDataset } from '../../../src/dicom/dataset';
import { decimalValue, integerValue, unsignedIntValue } from '../../../src/dicom/numbers';
import { textValue, textValues } from '../../../src/dicom/text';
import { uidValue } from '../../../src/dicom/uid';
import { dataset } from '../../support/dicomJson';

const element = (vr: string, ...values: unknown[]) => ({ vr, Value: values });

describe('numbers', () => {
  const seriesNumber = (content: unknown) =>
    unsignedIntValue(readDataset({ '00200011': content }), Attribute.SeriesNumber);

  test.each([[502], ['502'], [' 502 '], [502.0]])('vector 57: %j is 502', (value) => {
    expect(seriesNumber(element('IS', value))).toEqual({ value: 502, issues: [] });
  });

  test.each([[-1], [2147483648], ['x'], ['NaN'], [1.5], ['1.5'], [{}]])(
    'vector 58: %j is left out as invalid where FHIR wants an unsignedInt',
    (value) => {
      expect(seriesNumber(element('IS', value))).toMatchObject({
        value: undefined,
        issues: [{ keyword: 'SeriesNumber', severity: 'invalid' }],
      });
    },
  );

  test('vector 59: zero is a number', () => {
    expect(seriesNumber(element('IS', 0))).toEqual({ value: 0, issues: [] });
  });

  test.each([[{ vr: 'IS' }], [{ vr: 'IS', Value: [] }], [element('IS', null)], [element('IS', '')]])(
    'vector 60: %j is absent and no issue',
    (content) => {
      const { value, issues } = seriesNumber(content);
      expect(value).toBeUndefined();
      expect(issues).toEqual([]);
      expect(readDataset({ '00200011': content }).issues).toEqual([]);
    },
  );

  test.each([['1.6e-005'], [0.000016], ['+.000016']])('vector 65: %j is 0.000016', (value) => {
    expect(decimalValue(dataset({ NumericValue: value }), Attribute.NumericValue)).toEqual({
      value: 0.000016,
      issues: [],
    });
  });

  test.each(['1,5', 'Infinity', '-Infinity', 'NaN', '0x10', '1 5'])('vector 66: %j is invalid and absent', (value) => {
    expect(decimalValue(dataset({ NumericValue: value }), Attribute.NumericValue)).toMatchObject({
      value: undefined,
      issues: [{ keyword: 'NumericValue', severity: 'invalid' }],
    });
  });

  test('minus zero is zero, and a number beyond all numbers is invalid', () => {
    const read = (json: string) =>
      decimalValue(
        readDataset({ '0040A30A': JSON.parse(`{"vr":"DS","Value":[${json}]}`) as unknown }),
        Attribute.NumericValue,
      );
    expect(Object.is(read('-0').value, 0)).toBe(true);
    expect(read('1e999')).toMatchObject({ value: undefined, issues: [{ severity: 'invalid' }] });
  });

  test('a negative whole number is fine where no unsignedInt is wanted', () => {
    expect(integerValue(dataset({ InstanceNumber: '-3' }), Attribute.InstanceNumber).value).toBe(-3);
  });

  test('of two numbers the first counts, and it is noted', () => {
    expect(integerValue(dataset({ InstanceNumber: [4, 5] }), Attribute.InstanceNumber)).toMatchObject({
      value: 4,
      issues: [{ keyword: 'InstanceNumber', severity: 'note' }],
    });
  });
});

describe('text', () => {
  test.each([
    ['CT\u0000', 'CT'],
    ['  a  b ', 'a  b'],
  ])('vector 61: %j is trimmed at its ends only: %j', (given, expected) => {
    expect(textValue(dataset({ StudyDescription: given }), Attribute.StudyDescription)).toEqual({
      value: expected,
      issues: [],
    });
  });

  test('vector 62: a value that is not in an array counts, and is noted', () => {
    const read = readDataset({ '00080050': { vr: 'SH', Value: 'ACSN-235813' } });
    expect(textValue(read, Attribute.AccessionNumber).value).toBe('ACSN-235813');
    expect(read.issues).toMatchObject([{ keyword: 'AccessionNumber', severity: 'note' }]);
  });

  test('vector 68: of two values the first counts, and it is noted', () => {
    expect(textValue(dataset({ Modality: ['CT', 'MR'] }), Attribute.Modality)).toMatchObject({
      value: 'CT',
      issues: [{ keyword: 'Modality', severity: 'note' }],
    });
  });

  test('vector 69: a control character is removed', () => {
    expect(textValue(dataset({ StudyDescription: 'a\u0007b' }), Attribute.StudyDescription).value).toBe('ab');
  });

  test('line breaks stay in attributes that may have them', () => {
    expect(textValue(dataset({ ReasonForVisit: 'one\r\ntwo\u0007' }), Attribute.ReasonForVisit).value).toBe(
      'one\r\ntwo',
    );
  });

  test('empty values between others are no values', () => {
    expect(textValues(dataset({ OtherPatientIDs: ['a', null, '', 'b'] }), Attribute.OtherPatientIDs).value).toEqual([
      'a',
      'b',
    ]);
  });

  test('a number is taken as text and noted; an object is invalid', () => {
    expect(textValue(dataset({ StudyID: 7 }), Attribute.StudyID)).toMatchObject({
      value: '7',
      issues: [{ severity: 'note' }],
    });
    expect(textValue(dataset({ StudyID: {} }), Attribute.StudyID)).toMatchObject({
      value: undefined,
      issues: [{ severity: 'invalid' }],
    });
  });
});

describe('data sets', () => {
  test('vector 63: tags in lower case and keywords are read', () => {
    const lower = readDataset({ '0008103e': element('LO', 'Thorax') });
    const keyword = readDataset({ SeriesDescription: element('LO', 'Thorax') });
    expect(textValue(lower, Attribute.SeriesDescription).value).toBe('Thorax');
    expect(textValue(keyword, Attribute.SeriesDescription).value).toBe('Thorax');
  });

  test('vector 64: a missing VR is taken from the dictionary, and noted', () => {
    const read = readDataset({ '00080060': { Value: ['CT'] } });
    expect(read.elements.get('00080060')).toEqual({ vr: 'CS', values: ['CT'] });
    expect(read.issues).toMatchObject([{ keyword: 'Modality', severity: 'note' }]);
  });

  test('vector 67: what stands in attributes that nobody reads does no harm', () => {
    const read = readDataset({
      '00189073': element('FL', '-Infinity'),
      '00091001': 'not even an element',
      nonsense: 5,
      '00080060': element('CS', 'CT'),
    });
    expect(read.issues).toEqual([]);
    expect(textValue(read, Attribute.Modality).value).toBe('CT');
  });

  test.each([[null], [undefined], ['text'], [[]], [5]])('%j is no data set', (json) => {
    expect(() => readDataset(json)).toThrow(MalformedDataset);
  });
});

describe('unique identifiers', () => {
  test('a UID keeps its form; NUL padding goes', () => {
    expect(uidValue(dataset({ SOPClassUID: '1.2.840.10008.5.1.4.1.1.2\u0000' }), Attribute.SOPClassUID)).toEqual({
      value: '1.2.840.10008.5.1.4.1.1.2',
      issues: [],
    });
  });

  test.each([
    ['0', []],
    ['1.0.1', []],
    ['1.00', [{ severity: 'note' }]],
    ['01.2', [{ severity: 'note' }]],
    [`1.${'2'.repeat(62)}`, []],
  ])('%s is one, and only leading zeros are noted', (uid, issues) => {
    expect(uidValue(dataset({ SOPClassUID: uid }), Attribute.SOPClassUID)).toMatchObject({ value: uid, issues });
  });

  test('leading zeros are noted, other characters and more than 64 of them are invalid', () => {
    expect(uidValue(dataset({ SOPClassUID: '1.02.3' }), Attribute.SOPClassUID)).toMatchObject({
      value: '1.02.3',
      issues: [{ severity: 'note' }],
    });
    for (const broken of ['urn:oid:1.2', '1..2', '1.2.', '.1', '.', '1/2', '1:2', `1.${'2'.repeat(63)}`]) {
      expect(uidValue(dataset({ SOPClassUID: broken }), Attribute.SOPClassUID)).toMatchObject({
        value: undefined,
        issues: [{ severity: 'invalid' }],
      });
    }
  });
});

describe('code sequences', () => {
  const items = (item: Record<string, unknown>, rest: Record<string, unknown> = {}) =>
    codeItems(readDataset({ '00081032': element('SQ', item), ...rest }), Attribute.ProcedureCodeSequence);

  test('vector 70: a long code counts where there is no short one', () => {
    const long = 'urn:example:a-code-that-is-longer-than-sixteen';
    expect(items({ '00080119': element('UC', long), '00080102': element('SH', '99X') })).toEqual([
      { code: long, form: 'long', scheme: '99X' },
    ]);
  });

  test('the UID of a private scheme is taken from the identification sequence of the object', () => {
    const identification = {
      '00080110': element('SQ', { '00080102': element('SH', '99ABC'), '0008010C': element('UI', '1.2.3') }),
    };
    const item = { '00080100': element('SH', 'X1 '), '00080102': element('SH', '99ABC') };
    expect(items(item, identification)).toMatchObject([{ code: 'X1', scheme: '99ABC', schemeUid: '1.2.3' }]);
  });

  test('an item of nothing but a meaning is kept, an empty one is not', () => {
    expect(items({ '00080104': element('LO', 'Head CT') })).toEqual([{ meaning: 'Head CT' }]);
    expect(items({})).toEqual([]);
  });
});
