import type { ImagingStudy, Patient } from 'fhir/r4';
import { sameMeaning } from '../../../src/mapping/sameMeaning';

const study: ImagingStudy = {
  resourceType: 'ImagingStudy',
  meta: { source: 'https://d.example/v2', tag: [{ system: 'urn:t', code: 'ours' }], profile: ['https://p.example/a'] },
  status: 'available',
  subject: { reference: 'Patient/p' },
  started: '2024-01-15T10:15:30.5Z',
  modality: [{ code: 'CT' }, { code: 'MR' }],
  description: 'Thorax',
  series: [
    {
      uid: '1.2',
      modality: { code: 'CT' },
      instance: [
        { uid: '1.2.1', sopClass: { code: 'a' } },
        { uid: '1.2.2', sopClass: { code: 'a' } },
      ],
    },
    { uid: '1.3', modality: { code: 'MR' } },
  ],
};

describe('a study that the server holds means the same as the wanted one', () => {
  test.each<[string, ImagingStudy]>([
    [
      'with an id and a version of the server',
      { ...study, id: '1', meta: { ...study.meta, versionId: '7', lastUpdated: '2026-01-01T00:00:00Z' } },
    ],
    ['with Z written as +00:00', { ...study, started: '2024-01-15T10:15:30.5+00:00' }],
    ['with the instant in another zone', { ...study, started: '2024-01-15T11:15:30.5+01:00' }],
    ['with zeros after the fraction', { ...study, started: '2024-01-15T10:15:30.500000Z' }],
    ['with codings in another order', { ...study, modality: [{ code: 'MR' }, { code: 'CT' }] }],
    [
      'with series and instances in another order',
      {
        ...study,
        series: (study.series ?? [])
          .map((each) => ({
            ...each,
            ...(each.instance === undefined ? {} : { instance: [...each.instance].reverse() }),
          }))
          .reverse(),
      },
    ],
    ['with a suffix behind the source', { ...study, meta: { ...study.meta, source: 'https://d.example/v2#a1b2' } }],
    [
      'with more tags and profiles',
      {
        ...study,
        meta: {
          ...study.meta,
          tag: [
            { system: 'urn:x', code: 'theirs' },
            { system: 'urn:t', code: 'ours', display: 'Ours' },
          ],
          profile: ['https://p.example/b', 'https://p.example/a'],
        },
      },
    ],
    [
      'with empty arrays',
      { ...study, note: [], series: (study.series ?? []).map((each) => ({ ...each, specimen: [] })) },
    ],
    ['with members in another order', Object.fromEntries(Object.entries(study).reverse()) as unknown as ImagingStudy],
  ])('%s', (_, held) => {
    expect(sameMeaning(held, study)).toBe(true);
  });

  test.each<[string, ImagingStudy]>([
    ['another instant', { ...study, started: '2024-01-15T10:15:30.501Z' }],
    ['another instant below the millisecond', { ...study, started: '2024-01-15T10:15:30.500001Z' }],
    ['the date alone', { ...study, started: '2024-01-15' }],
    ['another source', { ...study, meta: { ...study.meta, source: 'https://d.example/v1' } }],
    ['no tag of ours', { ...study, meta: { ...study.meta, tag: [] } }],
    ['no profile of ours', { ...study, meta: { ...study.meta, profile: [] } }],
    ['one coding more', { ...study, modality: [...(study.modality ?? []), { code: 'US' }] }],
    ['one coding twice', { ...study, modality: [{ code: 'CT' }, { code: 'CT' }, { code: 'MR' }] }],
    ['an element less', { ...study, description: undefined }],
    ['an element more', { ...study, referrer: { display: 'Rita' } }],
    ['blanks in a text', { ...study, description: 'Thorax ' }],
  ])('but not with %s', (_, held) => {
    expect(sameMeaning(held, study)).toBe(false);
  });

  test('text that Date would take for a time is compared as text', () => {
    const described = (description: string): ImagingStudy => ({ ...study, description });
    expect(sameMeaning(described('T 12 Z'), described('T 12:00 Z'))).toBe(false);
    // A description is what was typed, even where that reads as an instant.
    expect(sameMeaning(described('2024-01-15T10:15:30Z'), described('2024-01-15T11:15:30+01:00'))).toBe(false);
    const patient = (family: string): Patient => ({ resourceType: 'Patient', name: [{ family }] });
    expect(sameMeaning(patient('MRT 1 2024 Z'), patient('CT 1 2024 Z'))).toBe(false);
  });

  test('the order of given names, prefixes and suffixes counts, that of names does not', () => {
    const patient = (...names: string[][]): Patient => ({
      resourceType: 'Patient',
      name: names.map((given) => ({ given })),
    });
    expect(sameMeaning(patient(['A', 'B']), patient(['B', 'A']))).toBe(false);
    expect(sameMeaning(patient(['A'], ['B']), patient(['B'], ['A']))).toBe(true);
  });
});
