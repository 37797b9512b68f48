import fc from 'fast-check';
import type { Patient } from 'fhir/r4';
import { counted } from '../../../src/mapping/plurality';
import {
  newPatient,
  patientDifferences,
  projectPatient,
  reconcilePatient,
  type PatientProjection,
} from '../../../src/mapping/patient';
import type { DemographicsPolicy } from '../../../src/mapping/options';
import { castSource, isOwnedBy } from '../../../src/mapping/source';
import { NAME_REPRESENTATION_EXTENSION } from '../../../src/mapping/systems';

const source = castSource('https://d.example', 'v2', 'Microsoft.Default');
const elsewhere = castSource('https://other.example', 'v2', 'Microsoft.Default');

const projection: PatientProjection = {
  identifier: { system: 'https://h.example', value: '1' },
  otherIdentifiers: [{ system: 'https://lab.example', value: '77' }],
  names: [{ use: 'usual', family: 'Doe', given: ['John'], text: 'John Doe' }],
  gender: 'male',
  birthDate: '1974-07-10',
};

const bare: PatientProjection = { identifier: projection.identifier, otherIdentifiers: [], names: [] };

/** A Patient that a hospital's own system made, and knows differently. */
const foreign: Patient = {
  resourceType: 'Patient',
  id: 'p1',
  meta: { versionId: '3', tag: [{ system: 'urn:theirs', code: 'x' }] },
  identifier: [{ system: 'https://h.example', value: '1', use: 'official' }],
  name: [
    { use: 'official', family: 'Doe-Smith' },
    { use: 'usual', family: 'Smith' },
  ],
  gender: 'female',
  birthDate: '1975-01-01',
  deceasedBoolean: false,
};

const policies: readonly DemographicsPolicy[] = ['create-only', 'fill-missing', 'managed', 'overwrite'];

describe('a new Patient', () => {
  test('carries what DICOM says and the tag of its source', () => {
    const patient = newPatient(projection, source);
    expect(patient).toEqual({
      resourceType: 'Patient',
      meta: {
        source: 'https://d.example/v2',
        tag: [{ system: 'urn:fhir-imaging-functions:cast-source', code: 'https://d.example/v2' }],
      },
      identifier: [projection.identifier, ...projection.otherIdentifiers],
      name: projection.names,
      gender: 'male',
      birthDate: '1974-07-10',
    });
    expect(isOwnedBy(patient, source)).toBe(true);
    expect(isOwnedBy(patient, elsewhere)).toBe(false);
  });

  test('has no empty elements where DICOM says nothing', () => {
    expect(Object.keys(newPatient(bare, source))).toEqual(['resourceType', 'meta', 'identifier']);
  });

  test('carries contact data, mother and time of birth where they were asked for', () => {
    const patient = newPatient(
      {
        ...projection,
        phones: ['1'],
        addresses: ['Street'],
        mothersMaidenName: 'Roe',
        birthTime: '1974-07-10T08:15:00Z',
      },
      source,
    );
    expect(patient).toMatchObject({
      telecom: [{ system: 'phone', value: '1' }],
      address: [{ text: 'Street' }],
      extension: [{ valueString: 'Roe' }],
      _birthDate: { extension: [{ valueDateTime: '1974-07-10T08:15:00Z' }] },
    });
  });
});

