import fc from 'fast-check';
import { sameMeaning } from '../../../src/mapping/sameMeaning';
import { ctInstance, element, testUid } from '../../support/instances';
import { projection, stored, studyOf } from '../../support/mapping';

/** An instance of one of three series, each value from a small set, so that ties and contradictions are common. */
const instances = fc.record({
  series: fc.integer({ min: 1, max: 3 }),
  instance: fc.integer({ min: 1, max: 4 }),
  patient: fc.constantFrom('A', 'B'),
  description: fc.constantFrom(undefined, 'ab', 'ab c', 'Ab'),
  date: fc.constantFrom(undefined, '20240115', '20240116', '2024', 'x'),
  offset: fc.constantFrom(undefined, '+0100', '+0000'),
  accession: fc.constantFrom(undefined, 'A1', 'A2'),
  modality: fc.constantFrom(undefined, 'CT', 'SR', 'MR'),
  number: fc.constantFrom(undefined, 1, 2, 10, -1),
  bodyPart: fc.constantFrom(undefined, 'CHEST', 'KNEE_X'),
  referrer: fc.constantFrom(undefined, 'Roe^Ann', '^'),
  side: fc.constantFrom(undefined, 'L', 'R', 'X'),
});

type Instance = typeof instances extends fc.Arbitrary<infer T> ? T : never;

function jsonOf(given: Instance): unknown {
  const optional = (vr: string, value: unknown) => (value === undefined ? undefined : element(vr, value));
  return ctInstance({
    series: testUid(1, given.series),
    instance: testUid(1, given.series, given.instance),
    patientId: given.patient,
    '00080020': optional('DA', given.date),
    '00080050': optional('SH', given.accession),
    '00080060': optional('CS', given.modality),
    '00080090': optional('PN', given.referrer === undefined ? undefined : { Alphabetic: given.referrer }),
    '00080201': optional('SH', given.offset),
    '00081030': optional('LO', given.description),
    '00180015': optional('CS', given.bodyPart),
    '00200011': optional('IS', given.number),
    '00200013': optional('IS', given.number),
    '00200062': optional('CS', given.side),
  });
}

