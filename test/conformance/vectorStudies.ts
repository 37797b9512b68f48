import type { DicomJson, DicomJsonElement } from '../../local/dicom/dicomJson';
import { codeItem, ctInstance, element, testUid } from '../support/instances';

/** A study for one input of a vector of the mapping. */
export interface VectorStudy {
  readonly vector: number;
  readonly studyUid: string;
  readonly datasets: readonly DicomJson[];
}

type Overrides = NonNullable<Parameters<typeof ctInstance>[0]>;
/** One object, or several, each by what it has beside, or instead of, the elements of a small CT image. */
type Input = Overrides | readonly Overrides[];

const name = (value: unknown): Overrides => ({ '00100010': element('PN', value) });
const patientId = (...values: readonly unknown[]): Overrides => ({ '00100020': element('LO', ...values) });
const sex = (value: unknown): Overrides => ({ '00100040': element('CS', value) });
const birth = (value: string): Overrides => ({ '00100030': element('DA', value) });
const issued = (id: string, type: string): Overrides => ({
  '00100024': element('SQ', { '00400032': element('UT', id), '00400033': element('CS', type) }),
});
const typed = (code: string): Overrides => ({ '00100024': element('SQ', { '00400035': element('CS', code) }) });
const time = (date?: string, at?: string, zone?: string): Overrides => ({
  '00080020': date === undefined ? undefined : element('DA', date),
  '00080030': at === undefined ? undefined : element('TM', at),
  '00080201': zone === undefined ? undefined : element('SH', zone),
});
const acquired = (value: string): Overrides => ({
  '00080021': undefined,
  '00080201': undefined,
  '0008002A': element('DT', value),
});
const seriesNumber = (element: DicomJsonElement): Overrides => ({ '00200011': element });
const described = (value: unknown): Overrides => ({ '00081030': element('LO', value) });
const ko: Overrides = {
  '00080016': element('UI', '1.2.840.10008.5.1.4.1.1.88.59'),
  '00080020': element('DA', '20061026'),
  '00080060': element('CS', 'KO'),
  '00081030': element('LO', 'Manifest'),
};

