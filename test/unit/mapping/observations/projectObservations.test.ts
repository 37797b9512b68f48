import fc from 'fast-check';
import type { Reference } from 'fhir/r4';
import { readSamples } from '../../../../local/samples/samples';
import { isObject } from '../../../../src/dicom/dataset';
import { identifierKey } from '../../../../src/mapping/identifiers';
import {
  observationKey,
  observationKeyOf,
  type ObservationProjection,
} from '../../../../src/mapping/observations/observationProjection';
import { projectObservations } from '../../../../src/mapping/observations/projectObservations';
import { defaultMappingOptions } from '../../../../src/mapping/options';
import { code, dicomJson } from '../../../support/dicomJson';
import { runsOf } from '../../../support/thorough';
import {
  components,
  dicomOf,
  eventUrn,
  fixtures,
  identifiers,
  problemsOf,
  project,
  references,
  reportOf,
  reports,
  studyUid,
} from './doseReports';

const STUDY = { partition: 'Microsoft.Default', uid: studyUid(1) };
const everything = reports(...fixtures.map(({ name }) => name));
const projectAll = (given = everything): readonly ObservationProjection[] =>
  projectObservations(STUDY, given, defaultMappingOptions).observations;

describe('what an Observation is found by', () => {
  test('a projection and its stored Observation have the same key, whatever else a server or a further report adds', () => {
    const projections = projectAll();
    for (const projection of projections) {
      const stored = projection.build(references);
      const changed = {
        ...stored,
        id: '1',
        identifier: [{ system: 'https://other.example', value: 'x' }, ...[...(stored.identifier ?? [])].reverse()],
      };
      expect(observationKeyOf(stored)).toBe(observationKey(projection));
      expect(observationKeyOf(changed)).toBe(observationKey(projection));
    }
    expect(new Set(projections.map(observationKey)).size).toBe(projections.length);
  });

  test('the key of an event stays when a further report lists it', () => {
    const keysOf = (...names: readonly string[]): readonly string[] =>
      projectAll(reports(...names)).map(observationKey);
    expect(keysOf('ct-cumulative-1', 'ct-cumulative-2')).toEqual(
      expect.arrayContaining([...keysOf('ct-cumulative-1')]),
    );
  });

  test('code and key identifiers, all searched for, match exactly one Observation of the study', () => {
    const projections = projectAll();
    const stored = projections.map((projection) => projection.build(references));
    for (const {
      key,
      code: { code: wanted },
    } of projections) {
      const matches = stored.filter(
        ({ identifier = [], code: { coding = [] } }) =>
          coding.some((one) => one.code === wanted) &&
          key.every(({ system, value }) => identifier.some((one) => one.system === system && one.value === value)),
      );
      expect(matches).toHaveLength(1);
    }
  });

  test('every Observation carries the study UID and the tag of its source', () => {
    for (const { identifier, meta } of projectAll().map((projection) => projection.build(references))) {
      expect(identifier).toContainEqual(
        expect.objectContaining({ system: 'urn:dicom:uid', value: `urn:oid:${STUDY.uid}` }),
      );
      expect(meta).toMatchObject({
        source: 'https://dicom.example/v2',
        tag: [{ system: 'urn:fhir-imaging-functions:cast-source', code: 'https://dicom.example/v2' }],
      });
    }
  });

  test('planes that share the UID of an event are two Observations, and the sums say which plane they are of', () => {
    const { summaries, events } = project(120, reports('xa-biplane'));
    expect(components(summaries[0], '113725')).toMatchObject([
      { text: 'Dose (RP) Total - Plane A', valueQuantity: { value: 0.01 } },
      { text: 'Dose (RP) Total - Plane B', valueQuantity: { value: 0.02 } },
    ]);
    expect(events.map((event) => identifiers(event, 'irradiation-event-uid'))).toEqual([
      [eventUrn(120, 1)],
      [eventUrn(120, 1)],
    ]);
    expect(events.map((event) => event.code.text)).toEqual([
      'Irradiation Event - Plane A',
      'Irradiation Event - Plane B',
    ]);
    expect(events.map((event) => components(event, '113738'))).toMatchObject([
      [{ valueQuantity: { value: 0.01 } }],
      [{ valueQuantity: { value: 0.02 } }],
    ]);
  });
});

test('an event that names no plane is not found by less than the planes of the same event', () => {
  const dicom = JSON.stringify(dicomOf('xa-biplane'));
  const single = reportOf(JSON.parse(dicom.replaceAll('"113620"', '"113622"')));
  const projections = projectAll([single]);
  const [other, planeB] = projections
    .filter(({ code: { code: of } }) => of === '113852')
    .map(({ key }) => key.map(({ value }) => value));
  expect([other?.length, planeB?.length]).toEqual([3, 3]);
  expect(other).not.toEqual(planeB);
});

