import { quantityOf } from '../../../../src/mapping/observations/quantity';
import { isUcum } from '../../../../src/mapping/observations/ucum';

describe('units', () => {
  test.each([
    'mGy.cm',
    'Gy.m2',
    'dGy.cm2',
    'uGy.m2',
    'mGy',
    's',
    'min',
    'ms',
    'MBq',
    'cm3',
    'ml',
    'mL',
    'mA',
    'mA.s',
    'kV',
    'mSv',
    '1',
    '%',
    '{events}',
    'mSv/(mGy.cm)',
    '1/min',
    '/min',
    'mGy/{scan}',
    'kg/m2',
    "[hnsf'U]",
    '10*6/L',
    'Ci',
    'deg',
  ])('%s is one of UCUM', (code) => expect(isUcum(code)).toBe(true));

  test.each([
    'mGycm',
    'Gym2',
    '{X-Ray sources}',
    'no units',
    'kVp',
    'mAs',
    '',
    'mGy cm',
    'events',
    'mGy..cm',
    'mGy.',
    'mSv/(mGy',
    'x'.repeat(5000),
  ])('%s is none', (code) => expect(isUcum(code)).toBe(false));

  test.each([
    ['mGycm', 'mGy.cm'],
    ['Gym2', 'Gy.m2'],
    ['dGycm2', 'dGy.cm2'],
    ['uGym2', 'uGy.m2'],
    ['no units', '1'],
  ])('%s is corrected to %s, and called what the device calls it', (given, expected) => {
    expect(quantityOf(1, { code: given, form: 'short', scheme: 'UCUM', meaning: 'its name' })).toEqual({
      value: 1,
      unit: 'its name',
      system: 'http://unitsofmeasure.org',
      code: expected,
    });
  });

  test('a unit of another scheme is text only, and no unit is none', () => {
    expect(quantityOf(1, { code: 'mGy', form: 'short', scheme: '99X' })).toEqual({ value: 1, unit: 'mGy' });
    expect(quantityOf(1, undefined)).toEqual({ value: 1 });
  });
});
