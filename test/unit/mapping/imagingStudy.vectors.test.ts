import fc from 'fast-check';
import type { ImagingStudy, ImagingStudySeries } from 'fhir/r4';
import { emptyAdoptedStudy } from '../../../src/mapping/imagingStudy';
import { defaultMappingOptions } from '../../../src/mapping/options';
import { projectStudy } from '../../../src/mapping/projectStudy';
import { sameMeaning } from '../../../src/mapping/sameMeaning';
import { castSource } from '../../../src/mapping/source';
import { dicomJson } from '../../support/dicomJson';
import { codeItem, ctInstance, element, testUid } from '../../support/instances';
import { REFERENCES, SOURCE, stored, STUDY_UID, studyOf, validInstances } from '../../support/mapping';

const DCM = 'http://dicom.nema.org/resources/ontology/DCM';
const SCT = 'http://snomed.info/sct';
const UNKNOWN = {
  extension: [{ url: 'http://hl7.org/fhir/StructureDefinition/data-absent-reason', valueCode: 'unknown' }],
};

const srInstance = () =>
  ctInstance({
    series: testUid(1, 2),
    seriesNumber: 2,
    '00080016': element('UI', '1.2.840.10008.5.1.4.1.1.88.33'),
    '00080060': element('CS', 'SR'),
    '00180015': undefined,
  });

/** The series of a study of one instance that says this. */
function seriesOf(overrides: Parameters<typeof ctInstance>[0]): ImagingStudySeries {
  const [series] = studyOf([ctInstance(overrides)]).series ?? [];
  if (series === undefined) throw new Error('expected a series');
  return series;
}

const accessionsOf = (study: ImagingStudy) =>
  (study.identifier ?? []).filter(({ type }) => type?.coding?.[0]?.code === 'ACSN').map(({ value }) => value);

/** Study B of the IHE MADO samples: 20 CT images, and a key object of another date, accession number and description. */
const madoCt = Array.from({ length: 20 }, (_, index) =>
  ctInstance({
    series: testUid(1, 1),
    instance: testUid(1, 1, index + 1),
    instanceNumber: index + 1,
    '00080020': element('DA', '20220822'),
    '00080030': element('TM', '083117.658000'),
    '00080050': element('SH', 'CT-ACCESSION'),
    '00080201': undefined,
    '00081030': element('LO', 'Study B'),
    '00180015': element('CS', 'HEAD'),
  }),
);
const madoKeyObject = ctInstance({
  series: testUid(1, 2),
  seriesNumber: 2,
  '00080016': element('UI', '1.2.840.10008.5.1.4.1.1.88.59'),
  '00080020': element('DA', '20061026'),
  '00080030': element('TM', '120000'),
  '00080050': element('SH', 'KO-ACCESSION'),
  '00080060': element('CS', 'KO'),
  '00080201': undefined,
  '00081030': element('LO', 'Manifest'),
  '00180015': undefined,
});
const PARIS = { defaultTimeZone: 'Europe/Paris' } as const;