describe('the projection of a study', () => {
  const histories = fc
    .array(instances, { minLength: 1, maxLength: 12 })
    .chain((live) => fc.tuple(fc.constant(live), fc.shuffledSubarray(live, { minLength: live.length })));

  test('is the same JSON whatever the order of the instances', () => {
    fc.assert(
      fc.property(histories, fc.constantFrom('union' as const, 'plurality' as const), ([live, shuffled], accession) => {
        const [one, other] = [live, shuffled].map((list) => projection(list.map(jsonOf), { accession }));
        expect(JSON.stringify(other)).toBe(JSON.stringify(one));
      }),
    );
  });

  test('written over an earlier state, and over itself, is what a new study would be', () => {
    fc.assert(
      fc.property(histories, fc.array(instances, { minLength: 1, maxLength: 6 }), ([live], earlier) => {
        const wanted = studyOf(live.map(jsonOf));
        const before = stored(studyOf(earlier.map(jsonOf)));
        const after = stored(studyOf(live.map(jsonOf), {}, before));
        expect(sameMeaning(after, wanted)).toBe(true);
        expect(sameMeaning(after, studyOf(live.map(jsonOf), {}, after))).toBe(true);
      }),
    );
  });

  test('counts distinct instances', () => {
    fc.assert(
      fc.property(histories, ([live]) => {
        const distinct = new Set(live.map(({ series, instance }) => `${series}.${instance}`));
        expect(studyOf(live.map(jsonOf)).numberOfInstances).toBe(distinct.size);
      }),
    );
  });

  test('counts an instance that is live in two series in each of them', () => {
    const study = studyOf([1, 2].map((series) => ctInstance({ series: testUid(1, series), instance: testUid(9) })));
    expect(study).toMatchObject({ numberOfSeries: 2, numberOfInstances: 2 });
    expect(study.series?.map(({ numberOfInstances }) => numberOfInstances)).toEqual([1, 1]);
  });

  test('takes the most frequent value, and of equally frequent ones the smallest or earliest', () => {
    const described = (...texts: string[]) =>
      studyOf(
        texts.map((text, index) =>
          ctInstance({
            instance: testUid(1, 1, index),
            '00081030': element('LO', text),
            '00080020': element('DA', text === 'ab' ? '20240116' : '20240115'),
          }),
        ),
      );
    expect(described('ab c', 'ab', 'ab c')).toMatchObject({ description: 'ab c' });
    expect(described('ab c', 'ab')).toMatchObject({ description: 'ab', started: '2024-01-15T10:15:00+01:00' });
  });

  test('names one patient and remarks that there are several', () => {
    const of = (patientId: string, index: number) => ctInstance({ patientId, instance: testUid(1, 1, index) });
    const { patient, issues } = projection([of('B', 1), of('A', 2), of('B', 3)]);
    expect(patient?.identifier.value).toBe('B');
    expect(issues).toMatchObject([{ keyword: 'PatientID', severity: 'note' }]);
  });

  test('takes the side of the images only where they agree', () => {
    const sides = (...values: string[]) =>
      studyOf(
        values.map((value, index) => ctInstance({ instance: testUid(1, 1, index), '00200062': element('CS', value) })),
      ).series?.[0]?.laterality?.code;
    expect([sides('L', 'L'), sides('L', 'R')]).toEqual(['7771000', undefined]);
  });

  test('starts a series that has no date with its first acquisition', () => {
    const acquired = (time: string, index: number) =>
      ctInstance({ instance: testUid(1, 1, index), '00080021': undefined, '0008002A': element('DT', time) });
    const study = studyOf([acquired('20240115102000', 1), acquired('20240115101900', 2)]);
    expect(study.series?.[0]?.started).toBe('2024-01-15T10:19:00+01:00');
  });

  test('names performers with their role and specimens with their identifier', () => {
    const study = studyOf([
      ctInstance({
        '00081050': element('PN', { Alphabetic: 'Doe^Joe' }),
        '00081070': element('PN', { Alphabetic: 'Tech^Tim' }),
        '00400560': element('SQ', { '00400551': element('LO', 'S7') }),
      }),
    ]);
    expect(study.series?.[0]).toMatchObject({
      performer: [
        { function: { coding: [{ code: 'PRF' }] }, actor: { type: 'Practitioner', display: 'Joe Doe' } },
        { function: { coding: [{ code: 'SPRF' }] }, actor: { type: 'Practitioner', display: 'Tim Tech' } },
      ],
      specimen: [{ type: 'Specimen', identifier: { value: 'S7' } }],
    });
  });

  test('orders series and instances by number, those without one last', () => {
    const of = (uid: number, seriesNumber?: number) =>
      ctInstance({
        series: testUid(1, uid),
        ...(seriesNumber === undefined ? { '00200011': undefined } : { seriesNumber }),
      });
    const { series } = studyOf([of(1), of(2, 10), of(3, 2)]);
    expect(series?.map(({ uid }) => uid)).toEqual([testUid(1, 3), testUid(1, 2), testUid(1, 1)]);
  });

  test('of thousands of instances in hundreds of series tells one that is missing', () => {
    const many = Array.from({ length: 5000 }, (_, index) =>
      ctInstance({ series: testUid(1, index % 500), instance: testUid(1, index % 500, index), instanceNumber: index }),
    );
    const held = stored(studyOf(many));
    expect(projection(many).imagingStudy.numberOfInstances).toBe(5000);
    expect(sameMeaning(held, studyOf(many, {}, held))).toBe(true);
    expect(sameMeaning(held, studyOf(many.slice(0, 4999), {}, held))).toBe(false);
  }, 60_000);
});