describe('the projection of a study', () => {
  test('does not depend on the order of its reports, nor on repetitions', () => {
    const expected = JSON.stringify(projectAll().map((projection) => projection.build(references)));
    const orders = fc.shuffledSubarray([...everything, ...everything.slice(0, 5)], {
      minLength: everything.length + 5,
    });
    fc.assert(
      fc.property(orders, (given) => {
        expect(JSON.stringify(projectAll(given).map((projection) => projection.build(references)))).toBe(expected);
      }),
      { numRuns: 40 },
    );
  });

  test('a deleted report takes its summary along, and events only where no other report lists them', () => {
    const names = fixtures.map(({ name }) => name);
    fc.assert(
      fc.property(fc.subarray(names), (left) => {
        const sharers = (kept: readonly string[]): ReadonlyMap<string, readonly (string | undefined)[]> =>
          new Map(
            projectAll(reports(...kept)).map((projection) => [
              observationKey(projection),
              identifiers(projection.build(references), 'sop-instance-uid'),
            ]),
          );
        const live = new Set(reports(...left).map(({ instanceUid }) => `urn:oid:${instanceUid}`));
        const expected = [...sharers(names)]
          .map(([key, uids]) => [key, uids.filter((uid) => uid !== undefined && live.has(uid))] as const)
          .filter(([, uids]) => uids.length > 0);
        expect([...sharers(left)].sort()).toEqual(expected.sort());
      }),
      { numRuns: 30 },
    );
  });

  test('OBSERVATIONS=summary leaves out the events, off leaves out everything', () => {
    const given = reports('ct-four-events');
    expect(project(90, given, { observations: 'summary+events' }).all).toHaveLength(5);
    expect(project(90, given, { observations: 'summary' })).toMatchObject({ summaries: [{}], events: [] });
    expect(project(90, given, { observations: 'off' })).toMatchObject({ all: [], issues: [] });
  });

  test('names the order of the report and the device', () => {
    const [summary] = project(90, reports('ct-four-events'), { accessionSystem: 'https://h.example/acc' }).summaries;
    expect(summary?.basedOn).toMatchObject([
      { type: 'ServiceRequest', identifier: { system: 'https://h.example/acc', value: 'ACC-90' } },
    ]);
    expect(summary?.device).toEqual({
      type: 'Device',
      identifier: {
        type: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v2-0203', code: 'SNO' }] },
        value: 'SN-1',
      },
      display: 'Example Maker Model 1',
    });
  });

  test('a summary without a time of irradiation has that of the report, an event then has none', () => {
    const { summaries, events } = project(93, reports('ct-continued-1'), { defaultTimeZone: 'Europe/Berlin' });
    expect(summaries[0]?.effectiveDateTime).toBe('2024-01-15T10:30:00+01:00');
    expect(events[0]).not.toHaveProperty('effectiveDateTime');
  });

  test('the profile is claimed for a Patient only: not for a subject that is no reference, nor for the Device of a phantom', () => {
    const claimed = (subject: Reference): unknown =>
      project(103, reports('ct-authorized'), {}, { ...references, subject }).summaries[0]?.meta?.profile;
    expect(claimed(references.subject)).toHaveLength(1);
    expect(claimed({ display: 'Unknown patient' })).toBeUndefined();
    expect(claimed({ reference: 'Device/d', type: 'Device' })).toBeUndefined();
  });

  test('the profile is not claimed where two orders were found: it has room for one', () => {
    const report = {
      ...dicomOf('ct-authorized'),
      ...dicomJson({ AccessionNumber: 'A1', ReferencedRequestSequence: dicomJson({ AccessionNumber: 'A2' }) }),
    };
    const claimed = (...found: readonly string[]): unknown => {
      const orders = new Map(found.map((value) => [identifierKey({ value }), `ServiceRequest/${value}`]));
      return project(103, [reportOf(report)], {}, { ...references, orders }).summaries[0]?.meta?.profile;
    };
    expect([claimed(), claimed('A1')]).toEqual([[expect.anything()], [expect.anything()]]);
    expect(claimed('A1', 'A2')).toBeUndefined();
  });
});