/** The inputs of the vectors that are about objects other than dose reports; 107 to 114 are about searches and the Endpoint. */
const INPUTS: Readonly<Record<number, readonly Input[]>> = {
  1: [name({ Alphabetic: 'Doe^John' })],
  2: [name({ Alphabetic: 'Adams^John Robert^Quincy^Rev.^B.A. M.Div.' })],
  3: [name({ Alphabetic: 'Morrison-Jones^Susan^^^Ph.D., Chief Executive Officer' })],
  4: [name({ Alphabetic: 'Yamada^Tarou', Ideographic: '山田^太郎', Phonetic: 'やまだ^たろう' })],
  5: [name({ Alphabetic: 'Hong^Gildong', Ideographic: '洪^吉洞', Phonetic: '홍^길동' })],
  6: [name({ Alphabetic: 'Wang^XiaoDong', Ideographic: '王^小東' })],
  7: [name({ Alphabetic: 'やまだ^たろう' })],
  8: [name('Yamada^Tarou=山田^太郎=やまだ^たろう')],
  9: [name({ Ideographic: '山田^太郎' })],
  10: [name({ Alphabetic: 'آدم كوري' })],
  11: ['^', '^^^^', '', null, { Alphabetic: '' }].map(name),
  12: [name({ Alphabetic: '^gn1 gn2' })],
  13: [name({ Alphabetic: ' Doe^Joe    \u0000' })],
  14: [name({ Alphabetic: 'Dr. Jacobsen^^^^' })],
  15: [name({ Alphabetic: 'A^B^C^D^E^F' })],
  16: [{ '00100010': element('PN', { Alphabetic: 'Doe^John' }, { Alphabetic: 'Roe^Jane' }) }],
  17: [patientId(' 123 \u0000')],
  18: [patientId(), patientId(''), patientId('a', 'b')],
  19: [{ '00100021': element('LO', 'HOSP') }],
  20: [{ '00100021': element('LO', 'A B') }],
  21: [issued('1.2.3.4.5', 'ISO')],
  22: [issued('https://mrn.example', 'URI')],
  23: [issued('A1B2C3D4-0000-4000-8000-000000000001', 'UUID')],
  24: [issued('test-hospital.org', 'URI'), issued('test-hospital.org', 'DNS')],
  25: [typed('MR'), typed('XYZ9')],
  26: [{ '00100021': element('LO', 'HOSP') }],
  27: [
    {
      '00101002': element(
        'SQ',
        { '00100020': element('LO', '77'), '00100021': element('LO', 'LAB') },
        { '00100020': element('LO', '88') },
      ),
    },
  ],
  28: ['M', 'F', 'O', 'U'].map(sex),
  29: [sex(''), { '00100040': undefined }],
  30: [sex('D')],
  31: [sex('f')],
  32: ['19290519', '1974', '197407', '19740000'].map(birth),
  33: ['20230230', '00000000', '00010101', '99990101'].map(birth),
  34: [birth('1974.07.10')],
  35: [time('20240115', '101530', '+0100')],
  36: [time('20240115', '101530')],
  37: [time('20240715', '101530')],
  38: [time('20240115', '101530')],
  39: [time('20240115', undefined, '+0100')],
  40: [time(undefined, '101530', '+0100')],
  41: [time('20240115', '1015', '+0100')],
  42: [time('20240115', '10', '+0100')],
  43: [time('20160512', '100647.812000', '+0000')],
  44: [time('19970101', '000000.000', '+0000')],
  45: [time('20240115', '10:15:30', '+0530')],
  46: [time('20240115', '235960', '+0000')],
  47: [time('20240115', '250000')],
  48: [time('20240115', '101530', 'UTC-04:00')],
  49: ['0', '+1500', 'abc'].map((zone) => time('20240115', '101530', zone)),
  50: ['+1400', '-1400', '-0000'].map((zone) => time('20240115', '101530', zone)),
  51: [time('20240331', '023000')],
  52: [time('20241027', '023000')],
  53: [time('202401', '101530', '+0100')],
  54: [acquired('20180105172103.083003')],
  55: [acquired('19970101000631.737+0000')],
  56: [time('20220822', '083117.658000')],
  57: [502, '502', ' 502 ', 502.0].map((value) => seriesNumber(element('IS', value))),
  58: [-1, 2147483648, 'x', 'NaN'].map((value) => seriesNumber(element('IS', value))),
  59: [seriesNumber(element('IS', 0))],
  60: [{ vr: 'IS' }, { vr: 'IS', Value: [] }, { vr: 'IS', Value: [null] }, { vr: 'IS', Value: [''] }].map(seriesNumber),
  61: ['CT\u0000', '  a  b '].map(described),
  62: [{ '00080050': { vr: 'SH', Value: 'ACSN-235813' } as unknown as DicomJsonElement }],
  63: [{ '0008103E': undefined, ...({ '0008103e': element('LO', 'Lower case') } as Overrides) }],
  64: [{ '00081030': { Value: ['No vr'] } as unknown as DicomJsonElement }],
  65: ['1.6e-005', 0.000016].map((value) => ({ '00101030': element('DS', value) })),
  66: [{ '00101030': element('DS', '1,5') }],
  67: [{ '00189073': element('FD', '-Infinity') }] as readonly Input[],
  68: [{ '00080060': element('CS', 'CT', 'MR') }],
  69: [described('CT\u0007 Thorax')],
  70: [
    {
      '00081032': element('SQ', {
        '00080119': element('UC', 'a-very-long-code-value-of-a-private-scheme'),
        '00080102': element('SH', '99ABC'),
        '00080104': element('LO', 'Long'),
      }),
    },
  ],
  71: [{}],
  72: [
    [
      {},
      {
        series: testUid(72, 2),
        '00080016': element('UI', '1.2.840.10008.5.1.4.1.1.88.33'),
        '00080060': element('CS', 'SR'),
      },
    ],
  ],
  73: [
    [
      { '00081030': element('LO', 'Study B') },
      { '00081030': element('LO', 'Study B') },
      { ...ko, series: testUid(73, 2) },
    ],
  ],
  74: [[{ '00081030': element('LO', 'Study B') }, { '00081030': element('LO', 'Study B') }]],
  75: [{ ...ko, series: testUid(75, 2) }],
  76: [[{ ...ko, series: testUid(76, 2) }, {}, {}]],
  77: [[described('old'), described('new'), described('new')]],
  78: [{ '00080060': undefined }],
  79: ['CHEST', 'KNEE_X', 'FETALARM'].map((term) => ({ '00180015': element('CS', term) })),
  80: ['L', 'R', '', 'X'].map((side) => ({ '00200060': element('CS', side) })),
  81: [{ '00080090': element('PN', { Alphabetic: 'Müller' }) }],
  82: [{ '00081050': element('PN', { Alphabetic: '^' }) }],
  83: [{ '00081032': element('SQ', codeItem('X1', '99ABC', 'Head CT')) }],
  84: [{ '00400275': element('SQ', { '00401002': element('LO', 'Rule out fracture') }) }],
  85: [
    {
      '00080050': element('SH', 'A1'),
      '00080051': element('SQ', {
        '00400032': element('UT', 'http://h.example/acsn'),
        '00400033': element('CS', 'URI'),
      }),
    },
  ],
  86: [{}],
  87: [{}],
  88: [{}],
  89: [time('20240115', '101530', '+0000')],
};

/** One study for each input of each vector. */
export function vectorStudies(): readonly VectorStudy[] {
  return Object.entries(INPUTS).flatMap(([vector, inputs]) =>
    inputs.map((input, index) => {
      const studyUid = testUid(900, Number(vector), index + 1);
      const objects: readonly Overrides[] = Array.isArray(input) ? input : [input as Overrides];
      const datasets = objects.map((object, number) =>
        ctInstance({ study: studyUid, instance: `${studyUid}.9.${number + 1}`, ...object }),
      );
      return { vector: Number(vector), studyUid, datasets };
    }),
  );
}
