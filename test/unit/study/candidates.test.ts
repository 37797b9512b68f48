import type { ImagingStudy, Observation, Patient } from 'fhir/r4';
import type { Found } from '../../../src/fhir/client';
import { MultipleMatches } from '../../../src/fhir/errors';
import { ADOPTED_TAG_SYSTEM, SOURCE_TAG_SYSTEM } from '../../../src/mapping/source';
import { chooseObservations, choosePatient, chooseStudy, compareIds } from '../../../src/study/candidates';
import { sources } from '../../../src/study/sources';

const SOURCES = sources('https://dicom.example', 'v2', true);
const OURS = SOURCES.of('Microsoft.Default');
const PARTITION = SOURCES.of('ward');
const OTHER_CAST = { address: 'https://elsewhere.example/v2' };

const tag = (address: string, system = SOURCE_TAG_SYSTEM) => ({ system, code: address });
function found<T extends ImagingStudy | Patient | Observation>(
  id: string,
  resource: object,
  tags: readonly { system: string; code: string }[] = [],
): Found<T> {
  return { id, etag: 'W/"1"', resource: { ...resource, id, meta: { tag: [...tags] } } as T };
}
const study = (id: string, ...tags: ReturnType<typeof tag>[]): Found<ImagingStudy> =>
  found(id, { resourceType: 'ImagingStudy' }, tags);
const patient = (id: string, tags: ReturnType<typeof tag>[] = [], more: Partial<Patient> = {}): Found<Patient> =>
  found(id, { resourceType: 'Patient', ...more }, tags);
const replacedBy = (id: string): Partial<Patient> => ({
  link: [{ type: 'replaced-by', other: { reference: `Patient/${id}` } }],
});
const ids = (all: readonly { readonly id: string }[]): readonly string[] => all.map(({ id }) => id);

describe('the ImagingStudy that is meant', () => {
  it('is the one with our tag, whatever else carries its UID', () => {
    const choice = chooseStudy([study('1'), study('2', tag(OTHER_CAST.address)), study('3', tag(OURS.address))], OURS);
    expect(choice).toMatchObject({ keep: { id: '3' }, lose: [], othersPresent: true });
  });

  it('is never that of another installation or of another partition: their studies are neither taken nor removed', () => {
    const others = [study('1', tag(OTHER_CAST.address)), study('2', tag(PARTITION.address))];
    expect(chooseStudy(others, OURS)).toEqual({ keep: undefined, lose: [], othersPresent: true });
    expect(chooseStudy(others, PARTITION)).toMatchObject({ keep: { id: '2' }, lose: [], othersPresent: true });
  });

  it('is never one that another installation has adopted', () => {
    const adopted = study('1', tag(OTHER_CAST.address), tag(OTHER_CAST.address, ADOPTED_TAG_SYSTEM));
    expect(chooseStudy([adopted], OURS).keep).toBeUndefined();
  });

  it('is the one that no Cast owns, beside those of others', () => {
    expect(chooseStudy([study('1', tag(OTHER_CAST.address)), study('2')], OURS)).toMatchObject({
      keep: { id: '2' },
      othersPresent: true,
    });
  });

  it('is the lowest id of several of ours; the others go', () => {
    const choice = chooseStudy(
      ['10', '9', '11'].map((id) => study(id, tag(OURS.address))),
      OURS,
    );
    expect(choice.keep?.id).toBe('9');
    expect(ids(choice.lose)).toEqual(['10', '11']);
    expect(choice.othersPresent).toBe(false);
  });

  it('is an adopted one before one that we made, and an adopted one never goes', () => {
    const adopted = (id: string): Found<ImagingStudy> =>
      study(id, tag(OURS.address), tag(OURS.address, ADOPTED_TAG_SYSTEM));
    const choice = chooseStudy([study('1', tag(OURS.address)), adopted('7'), adopted('8')], OURS);
    expect(choice.keep?.id).toBe('7');
    expect(ids(choice.lose)).toEqual(['1']);
  });

  it('cannot be told when several could be adopted', () => {
    expect(() => chooseStudy([study('1'), study('2')], OURS)).toThrow(MultipleMatches);
  });
});

describe('the Patient that is meant', () => {
  it('is the one that no Cast made, and the one that we made beside it goes', () => {
    const choice = choosePatient([patient('1', [tag(OURS.address)]), patient('2')], SOURCES);
    expect(choice.keep?.id).toBe('2');
    expect(ids(choice.lose)).toEqual(['1']);
  });

  it('is shared by all partitions of this installation, and one made by another installation is used but never removed', () => {
    const made = [patient('5', [tag(PARTITION.address)]), patient('4', [tag(OTHER_CAST.address)])];
    const choice = choosePatient([patient('6', [tag(OURS.address)]), ...made], SOURCES);
    expect(choice.keep?.id).toBe('4');
    expect(ids(choice.lose)).toEqual(['5', '6']);
    expect(ids(choosePatient([patient('3', [tag(OURS.address)]), ...made], SOURCES).lose)).toEqual(['5']);
  });

  it('cannot be told when others made several', () => {
    expect(() => choosePatient([patient('1'), patient('2')], SOURCES)).toThrow(MultipleMatches);
  });

  it('is the surviving record where both records of a merge carry the identifier', () => {
    expect(choosePatient([patient('1', [], replacedBy('2')), patient('2')], SOURCES).keep?.id).toBe('2');
    const ours = [tag(OURS.address)];
    expect(choosePatient([patient('1', ours, replacedBy('2')), patient('2', ours)], SOURCES)).toMatchObject({
      keep: { id: '2' },
      lose: [],
    });
  });

  it('still is a merged record whose survivor does not carry the identifier: its link is followed', () => {
    expect(choosePatient([patient('1', [], replacedBy('99'))], SOURCES).keep?.id).toBe('1');
  });

  it('is not told by links that lead in a circle', () => {
    const circle = [patient('1', [], replacedBy('2')), patient('2', [], replacedBy('1'))];
    expect(() => choosePatient(circle, SOURCES)).toThrow(MultipleMatches);
  });

  it('leaves a record alone that somebody has linked', () => {
    const ours = [tag(OURS.address)];
    const linked: Partial<Patient> = { link: [{ type: 'seealso', other: { reference: 'Patient/9' } }] };
    expect(choosePatient([patient('1', ours), patient('2', ours, linked)], SOURCES).lose).toEqual([]);
  });
});

describe('the Observations of a study', () => {
  it('are those of this source, one for each key; of several the lowest id stays', () => {
    const observation = (id: string, code: string, address = OURS.address): Found<Observation> =>
      found(id, { resourceType: 'Observation', code: { text: code } }, [tag(address)]);
    const choice = chooseObservations(
      [
        observation('12', 'a'),
        observation('3', 'a'),
        observation('4', 'b'),
        observation('1', 'a', PARTITION.address),
        observation('2', 'b', OTHER_CAST.address),
      ],
      OURS,
      ({ code }) => code.text ?? '',
    );
    expect([...choice.keep].map(([key, { id }]) => [key, id])).toEqual([
      ['a', '3'],
      ['b', '4'],
    ]);
    expect(ids(choice.lose)).toEqual(['12']);
  });
});

it('the lowest id is the same for all workers: numbers by value, texts by code unit', () => {
  expect(['10', '9', '100'].sort(compareIds)).toEqual(['9', '10', '100']);
  expect(['b', 'a', 'B', '1'].sort(compareIds)).toEqual(['1', 'B', 'a', 'b']);
  expect(compareIds('x', 'x')).toBe(0);
});
