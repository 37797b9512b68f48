import fc from 'fast-check';
import { codeItem, element } from '../support/instances';

/** Values as they occur in the field and in the mapping's test vectors, right and wrong. */
const POOLS: Readonly<Record<string, readonly unknown[]>> = {
  '00080016:UI': [
    '1.2.840.10008.5.1.4.1.1.2',
    '1.2.840.10008.5.1.4.1.1.4',
    '1.2.840.10008.5.1.4.1.1.88.59',
    '1.2.840.10008.5.1.4.1.1.66.4',
    undefined,
  ],
  '00080020:DA': ['20240115', '2024', '202401', '20230230', '2024.01.15', '00010101', '99990101', undefined],
  '00080021:DA': ['20240115', undefined],
  '00080030:TM': ['101530', '10', '1015', '101530.123000', '235960', '250000', '10:15:30', undefined],
  '00080031:TM': ['101730.5', undefined],
  '0008002A:DT': ['20180105172103.083003', '19970101000631.737+0000', undefined],
  '00080050:SH': ['A1', ' A2 ', 'A|B,C$D\\E', '', undefined],
  '00080060:CS': ['CT', 'MR', 'SR', 'KO', 'PR', 'SEG', 'OT', 'ct scan', undefined],
  '00080201:SH': ['+0100', '-0000', 'UTC-04:00', '+1500', '0', undefined],
  '00081030:LO': ['CT Thorax', '  a  b ', 'CT\u0000', 'Thorax^TAP (Adult)', 'Müller\u0007', undefined],
  '0008103E:LO': ['Thorax 1.0', '', undefined],
  '00080090:PN': [{ Alphabetic: 'Müller' }, { Alphabetic: 'Dr. Jacobsen^^^^' }, { Alphabetic: '^' }, undefined],
  '00081050:PN': [{ Alphabetic: 'Perform^Pat' }, { Alphabetic: '^' }, undefined],
  '00081060:PN': [{ Alphabetic: 'Read^Ron' }, undefined],
  '00081070:PN': [{ Alphabetic: 'Operate^Olga' }, undefined],
  '00100010:PN': [
    { Alphabetic: 'Doe^John' },
    { Alphabetic: 'Adams^John Robert^Quincy^Rev.^B.A. M.Div.' },
    { Alphabetic: 'Yamada^Tarou', Ideographic: '山田^太郎', Phonetic: 'やまだ^たろう' },
    { Ideographic: '山田^太郎' },
    { Alphabetic: '^gn1 gn2' },
    { Alphabetic: 'آدم كوري' },
    { Alphabetic: 'A^B^C^D^E^F' },
    { Alphabetic: '' },
    undefined,
  ],
  '00100020:LO': ['123', ' 123 \u0000', '1|2', 'ÄÖ 9'],
  '00100021:LO': ['HOSP', 'A B', undefined],
  '00100030:DA': ['19290519', '1974', '197407', '19740000', '20230230', '00000000', '1974.07.10', undefined],
  '00100040:CS': ['M', 'F', 'O', 'U', 'f', 'D', '', undefined],
  '00100200:CS': ['YES', 'NO', undefined, undefined, undefined],
  '00101001:PN': [{ Alphabetic: 'Roe^Jane^Q' }, undefined],
  '00101020:DS': ['1.75', '175', 0, 'tall', undefined],
  '00101030:DS': ['81.5', 12, '-1', undefined],
  '00180015:CS': ['CHEST', 'KNEE_X', 'FETALARM', '', undefined],
  '00200060:CS': ['L', 'R', 'B', 'U', 'X', '', undefined],
  '00200062:CS': ['L', 'R', undefined],
  '00200011:IS': [1, '502', -1, 2147483648, 'x', 0, undefined],
  '00200013:IS': [1, ' 7 ', -5, undefined],
  '00280008:IS': [1, '30', undefined],
  '00380010:LO': ['V1', undefined],
  '00400243:SH': ['Room 1', undefined],
  '00081040:LO': ['Radiology', undefined],
  '00080080:LO': ['St. Example', undefined],
  '00401002:LO': ['Rule out fracture', undefined],
  '00420010:ST': ['Report', undefined],
};

const codes = [
  codeItem('X1', '99ABC', 'Head CT'),
  codeItem('T-D0010', 'SRT', 'Entire body'),
  codeItem('113820', 'DCM', 'CT Acquisition Type'),
  codeItem('36813-4', 'LN', 'CT Abdomen'),
  codeItem('R-FAB57', 'SRT', 'Abdomen'),
];

const SEQUENCES = ['00081032', '00082218', '0040100A', '00321064', '0040A043'] as const;

const instance = fc.record({
  series: fc.integer({ min: 1, max: 3 }),
  values: fc.record(Object.fromEntries(Object.entries(POOLS).map(([key, pool]) => [key, fc.constantFrom(...pool)]))),
  sequences: fc.record(
    Object.fromEntries(SEQUENCES.map((tag) => [tag, fc.option(fc.constantFrom(...codes), { nil: undefined })])),
  ),
  issuer: fc.constantFrom(
    undefined,
    ['1.2.3.4.5', 'ISO'],
    ['https://mrn.example', 'URI'],
    ['test-hospital.org', 'DNS'],
    ['A1B2C3D4-0000-4000-8000-000000000001', 'UUID'],
  ),
  request: fc.boolean(),
});

export interface RandomStudy {
  readonly studyUid: string;
  readonly datasets: readonly object[];
}

/** Studies with random attributes; the same seed gives the same studies. */
export function randomStudies(count: number, seed: number): readonly RandomStudy[] {
  const studies = fc.sample(fc.array(instance, { minLength: 1, maxLength: 6 }), { numRuns: count, seed });
  return studies.map((instances, index) => {
    const studyUid = `1.2.826.0.1.3680043.10.1338.500.${index + 1}`;
    return { studyUid, datasets: instances.map((facts, number) => datasetOf(studyUid, facts, number)) };
  });
}

type Facts = typeof instance extends fc.Arbitrary<infer T> ? T : never;

function datasetOf(studyUid: string, { series, values, sequences, issuer, request }: Facts, number: number): object {
  const dataset: Record<string, unknown> = {
    '0020000D': element('UI', studyUid),
    '0020000E': element('UI', `${studyUid}.${series}`),
    '00080018': element('UI', `${studyUid}.${series}.${number + 1}`),
  };
  for (const [key, value] of Object.entries(values)) {
    const [tag = '', vr = ''] = key.split(':');
    if (value !== undefined) dataset[tag] = element(vr, value);
  }
  for (const [tag, item] of Object.entries(sequences)) if (item !== undefined) dataset[tag] = element('SQ', item);
  if (issuer !== undefined) {
    dataset['00100024'] = element('SQ', {
      '00400032': element('UT', issuer[0]),
      '00400033': element('CS', issuer[1]),
      '00400035': element('CS', 'MR'),
    });
  }
  if (request) {
    dataset['00400275'] = element('SQ', {
      '00080050': element('SH', 'A9'),
      '00402016': element('LO', 'P-1'),
      '00402017': element('LO', 'F-1'),
      '00401002': element('LO', 'Trauma'),
      '0040100A': element('SQ', codes[0]),
    });
  }
  return dataset;
}