describe('an existing Patient', () => {
  test('is never written under create-only, whatever DICOM says', () => {
    expect(reconcilePatient(foreign, projection, 'create-only', source)).toBe(foreign);
    const empty: Patient = { resourceType: 'Patient' };
    expect(reconcilePatient(empty, projection, 'create-only', source)).toBe(empty);
  });

  test('gains only what it lacks under fill-missing', () => {
    const result = reconcilePatient(foreign, projection, 'fill-missing', source);
    expect(result).toEqual({ ...foreign, identifier: [...(foreign.identifier ?? []), ...projection.otherIdentifiers] });
    const { name: _name, gender: _gender, birthDate: _birthDate, ...without } = foreign;
    expect(reconcilePatient(without, projection, 'fill-missing', source)).toMatchObject({
      name: projection.names,
      gender: 'male',
      birthDate: '1974-07-10',
      deceasedBoolean: false,
    });
  });

  test('of somebody else is not touched under managed, one of this source is', () => {
    expect(reconcilePatient(foreign, projection, 'managed', source)).toBe(foreign);
    const others = { ...foreign, meta: newPatient(projection, elsewhere).meta };
    expect(reconcilePatient(others, projection, 'managed', source)).toBe(others);
    const ours = { ...foreign, meta: newPatient(projection, source).meta };
    expect(reconcilePatient(ours, projection, 'managed', source)).toMatchObject({
      gender: 'male',
      birthDate: '1974-07-10',
    });
  });

  test('takes the values of DICOM under overwrite, and keeps names of another use and foreign elements', () => {
    const result = reconcilePatient(foreign, projection, 'overwrite', source);
    expect(result).toEqual({
      ...foreign,
      identifier: [...(foreign.identifier ?? []), ...projection.otherIdentifiers],
      name: [...projection.names, { use: 'official', family: 'Doe-Smith' }],
      gender: 'male',
      birthDate: '1974-07-10',
      _birthDate: undefined,
    });
    expect(isOwnedBy(result, source)).toBe(false);
  });

  test.each(policies)('loses nothing to empty values (vectors 11 and 29) under %s', (policy) => {
    const ours = { ...foreign, meta: newPatient(projection, source).meta };
    expect(reconcilePatient(ours, bare, policy, source)).toBe(ours);
  });

  test.each(policies)('is left alone when nothing differs under %s', (policy) => {
    const written = newPatient(projection, source);
    expect(reconcilePatient(written, projection, policy, source)).toBe(written);
  });

  test('is left alone when the server only added ids and dropped the text of a name', () => {
    const stored: Patient = {
      ...newPatient(projection, source),
      name: [{ id: 'n1', given: ['John'], family: 'Doe', use: 'usual', period: { start: '2020' } }],
    };
    expect(reconcilePatient(stored, projection, 'overwrite', source)).toBe(stored);
  });

  test('keeps names in several scripts apart', () => {
    const mark = (valueCode: string) => [{ url: NAME_REPRESENTATION_EXTENSION, valueCode }];
    const names = [
      { use: 'usual' as const, family: 'Yamada', extension: mark('ABC') },
      { use: 'usual' as const, family: '山田', extension: mark('IDE') },
    ];
    const stored = newPatient({ ...projection, names: [names[1]!, names[0]!] }, source);
    expect(reconcilePatient(stored, { ...projection, names }, 'overwrite', source)).toBe(stored);
    const half = newPatient({ ...projection, names: [names[0]!] }, source);
    expect(reconcilePatient(half, { ...projection, names }, 'overwrite', source).name).toEqual(names);
  });

  test('keeps a known gender when DICOM only says unknown, and a date that is more precise', () => {
    const vague = { ...projection, gender: 'unknown' as const, birthDate: '1975' };
    const result = reconcilePatient(foreign, vague, 'overwrite', source);
    expect(result).toMatchObject({ gender: 'female', birthDate: '1975-01-01' });
  });

  test('loses its time of birth with the date that it belonged to', () => {
    const stored = newPatient({ ...projection, birthTime: '1974-07-10T08:15:00Z' }, source);
    const result = reconcilePatient(stored, { ...projection, birthDate: '1974-07-11' }, 'overwrite', source);
    expect(JSON.parse(JSON.stringify(result))).not.toHaveProperty('_birthDate');
  });

  test('never loses or repeats an identifier', () => {
    const result = reconcilePatient(foreign, projection, 'overwrite', source);
    expect(reconcilePatient(result, projection, 'overwrite', source)).toBe(result);
    expect(result.identifier?.[0]).toEqual({ system: 'https://h.example', value: '1', use: 'official' });
  });

  test('tells which elements differ, without a value', () => {
    expect(patientDifferences(foreign, projection)).toEqual(['identifier', 'name', 'gender', 'birthDate']);
    expect(patientDifferences(newPatient(projection, source), projection)).toEqual([]);
  });
});

describe('the patient of a study', () => {
  test('is the one whom most instances name, and several are noted', () => {
    const other = { ...bare, identifier: { value: '2' } };
    const { value, issues } = projectPatient(counted([other, projection, projection]));
    expect(value?.identifier).toEqual(projection.identifier);
    expect(issues).toMatchObject([{ keyword: 'PatientID', severity: 'note' }]);
    expect(projectPatient(counted([projection, projection])).issues).toEqual([]);
  });

  test('has the values that most instances give, empty ones not counted, and all further identifiers', () => {
    const instances: PatientProjection[] = [
      bare,
      bare,
      projection,
      { ...projection, gender: 'female', otherIdentifiers: [{ value: '88' }] },
      { ...bare, gender: 'female' },
    ];
    expect(projectPatient(counted(instances)).value).toEqual({
      ...projection,
      gender: 'female',
      otherIdentifiers: [{ value: '88' }, { system: 'https://lab.example', value: '77' }],
    });
  });

  test('is the phantom where most instances are of one, also beside a patient of the same number', () => {
    const phantom = { ...bare, isPhantom: true } as const;
    expect(projectPatient(counted([phantom, projection, phantom]))).toMatchObject({
      value: { isPhantom: true, names: [] },
      issues: [{ keyword: 'PatientID' }],
    });
    expect(projectPatient(counted([phantom, projection, projection])).value).toEqual(projection);
  });

  test('is nobody when no instance names one', () => {
    expect(projectPatient(counted([]))).toEqual({ value: undefined, issues: [] });
  });

  test('does not depend on the order of the instances', () => {
    const instance = fc.record({
      identifier: fc.record({
        system: fc.constantFrom('https://h.example', undefined),
        value: fc.constantFrom('1', '2'),
        assigner: fc.constantFrom(undefined, { display: 'A' }, { display: 'B' }),
      }),
      otherIdentifiers: fc.array(
        fc.record({ value: fc.constantFrom('1', '7', '8'), assigner: fc.constantFrom(undefined, { display: 'A' }) }),
      ),
      names: fc.constantFrom([], [{ family: 'A' }], [{ family: 'B' }]),
      gender: fc.constantFrom('male' as const, 'female' as const, undefined),
      birthDate: fc.constantFrom('1974', '1974-07', undefined),
    });
    fc.assert(
      fc.property(
        fc
          .array(instance, { minLength: 1, maxLength: 8 })
          .chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))),
        ([instances, shuffled]) => {
          expect(projectPatient(counted(shuffled))).toEqual(projectPatient(counted(instances)));
        },
      ),
      { seed: 1, numRuns: 500 },
    );
  });
});