describe('the live instances of a study become an ImagingStudy', () => {
  test('vector 71: one CT image gives one series of one instance', () => {
    expect(studyOf([ctInstance()])).toMatchObject({
      status: 'available',
      modality: [{ system: DCM, code: 'CT' }],
      numberOfSeries: 1,
      numberOfInstances: 1,
      series: [
        {
          uid: `${STUDY_UID}.1`,
          modality: { system: DCM, code: 'CT' },
          numberOfInstances: 1,
          instance: [
            {
              uid: `${STUDY_UID}.1.1`,
              sopClass: { system: 'urn:ietf:rfc:3986', code: 'urn:oid:1.2.840.10008.5.1.4.1.1.2' },
              number: 1,
            },
          ],
        },
      ],
    });
  });

  test('vector 72: a report is a series, but no acquisition modality of the study', () => {
    const study = studyOf([ctInstance(), srInstance()]);
    expect(study).toMatchObject({ modality: [{ system: DCM, code: 'CT' }], numberOfSeries: 2, numberOfInstances: 2 });
    expect(study.modality).toHaveLength(1);
    expect(study.series?.map(({ modality }) => modality.code)).toEqual(['CT', 'SR']);
    expect(studyOf([srInstance()])).not.toHaveProperty('modality');
  });

  test.each([
    ['first', [madoKeyObject, ...madoCt]],
    ['last', [...madoCt, madoKeyObject]],
  ])('vector 73: the CT images of MADO study B decide, with the key object %s', (_, instances) => {
    const study = studyOf(instances, { ...PARIS, accession: 'plurality' });
    expect(study).toMatchObject({
      started: '2022-08-22T08:31:17.658+02:00',
      description: 'Study B',
      modality: [{ system: DCM, code: 'CT' }],
      numberOfSeries: 2,
      numberOfInstances: 21,
    });
    expect(study.series?.[0]?.bodySite).toEqual({ system: SCT, code: '69536005' });
    expect(accessionsOf(study)).toEqual(['CT-ACCESSION']);
    expect(study.basedOn?.map(({ identifier }) => identifier?.value)).toEqual(['CT-ACCESSION']);
    expect(accessionsOf(studyOf(instances, PARIS))).toEqual(['CT-ACCESSION', 'KO-ACCESSION']);
  });

  test('vector 74: with the key object deleted only its accession number and series go', () => {
    const before = studyOf([...madoCt, madoKeyObject], PARIS);
    const after = studyOf(madoCt, PARIS, stored(before));
    expect(accessionsOf(after)).toEqual(['CT-ACCESSION']);
    expect(after.basedOn?.map(({ identifier }) => identifier?.value)).toEqual(['CT-ACCESSION']);
    expect(after).toMatchObject({ numberOfSeries: 1, numberOfInstances: 20 });
    expect([after.started, after.description, after.modality]).toEqual([
      before.started,
      before.description,
      before.modality,
    ]);
    expect(sameMeaning(after, studyOf(madoCt, PARIS))).toBe(true);
  });

  test('vector 75: with the CT images deleted the key object decides, and nothing is left after it', () => {
    const study = studyOf([madoKeyObject], PARIS, stored(studyOf([...madoCt, madoKeyObject], PARIS)));
    expect(study).toMatchObject({
      started: '2006-10-26T12:00:00+02:00',
      description: 'Manifest',
      numberOfInstances: 1,
    });
    expect(study).not.toHaveProperty('modality');
    expect(accessionsOf(study)).toEqual(['KO-ACCESSION']);
    expect(projectStudy({ partition: 'p', uid: STUDY_UID }, [], defaultMappingOptions)).toBeUndefined();
  });

  test('vector 76: any order, with any instance twice, gives the same JSON', () => {
    const all = [...madoCt, madoKeyObject, srInstance()];
    const expected = JSON.stringify(studyOf(all, PARIS));
    const orders = fc.shuffledSubarray([...all, ...all.slice(0, 12)], { minLength: all.length + 12 });
    fc.assert(
      fc.property(orders, (order) => expect(JSON.stringify(studyOf(order, PARIS))).toBe(expected)),
      {
        numRuns: 50,
      },
    );
  });

  test('vector 77: a description that moves image by image flips with the majority and ends new', () => {
    const moved = (updated: number) =>
      Array.from({ length: 5 }, (_, index) =>
        ctInstance({
          instance: testUid(1, 1, index + 1),
          '00081030': element('LO', index < updated ? 'New' : 'Old'),
        }),
      );
    expect([0, 1, 2, 3, 4, 5].map((updated) => studyOf(moved(updated)).description)).toEqual([
      'Old',
      'Old',
      'Old',
      'New',
      'New',
      'New',
    ]);
  });

  test('vector 78: a missing modality is said to be unknown', () => {
    expect(seriesOf({ '00080060': undefined }).modality).toEqual(UNKNOWN);
    expect(studyOf([ctInstance({ '00080060': undefined })])).not.toHaveProperty('modality');
  });

  test.each([
    ['CHEST', { system: SCT, code: '43799004' }],
    ['KNEE_X', { display: 'KNEE_X' }],
    ['FETALARM', { display: 'FETALARM' }],
  ])('vector 79: body part %s', (term, bodySite) => {
    expect(seriesOf({ '00180015': element('CS', term) }).bodySite).toEqual(bodySite);
  });

  test.each([
    ['L', '7771000'],
    ['R', '24028007'],
    ['B', '51440002'],
    ['U', '66459002'],
  ])('vector 80: laterality %s', (value, code) => {
    expect(seriesOf({ '00200060': element('CS', value) }).laterality).toEqual({ system: SCT, code });
  });

  test.each([
    ['', []],
    ['X', [{ keyword: 'Laterality', severity: 'invalid' }]],
  ])('vector 80: laterality %j is none', (value, issues) => {
    const instance = ctInstance({ '00200060': element('CS', value) });
    expect(studyOf([instance]).series?.[0]).not.toHaveProperty('laterality');
    expect(issuesOf(instance)).toMatchObject(issues);
    expect(issuesOf(instance)).toHaveLength(issues.length);
  });

  test('vector 81: the referring physician is a logical reference with a name', () => {
    const study = studyOf([ctInstance({ '00080090': element('PN', { Alphabetic: 'Müller' }) })]);
    expect(study.referrer).toEqual({ type: 'Practitioner', display: 'Müller' });
  });

  test('vector 82: a name without components is no performer', () => {
    expect(seriesOf({ '00081050': element('PN', { Alphabetic: '^' }) })).not.toHaveProperty('performer');
  });

  test('vector 83: a private procedure code has no system, unless a base for such is configured', () => {
    const instance = ctInstance({ '00081032': element('SQ', codeItem('X1', '99ABC', 'Head CT')) });
    expect(studyOf([instance]).procedureCode).toEqual([
      { coding: [{ code: 'X1', display: 'Head CT' }], text: 'Head CT' },
    ]);
    expect(studyOf([instance], { codeSystemBase: 'https://h.example/codes/' }).procedureCode).toMatchObject([
      { coding: [{ system: 'https://h.example/codes/99ABC', code: 'X1' }], text: 'Head CT' },
    ]);
  });

  test('vector 84: a reason in words only is a text', () => {
    const instance = ctInstance({
      '00400275': element('SQ', dicomJson({ ReasonForTheRequestedProcedure: 'Cough' })),
    });
    expect(studyOf([instance]).reasonCode).toEqual([{ text: 'Cough' }]);
  });

  test('vector 85: the issuer of an accession number is the system of the identifier and of the order', () => {
    const issuer = dicomJson({ UniversalEntityID: 'http://h/acsn', UniversalEntityIDType: 'URI' });
    const study = studyOf([ctInstance({ '00080050': element('SH', 'A1'), '00080051': element('SQ', issuer) })]);
    const accession = {
      type: {
        coding: [
          { system: 'http://terminology.hl7.org/CodeSystem/v2-0203', code: 'ACSN' },
          { system: DCM, code: '121022' },
        ],
      },
      system: 'http://h/acsn',
      value: 'A1',
    };
    expect(study.identifier?.[1]).toMatchObject(accession);
    expect(study.basedOn).toMatchObject([{ type: 'ServiceRequest', identifier: accession }]);
  });

  test('vector 86: an instance that was deleted and stored again is live, whatever the rows of the feed say', () => {
    const [first, second] = [ctInstance({ instance: testUid(1, 1, 1) }), ctInstance({ instance: testUid(1, 1, 2) })];
    const emptied = studyOf([first], {}, stored(studyOf([first, second])));
    expect(emptied.numberOfInstances).toBe(1);
    expect(sameMeaning(studyOf([first, second], {}, stored(emptied)), studyOf([first, second]))).toBe(true);
  });

  test('vector 87: a late row about an instance that is gone brings nothing back: only what is live counts', () => {
    const [live, gone] = [ctInstance({ instance: testUid(1, 1, 1) }), ctInstance({ instance: testUid(1, 1, 2) })];
    const study = studyOf([live], {}, stored(studyOf([live, gone])));
    expect(study.series?.[0]?.instance?.map(({ uid }) => uid)).toEqual([testUid(1, 1, 1)]);
    expect(sameMeaning(study, studyOf([live], {}, stored(study)))).toBe(true);
  });

  test("vector 88: somebody else's study stays without our instances, and says so", () => {
    const foreign: ImagingStudy = {
      resourceType: 'ImagingStudy',
      id: 's1',
      meta: { source: 'https://orders.example' },
      identifier: [{ system: 'https://orders.example/studies', value: '77' }],
      status: 'registered',
      subject: { reference: 'Patient/p' },
    };
    const adopted = stored(studyOf([ctInstance()], {}, foreign));
    expect(adopted).toMatchObject({ status: 'available', numberOfInstances: 1 });
    const emptied = emptyAdoptedStudy(adopted, SOURCE);
    expect(emptied).toMatchObject({ status: 'registered', numberOfSeries: 0, numberOfInstances: 0 });
    expect(emptied).not.toHaveProperty('series');
    expect(emptied.identifier).toContainEqual(foreign.identifier?.[0]);
  });

  test('vector 89: another spelling of the same instant and another order of series are no change', () => {
    const live = [ctInstance, srInstance].map((make) => ({ ...make(), '00080201': element('SH', '+0000') }));
    const desired = studyOf(live);
    expect(desired.started).toBe('2024-01-15T10:15:00Z');
    const held = {
      ...stored(desired),
      started: '2024-01-15T10:15:00+00:00',
      series: [...(desired.series ?? [])].reverse(),
    };
    expect(sameMeaning(held, studyOf(live, {}, held))).toBe(true);
  });

  test('vector 113: the Endpoint address has version and partition, and no slash at its end', () => {
    expect(castSource('https://d.example/', 'v2', 'Microsoft.Default').address).toBe('https://d.example/v2');
    expect(castSource('https://d.example/', 'v2', 'p1').address).toBe('https://d.example/v2/partitions/p1');
  });

  test('the study identifier is typed, the subject and the Endpoint are those given, and the tag says whose it is', () => {
    expect(studyOf([ctInstance()])).toMatchObject({
      meta: {
        source: 'https://d.example/v2',
        tag: [{ system: 'urn:fhir-imaging-functions:cast-source', code: 'https://d.example/v2' }],
      },
      identifier: [
        {
          type: { coding: [{ system: DCM, code: '110180' }] },
          system: 'urn:dicom:uid',
          value: `urn:oid:${STUDY_UID}`,
        },
        {},
      ],
      subject: REFERENCES.subject,
      endpoint: [REFERENCES.endpoint],
    });
  });
});

function issuesOf(instance: unknown): readonly object[] {
  return validInstances([instance]).flatMap(({ issues }) => issues);
}
