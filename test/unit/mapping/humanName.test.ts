import { readDataset } from '../../../src/dicom/dataset';
import { Attribute } from '../../../src/dicom/attributes';
import { personNameValue } from '../../../src/dicom/personName';
import { displayName, humanNames } from '../../../src/mapping/humanName';
import { NAME_REPRESENTATION_EXTENSION } from '../../../src/mapping/systems';

/** Reads `Value` of PatientName and maps it as the names of a patient. */
function named(...values: unknown[]) {
  const { value, issues } = personNameValue(
    readDataset({ '00100010': { vr: 'PN', Value: values } }),
    Attribute.PatientName,
  );
  return { names: value === undefined ? [] : humanNames(value, { middleNameQualifier: false }, 'usual'), issues };
}

const represented = (valueCode: string) => [{ url: NAME_REPRESENTATION_EXTENSION, valueCode }];

describe('a person name becomes FHIR names', () => {
  test('vector 1: family and given', () => {
    expect(named({ Alphabetic: 'Doe^John' })).toEqual({
      names: [{ use: 'usual', family: 'Doe', given: ['John'], text: 'John Doe' }],
      issues: [],
    });
  });

  test('vector 2: several given names, prefix and suffixes', () => {
    expect(named({ Alphabetic: 'Adams^John Robert^Quincy^Rev.^B.A. M.Div.' }).names).toEqual([
      {
        use: 'usual',
        family: 'Adams',
        given: ['John', 'Robert', 'Quincy'],
        prefix: ['Rev.'],
        suffix: ['B.A.', 'M.Div.'],
        text: 'Rev. John Robert Quincy Adams B.A. M.Div.',
      },
    ]);
  });

  test('vector 3: suffixes that are separated by a comma keep their words together', () => {
    const [name] = named({ Alphabetic: 'Morrison-Jones^Susan^^^Ph.D., Chief Executive Officer' }).names;
    expect(name?.suffix).toEqual(['Ph.D.', 'Chief Executive Officer']);
  });

  const yamada = [
    { extension: represented('ABC'), use: 'usual', family: 'Yamada', given: ['Tarou'], text: 'Tarou Yamada' },
    { extension: represented('IDE'), use: 'usual', family: '山田', given: ['太郎'], text: '山田 太郎' },
    { extension: represented('SYL'), use: 'usual', family: 'やまだ', given: ['たろう'], text: 'やまだ たろう' },
  ];

  test('vector 4: alphabetic, ideographic and phonetic groups are three names', () => {
    const value = { Alphabetic: 'Yamada^Tarou', Ideographic: '山田^太郎', Phonetic: 'やまだ^たろう' };
    expect(named(value).names).toEqual(yamada);
  });

  test('vector 5: three groups of a Korean name', () => {
    const value = { Alphabetic: 'Hong^Gildong', Ideographic: '洪^吉洞', Phonetic: '홍^길동' };
    const { names } = named(value);
    expect(names.map((name) => name.extension?.[0]?.valueCode)).toEqual(['ABC', 'IDE', 'SYL']);
    expect(names.map((name) => name.family)).toEqual(['Hong', '洪', '홍']);
  });

  test('vector 6: alphabetic and ideographic groups of a Chinese name', () => {
    const { names } = named({ Alphabetic: 'Wang^XiaoDong', Ideographic: '王^小東' });
    expect(names.map((name) => name.extension?.[0]?.valueCode)).toEqual(['ABC', 'IDE']);
  });

  test('vector 7: a name in the alphabetic group alone is not marked, whatever its script', () => {
    const { names } = named({ Alphabetic: 'やまだ^たろう' });
    expect(names).toEqual([{ use: 'usual', family: 'やまだ', given: ['たろう'], text: 'たろう やまだ' }]);
  });

  test('vector 8: groups in one string are split at the equals sign', () => {
    expect(named('Yamada^Tarou=山田^太郎=やまだ^たろう').names).toEqual(yamada);
    expect(named({ Alphabetic: 'Yamada^Tarou=山田^太郎=やまだ^たろう' }).names).toEqual(yamada);
  });

  test('vector 9: an ideographic group alone is marked', () => {
    const { names } = named({ Ideographic: '山田^太郎' });
    expect(names).toEqual([yamada[1]]);
  });

  test('vector 10: a name without components is a family name, its text unchanged', () => {
    expect(named({ Alphabetic: 'آدم كوري' }).names).toEqual([{ use: 'usual', family: 'آدم كوري' }]);
  });

  test.each([['^'], ['^^^^'], [''], [null], [{ Alphabetic: '' }], [{}]])(
    'vector 11: %j is no name and no issue',
    (value) => {
      expect(named(value)).toEqual({ names: [], issues: [] });
    },
  );

  test('vector 12: given names without a family name', () => {
    expect(named('^gn1 gn2').names).toEqual([{ use: 'usual', given: ['gn1', 'gn2'], text: 'gn1 gn2' }]);
  });

  test('vector 13: blanks and NUL around components go', () => {
    const [name] = named(' Doe^Joe    \u0000').names;
    expect(name).toMatchObject({ family: 'Doe', given: ['Joe'] });
  });

  test('vector 14: a family name keeps its words', () => {
    expect(named('Dr. Jacobsen^^^^').names).toEqual([{ use: 'usual', family: 'Dr. Jacobsen' }]);
  });

  test('vector 15: components beyond five are suffixes, and noted', () => {
    const { names, issues } = named('A^B^C^D^E^F');
    expect(names[0]).toMatchObject({ family: 'A', given: ['B', 'C'], prefix: ['D'], suffix: ['E', 'F'] });
    expect(issues).toMatchObject([{ keyword: 'PatientName', severity: 'note' }]);
  });

  test('vector 16: of two names the first counts, and it is noted', () => {
    const { names, issues } = named({ Alphabetic: 'Doe^John' }, { Alphabetic: 'Roe^Jane' });
    expect(names).toHaveLength(1);
    expect(names[0]?.family).toBe('Doe');
    expect(issues).toMatchObject([{ keyword: 'PatientName', severity: 'note' }]);
  });

  test('a value that is no name is invalid, and its value is not told', () => {
    const { names, issues } = named(4711);
    expect(names).toEqual([]);
    expect(issues).toMatchObject([{ keyword: 'PatientName', severity: 'invalid' }]);
    expect(JSON.stringify(issues)).not.toContain('4711');
  });

  test('the display of a person is written as people write it', () => {
    const { value } = personNameValue(
      readDataset({ '00080090': { vr: 'PN', Value: [{ Alphabetic: 'Müller^Eva^^Dr.' }] } }),
      Attribute.ReferringPhysicianName,
    );
    expect(value && displayName(value)).toBe('Dr. Eva Müller');
  });
});
