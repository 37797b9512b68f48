import { Attribute } from '../../../../src/dicom/attributes';
import { sameMeaning } from '../../../../src/mapping/sameMeaning';
import { readPatient } from '../../../../src/mapping/readPatient';
import { defaultMappingOptions } from '../../../../src/mapping/options';
import {
  components,
  dicomOf,
  eventUrn,
  fixtures,
  identifiers,
  problemsOf,
  project,
  reportOf,
  reports,
  reportUrn,
  studyUid,
  ucum,
} from './doseReports';

const SCT = 'http://snomed.info/sct';
const DCM = 'http://dicom.nema.org/resources/ontology/DCM';
const UNKNOWN = { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/data-absent-reason', code: 'unknown' }] };

describe('dose reports become Observations', () => {
  test('vector 90: a CT report gives one summary and its four events, units and codes translated', () => {
    const { summaries, events, issues } = project(90, reports('ct-four-events'));
    const [summary] = summaries;
    expect(summaries).toHaveLength(1);
    expect(components(summary, '113813')).toEqual([
      { text: 'CT Dose Length Product Total', ...ucum(724.52, 'mGy.cm', 'mGycm') },
    ]);
    expect(components(summary, '113812')).toEqual([{ text: 'Total Number of Irradiation Events', valueInteger: 4 }]);
    expect(components(summary, '121058')).toEqual([
      {
        text: 'Procedure reported',
        valueCodeableConcept: { coding: [{ system: SCT, code: '77477000' }], text: 'Computed Tomography X-Ray' },
      },
    ]);
    expect(summary?.effectiveDateTime).toBe('1997-01-01T00:06:31.737Z');
    expect(summary?.valueString).toBe(
      'CT Dose Length Product Total = 724.52 mGy.cm, Total Number of Irradiation Events = 4, Procedure reported = Computed Tomography X-Ray',
    );
    expect(summary?.status).toBe('final');
    expect(events).toHaveLength(4);
    const first = events.find((event) => identifiers(event, 'irradiation-event-uid').includes(eventUrn(90, 1)));
    expect(components(first, '113830')).toEqual([{ text: 'Mean CTDIvol', ...ucum(0.14, 'mGy') }]);
    expect(components(first, '113838')).toEqual([{ text: 'DLP', ...ucum(11.51, 'mGy.cm', 'mGycm') }]);
    expect(components(first, '113835')).toEqual([
      {
        text: 'CTDIw Phantom Type',
        valueCodeableConcept: { coding: [{ system: DCM, code: '113691' }], text: 'IEC Body Dosimetry Phantom' },
      },
    ]);
    expect(first?.component?.map(({ code }) => code.coding?.[0]?.code)).toEqual([
      '113830',
      '113838',
      '113835',
      '113820',
    ]);
    expect(first?.bodySite?.coding).toEqual([{ system: SCT, code: '38266002' }]);
    expect(issues).toEqual([]);
  });

  test('vector 91: cumulative reports share their events, in whatever order they are read', () => {
    const forwards = project(91, reports('ct-cumulative-1', 'ct-cumulative-2', 'ct-cumulative-3'));
    const backwards = project(91, reports('ct-cumulative-3', 'ct-cumulative-1', 'ct-cumulative-2'));
    expect(JSON.stringify(backwards)).toBe(JSON.stringify(forwards));
    const totals = forwards.summaries.flatMap((summary) => components(summary, '113813'));
    expect(totals).toEqual(
      [7.46, 77.27, 236.09].map((value) => ({ text: 'CT Dose Length Product Total', ...ucum(value, 'mGy.cm') })),
    );
    expect(forwards.events).toHaveLength(3);
    const sharers = forwards.events.map((event) => identifiers(event, 'sop-instance-uid'));
    expect(sharers).toEqual([
      [reportUrn(91, 1), reportUrn(91, 2), reportUrn(91, 3)],
      [reportUrn(91, 2), reportUrn(91, 3)],
      [reportUrn(91, 3)],
    ]);
  });

  test('vector 92: when the last cumulative report is deleted, only what came from it alone goes', () => {
    const before = project(91, reports('ct-cumulative-1', 'ct-cumulative-2', 'ct-cumulative-3'));
    const after = project(91, reports('ct-cumulative-1', 'ct-cumulative-2'));
    expect(after.summaries).toEqual(before.summaries.slice(0, 2));
    expect(after.events.map((event) => identifiers(event, 'irradiation-event-uid'))).toEqual([
      [eventUrn(91, 1)],
      [eventUrn(91, 2)],
    ]);
    expect(after.events.map((event) => identifiers(event, 'sop-instance-uid'))).toEqual([
      [reportUrn(91, 1), reportUrn(91, 2)],
      [reportUrn(91, 2)],
    ]);
    expect(after.events.map(({ component }) => component)).toEqual(
      before.events.slice(0, 2).map(({ component }) => component),
    );
  });

  test('vector 93: two reports without a common event both count', () => {
    const { summaries, events } = project(93, reports('ct-continued-1', 'ct-continued-2'));
    expect(summaries).toHaveLength(2);
    expect(events).toHaveLength(4);
  });

  test('vector 94: an unfinished fluoroscopy report is preliminary, and a dose of 0 is kept', () => {
    const { summaries, events } = project(94, reports('rf-partial'), { defaultTimeZone: 'Europe/Berlin' });
    const [summary] = summaries;
    expect(summary?.status).toBe('preliminary');
    expect(components(summary, '113722')).toEqual([
      { text: 'Dose Area Product Total', ...ucum(0.000016, 'Gy.m2', 'Gym2') },
    ]);
    expect(components(summary, '113725')).toEqual([{ text: 'Dose (RP) Total', ...ucum(0.00252, 'Gy') }]);
    expect(components(summary, '113730')).toEqual([{ text: 'Total Fluoro Time', ...ucum(28, 's') }]);
    expect(components(summary, '113727')).toEqual([
      { text: 'Acquisition Dose Area Product Total', ...ucum(0, 'Gy.m2', 'Gym2') },
    ]);
    expect(components(summary, '113731')).toEqual([{ text: 'Total Number of Radiographic Frames', valueInteger: 0 }]);
    expect(summary?.effectiveDateTime).toBe('2018-01-05T17:21:03.083003+01:00');
    expect(summary?.component?.map(({ code }) => code.coding?.[0]?.code)).toEqual([
      '113722',
      '113725',
      '113726',
      '113727',
      '113728',
      '113729',
      '113730',
      '113731',
      '121058',
    ]);
    expect(events).toHaveLength(8);
    expect(events.every(({ status }) => status === 'preliminary')).toBe(true);
    expect(components(events[0], '122130')).toEqual([
      { text: 'Dose Area Product', ...ucum(0.000002, 'Gy.m2', 'Gym2') },
    ]);
    expect(components(events[0], '113721')).toEqual([
      {
        text: 'Irradiation Event Type',
        valueCodeableConcept: { coding: [{ system: SCT, code: '44491008' }], text: 'Fluoroscopy' },
      },
    ]);
    expect(events[0]?.effectiveDateTime).toBe('2018-01-05T17:28:03.083003+01:00');
  });

  test('vector 95: mammography has a glandular dose for each breast', () => {
    const { summaries, events } = project(95, reports('mg-both-breasts'));
    expect(components(summaries[0], '111637')).toEqual([
      { text: 'Accumulated Average Glandular Dose - Left breast', ...ucum(1.3, 'mGy') },
      { text: 'Accumulated Average Glandular Dose - Right breast', ...ucum(1.28, 'mGy') },
    ]);
    expect(events.map(({ bodySite }) => bodySite)).toEqual([
      { coding: [{ system: SCT, code: '76752008' }], text: 'Breast - Left' },
      { coding: [{ system: SCT, code: '73056007' }], text: 'Right breast' },
    ]);
    expect(components(events[0], '111631')).toEqual([{ text: 'Average Glandular Dose', ...ucum(1.3, 'mGy') }]);
  });

  test('vector 96: breasts are told by their codes, not their wording, and 0 mGy is kept', () => {
    expect(components(project(96, reports('mg-one-breast')).summaries[0], '111637')).toEqual([
      { text: 'Accumulated Average Glandular Dose - Left breast', ...ucum(0, 'mGy') },
      { text: 'Accumulated Average Glandular Dose - Right breast', ...ucum(1.09, 'mGy') },
    ]);
  });

  test('vector 97: a radiopharmaceutical report, and its administration as an event', () => {
    const { summaries, events } = project(97, reports('nm-administration'), { defaultTimeZone: 'Europe/Paris' });
    const [summary] = summaries;
    const coded = (code: string, text: string): unknown => ({ coding: [{ system: SCT, code }], text });
    const expected = [
      ['113507', { text: 'Administered activity', ...ucum(250, 'MBq') }],
      ['123005', { text: 'Radiopharmaceutical Volume', ...ucum(100, 'cm3') }],
      [
        '349358000',
        { text: 'Radiopharmaceutical agent', valueCodeableConcept: coded('35321007', 'Fluorodeoxyglucose F^18^') },
      ],
      ['89457008', { text: 'Radionuclide', valueCodeableConcept: coded('77004003', '^18^Fluorine') }],
      ['410675002', { text: 'Route of administration', valueCodeableConcept: coded('47625008', 'Intravenous route') }],
    ] as const;
    for (const [code, component] of expected) {
      expect(components(summary, code)).toEqual([component]);
      expect(components(events[0], code)).toEqual([component]);
    }
    expect(events).toHaveLength(1);
    expect(identifiers(events[0], 'irradiation-event-uid')).toEqual([`urn:oid:${studyUid(97)}.2.20220223082918.0`]);
    expect(summary?.effectiveDateTime).toBe('2022-02-23T08:29:18+01:00');
    expect(events[0]?.effectiveDateTime).toBe('2022-02-23T08:29:18+01:00');
    const patient = readPatient(reports('nm-administration')[0]!.dataset, defaultMappingOptions);
    expect(patient.kind === 'patient' && patient.patient.birthDate).toBeUndefined();
  });

  test('vector 98: what was not measured is said to be absent, not dropped', () => {
    const { summaries, events } = project(98, reports('dx-nothing-measured'));
    expect(components(summaries[0], '113725')).toEqual([{ text: 'Dose (RP) Total', dataAbsentReason: UNKNOWN }]);
    expect(components(summaries[0], '113731')).toEqual([
      {
        text: 'Total Number of Radiographic Frames',
        dataAbsentReason: { coding: [{ system: UNKNOWN.coding[0]?.system, code: 'not-performed' }] },
      },
    ]);
    expect(components(summaries[0], '113722')).toEqual([
      { text: 'Dose Area Product Total', ...ucum(0.4, 'dGy.cm2', 'dGycm2') },
    ]);
    expect(components(events[0], '113738')).toEqual([{ text: 'Dose (RP)', dataAbsentReason: UNKNOWN }]);
    expect(summaries[0]?.valueString).toContain('Dose (RP) Total = unknown');
  });

  test('vector 99: an Enhanced SR about dose is recognised, and belongs to its own study whatever its content says', () => {
    const { summaries, events } = project(99, reports('ct-enhanced-sr'));
    expect(summaries).toHaveLength(1);
    expect(events).toHaveLength(1);
    expect(summaries[0]?.partOf?.[0]?.identifier?.value).toBe(`urn:oid:${studyUid(99)}`);
    expect(JSON.stringify(summaries)).not.toContain('99.99');
  });

  test('vector 100: reports that are not about dose give nothing and no error', () => {
    expect(project(100, reports('sr-diagnostic', 'rf-private-title'))).toEqual({
      summaries: [],
      events: [],
      all: [],
      issues: [],
    });
  });

  test('vector 101: a value type that does not exist does no harm', () => {
    const { summaries, events } = project(101, reports('ct-unknown-value-type'));
    expect(summaries).toHaveLength(1);
    expect(events).toHaveLength(1);
    expect(summaries[0]).not.toHaveProperty('performer');
    expect(summaries[0]).not.toHaveProperty('contained');
  });

  test('vector 102: who confirmed a dose alert, or administered the dose, has not authorized the study', () => {
    const [summary] = project(102, reports('ct-dose-check')).summaries;
    expect(summary).not.toHaveProperty('performer');
    expect(summary?.meta).not.toHaveProperty('profile');
    expect(JSON.stringify(summary)).not.toMatch(/Luuk|Tech/);
  });

  test('vector 103: a report that names who authorized it meets the HL7 profile, and says so', () => {
    const [summary] = project(103, reports('ct-authorized'), { personIdSystem: 'https://people.example/id' }).summaries;
    expect(summary?.contained).toEqual([
      {
        resourceType: 'Practitioner',
        id: 'irr',
        identifier: [{ system: 'https://people.example/id', value: 'P-17' }],
        name: [{ text: 'Dr. Alice Author', family: 'Author', given: ['Alice'], prefix: ['Dr.'] }],
      },
    ]);
    expect(summary?.performer).toEqual([{ reference: '#irr', type: 'Practitioner' }]);
    expect(summary?.meta?.profile).toEqual([
      'http://hl7.org/fhir/uv/radiation-dose-summary/StructureDefinition/radiation-dose-summary',
    ]);
    expect(summary?.code.coding).toEqual([
      {
        system: 'http://loinc.org',
        code: '73569-6',
        display: 'Radiation exposure and protection information [Description] Document Diagnostic imaging',
      },
    ]);
    const types = 'http://hl7.org/fhir/uv/radiation-dose-summary/CodeSystem/dicom-identifier-type';
    const study = {
      type: {
        coding: [
          { system: types, code: 'study-instance-uid', display: 'Study Instance UID' },
          { system: DCM, code: '110180', display: 'Study Instance UID' },
        ],
      },
      system: 'urn:dicom:uid',
      value: `urn:oid:${studyUid(103)}`,
    };
    expect(summary?.identifier).toEqual([
      {
        type: { coding: [{ system: types, code: 'sop-instance-uid', display: 'SOP Instance UID' }] },
        system: 'urn:dicom:uid',
        value: reportUrn(103, 1),
      },
      study,
    ]);
    expect(summary?.partOf).toEqual([{ reference: 'ImagingStudy/s', type: 'ImagingStudy', identifier: study }]);
    expect(summary?.focus).toEqual([{ reference: 'ImagingStudy/s', type: 'ImagingStudy' }]);
    expect(summary?.effectiveDateTime).toBe('2024-01-15T10:18:00+01:00');
  });

  test('vector 104: a report that is replayed gives the same Observations, and nothing to write', () => {
    const [first, ...again] = [1, 2, 3].map(() => project(103, reports('ct-authorized', 'ct-authorized')));
    for (const replay of again) {
      expect(replay.all).toHaveLength(2);
      replay.all.forEach((desired, index) => {
        const stored = first!.all[index]!;
        const meta = {
          ...stored.meta,
          versionId: '1',
          lastUpdated: '2024-01-15T10:00:00Z',
          source: `${stored.meta?.source ?? ''}#x`,
        };
        expect(sameMeaning({ ...stored, id: '7', meta }, desired)).toBe(true);
      });
    }
  });

  test('vector 105: an image of the study has no part in its Observations', () => {
    const content: readonly string[] = [Attribute.ContentSequence.tag, Attribute.ConceptNameCodeSequence.tag];
    const image = Object.entries(dicomOf('ct-four-events')).filter(([tag]) => !content.includes(tag));
    const own = [
      [Attribute.SOPInstanceUID.tag, { vr: 'UI', Value: [`${studyUid(90)}.1.77`] }],
      [Attribute.SOPClassUID.tag, { vr: 'UI', Value: ['1.2.840.10008.5.1.4.1.1.2'] }],
    ] as const;
    const withImage = project(90, [...reports('ct-four-events'), reportOf(Object.fromEntries([...image, ...own]))]);
    expect(withImage).toEqual(project(90, reports('ct-four-events')));
  });

  test('vector 106: a unit that UCUM does not have is text only, and the scheme UCM is UCUM', () => {
    const [summary] = project(106, reports('ct-odd-units')).summaries;
    expect(components(summary, '113839')).toEqual([
      { text: 'Effective Dose', valueQuantity: { value: 2, unit: '{X-Ray sources}' } },
    ]);
    expect(components(summary, '113813')).toEqual([{ text: 'CT Dose Length Product Total', ...ucum(12.5, 'mGy.cm') }]);
    expect(components(summary, '130745')).toEqual([
      { text: 'CT Dose Length Product Sub-Total - IEC Head Dosimetry Phantom', ...ucum(5, 'mGy.cm', 'mGycm') },
      { text: 'CT Dose Length Product Sub-Total - IEC Body Dosimetry Phantom', ...ucum(7.5, 'mGy.cm', 'mGycm') },
    ]);
  });

  test.each(fixtures.map(({ name, vector }) => [name, vector] as const))(
    '%s breaks no rule of FHIR',
    (name, vector) => {
      expect(project(vector, reports(name)).all.flatMap(problemsOf)).toEqual([]);
    },
  );
});