describe('content that is no dose report, or a broken one', () => {
  test('every other structured report of the samples gives nothing and no error', () => {
    const all = readSamples().studies.flatMap((study) => study.samples);
    const samples = all.filter(({ source }) => !source.startsWith('made with highdicom: '));
    const structured = samples.filter(({ dataset }) => isObject(dataset['0040A730']));
    expect(structured.length).toBeGreaterThan(2);
    for (const { dataset } of samples) {
      expect(projectObservations(STUDY, [reportOf(dataset)], defaultMappingOptions)).toEqual({
        observations: [],
        issues: [],
      });
    }
  });

  const item = (values: Readonly<Record<string, unknown>>): Record<string, unknown> => dicomJson(values);
  const dose = (...content: readonly unknown[]): ReturnType<typeof reportOf> =>
    reportOf(
      item({
        SOPInstanceUID: '1.2.3',
        ConceptNameCodeSequence: code('113701', 'DCM', 'X-Ray Radiation Dose Report'),
        ContentSequence: [...content],
      }),
    );
  const problemTexts = (...content: readonly unknown[]): readonly string[] =>
    project(1, [dose(...content)]).issues.map(({ keyword, problem }) => `${keyword}: ${problem}`);

  test('an item without a concept name, or of an unknown value type, is left out and said so without its content', () => {
    expect(problemTexts(item({ ValueType: 'TEXT', TextValue: 'Doe^Jane' }))).toEqual([
      'ConceptNameCodeSequence: expected a concept name, the content item is left out',
    ]);
    expect(problemTexts(item({ ValueType: 'ODD', TextValue: 'Doe^Jane' }))).toEqual([
      'ValueType: expected a known value type, the content item is left out',
    ]);
    expect(problemTexts('text')).toEqual(['ContentSequence: expected sequence items']);
  });

  test('an item that refers to another one is not mistaken for a broken one', () => {
    expect(
      problemTexts({ ...item({ RelationshipType: 'CONTAINS' }), '0040DB73': { vr: 'UL', Value: [1, 2] } }),
    ).toEqual([]);
  });

  test('an event without a UID is left out and said so', () => {
    const event = item({ ValueType: 'CONTAINER', ConceptNameCodeSequence: code('113819', 'DCM', 'CT Acquisition') });
    const { summaries, events, issues } = project(1, [dose(event)]);
    expect([summaries.length, events.length]).toEqual([1, 0]);
    expect(issues.map(({ keyword, severity }) => [keyword, severity])).toEqual([['UID', 'note']]);
  });

  test('a report without content is a summary without value, and breaks no rule of FHIR', () => {
    const { summaries } = project(1, [dose()]);
    expect(summaries.flatMap(problemsOf)).toEqual([]);
    expect(summaries[0]).not.toHaveProperty('valueString');
    expect(summaries[0]).not.toHaveProperty('component');
  });

  test('a number that is none is absent, with the issue that says so', () => {
    const report = dicomOf('ct-enhanced-sr');
    const text = JSON.stringify(report).replace(/"Value":\[302\.2\]/g, '"Value":["302,2"]');
    const { summaries, issues } = project(99, [reportOf(JSON.parse(text))]);
    expect(components(summaries[0], '113813')).toMatchObject([{ dataAbsentReason: {} }]);
    expect(issues).toContainEqual(expect.objectContaining({ keyword: 'NumericValue', severity: 'invalid' }));
  });

  test('a thousand levels of containers are not walked', () => {
    let nested: unknown = item({ ValueType: 'TEXT' });
    for (let depth = 0; depth < 1000; depth++) {
      const name = code('113702', 'DCM', 'Accumulated X-Ray Dose Data');
      nested = item({ ValueType: 'CONTAINER', ConceptNameCodeSequence: name, ContentSequence: [nested] });
    }
    const { summaries, issues } = project(1, [dose(nested)]);
    expect(summaries).toHaveLength(1);
    expect(issues).toEqual([]);
  });

  test('whatever part of a report is replaced by anything, nothing is thrown and nothing invalid is written', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...fixtures),
        fc.nat(),
        fc.jsonValue({ maxDepth: 3 }),
        ({ vector, dicom }, at, junk) => {
          const broken = reportOf(replacePart(structuredClone(dicom), at, junk));
          const { all, issues } = project(vector, [{ ...broken, instanceUid: '1.2.3' }]);
          expect(all.flatMap(problemsOf)).toEqual([]);
          expect(issues.every(({ problem }) => /^[a-z]/.test(problem))).toBe(true);
        },
      ),
      { numRuns: runsOf(1500, 400) },
    );
  });
});

/** Puts something else in the place of one object, array or value inside the JSON. */
function replacePart(json: Record<string, unknown>, at: number, junk: unknown): Record<string, unknown> {
  const places: (() => void)[] = [];
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [key, member] of Object.entries(value)) {
      places.push(() => Object.assign(value, { [key]: junk }));
      visit(member);
    }
  };
  visit(json);
  places[at % places.length]?.();
  return json;
}
