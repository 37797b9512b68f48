import type { ImagingStudy, Observation, Patient } from 'fhir/r4';
import type { Found, TransactionEntry } from '../../../src/fhir/client';
import { encodeQuery } from '../../../src/fhir/query';
import type { ObservationProjection } from '../../../src/mapping/observations/observationProjection';
import { observationKey } from '../../../src/mapping/observations/observationProjection';
import { eventIdentifier } from '../../../src/mapping/observations/doseIdentifiers';
import { defaultMappingOptions, type MappingOptions } from '../../../src/mapping/options';
import type { StudyProjection } from '../../../src/mapping/projectStudy';
import { ADOPTED_TAG_SYSTEM } from '../../../src/mapping/source';
import { atOnce } from '../../../src/concurrency/parts';
import { type FhirStudy, planProjection, planRemoval } from '../../../src/study/plan';
import { ctInstance } from '../../support/instances';
import { projection as projectionOf, SOURCE, STUDY_UID } from '../../support/mapping';

const ENDPOINT = { reference: 'Endpoint/e', type: 'Endpoint' };
const NOTHING: FhirStudy = {
  study: { keep: undefined, lose: [], othersPresent: false },
  observations: new Map(),
  leftovers: [],
};
const PROJECTION = projectionOf([ctInstance()]);

const projection = (observations: readonly ObservationProjection[]): StudyProjection => ({
  ...PROJECTION,
  observations,
});
const dose = (event: string, text = 'dose'): ObservationProjection => ({
  key: [eventIdentifier(event)],
  code: { system: 'http://dicom.nema.org/resources/ontology/DCM', code: '113852' },
  build: ({ subject, study }): Observation => ({
    resourceType: 'Observation',
    status: 'final',
    code: { text },
    identifier: [eventIdentifier(event)],
    subject,
    partOf: [study],
  }),
});

/** What a server holds after the plan was carried out: ids and versions given, `urn:uuid:` references replaced. */
function carriedOut(entries: readonly TransactionEntry[]): readonly Found<ImagingStudy | Patient | Observation>[] {
  const creates = entries.filter((entry) => entry.kind === 'create');
  const ids = new Map(
    creates.map(({ fullUrl, resource }, index) => [fullUrl, `${resource.resourceType}/id${index}`] as const),
  );
  return creates.map(({ resource, fullUrl }) => {
    const text = [...ids].reduce((all, [from, to]) => all.replaceAll(from, to), JSON.stringify(resource));
    const id = ids.get(fullUrl)?.split('/')[1] ?? '';
    return { id, etag: 'W/"1"', resource: { ...(JSON.parse(text) as ImagingStudy), id } };
  });
}

const plan = (
  existing: FhirStudy,
  patient?: Found<Patient>,
  wanted = PROJECTION,
  mapping: MappingOptions = defaultMappingOptions,
): readonly TransactionEntry[] =>
  atOnce(planProjection({ existing, source: SOURCE, endpoint: ENDPOINT, mapping }, wanted, patient)).entries;

/** The study, its Patient and its Observations, as they are once written. */
function written(wanted = PROJECTION): { readonly existing: FhirStudy; readonly patient: Found<Patient> } {
  const stored = carriedOut(plan(NOTHING, undefined, wanted));
  const of = (type: string): readonly Found<never>[] =>
    stored.filter(({ resource }) => resource.resourceType === type) as never;
  const [study] = of('ImagingStudy');
  const [patient] = of('Patient');
  if (study === undefined || patient === undefined) throw new Error('not written');
  const observations: readonly Found<Observation>[] = of('Observation');
  return {
    existing: {
      study: { keep: study, lose: [], othersPresent: false },
      observations: new Map(
        observations.map((found, index) => [observationKey(wanted.observations[index] ?? dose('')), found]),
      ),
      leftovers: [],
    },
    patient,
  };
}
const keepOf = ({ study }: FhirStudy): Found<ImagingStudy> => study.keep ?? (undefined as never);
const adopted = (existing: FhirStudy): FhirStudy => {
  const keep = keepOf(existing);
  const tag = [...(keep.resource.meta?.tag ?? []), { system: ADOPTED_TAG_SYSTEM, code: SOURCE.address }];
  return {
    ...existing,
    study: { ...existing.study, keep: { ...keep, resource: { ...keep.resource, meta: { tag } } } },
  };
};

describe('the transaction for a study', () => {
  it('creates Patient, study and Observations together, each under a condition, never by a conditional PUT', () => {
    const entries = plan(NOTHING, undefined, projection([dose('1.9')]));
    expect(entries.map((entry) => entry.kind)).toEqual(['create', 'create', 'create']);
    const conditions = entries.map((entry) => (entry.kind === 'create' ? encodeQuery(entry.ifNoneExist) : ''));
    expect(conditions[0]).toMatch(/^identifier=.*PATIENT-1$/);
    expect(conditions[1]).toBe(`identifier=urn%3Adicom%3Auid%7Curn%3Aoid%3A${STUDY_UID}`);
    expect(conditions[2]).toMatch(/^identifier=.*1\.9&code=.*113852&_tag=/);
    const [patient, study, observation] = entries.map((entry) => (entry.kind === 'create' ? entry : undefined));
    expect((study?.resource as ImagingStudy).subject.reference).toBe(patient?.fullUrl);
    expect((observation?.resource as Observation).partOf?.[0]?.reference).toBe(study?.fullUrl);
  });

  it('is empty when nothing differs', () => {
    const { existing, patient } = written(projection([dose('1.9')]));
    expect(plan(existing, patient, projection([dose('1.9')]))).toEqual([]);
  });

  it('has the tag in its condition only where studies of others carry the same UID', () => {
    const entries = plan({ ...NOTHING, study: { keep: undefined, lose: [], othersPresent: true } });
    const study = entries.find((entry) => entry.kind === 'create' && entry.resource.resourceType === 'ImagingStudy');
    expect(study?.kind === 'create' && encodeQuery(study.ifNoneExist)).toMatch(/&_tag=/);
  });

  it('changes what differs by id and version', () => {
    const { existing, patient } = written();
    const other = projectionOf([ctInstance(), ctInstance({ instance: `${STUDY_UID}.1.2` })]);
    expect(plan(existing, patient, other)).toMatchObject([
      { kind: 'update', id: keepOf(existing).id, etag: 'W/"1"', resource: { numberOfInstances: 2 } },
    ]);
  });

  it('moves the study to another Patient when the PatientID has changed', () => {
    const { existing } = written();
    const other = projectionOf([ctInstance({ patientId: 'PATIENT-2' })]);
    const entries = plan(existing, undefined, other);
    expect(entries.map((entry) => entry.kind)).toEqual(['create', 'update']);
    const [patient, study] = entries;
    expect(patient?.kind === 'create' && patient.fullUrl).toBe(
      study?.kind === 'update' && (study.resource as ImagingStudy).subject.reference,
    );
  });

  it('writes, changes and deletes Observations one by one', () => {
    const { existing, patient } = written(projection([dose('1.1'), dose('1.2'), dose('1.3')]));
    const entries = plan(existing, patient, projection([dose('1.1'), dose('1.2', 'corrected'), dose('1.4')]));
    expect(entries.map((entry) => entry.kind).sort()).toEqual(['create', 'delete', 'update']);
  });

  it('adopts the study of an order system by its id, with both tags', () => {
    const order: ImagingStudy = {
      resourceType: 'ImagingStudy',
      id: 'o',
      status: 'registered',
      subject: { reference: 'Patient/x' },
    };
    const { patient } = written();
    const entries = plan(
      { ...NOTHING, study: { keep: { id: 'o', etag: 'W/"3"', resource: order }, lose: [], othersPresent: false } },
      patient,
    );
    expect(entries).toMatchObject([{ kind: 'update', id: 'o', etag: 'W/"3"' }]);
    const [entry] = entries;
    const tags = entry?.kind === 'update' ? entry.resource.meta?.tag?.map(({ system }) => system) : [];
    expect(tags).toContain(ADOPTED_TAG_SYSTEM);
    expect(tags).toHaveLength(2);
  });

  it('names no Patient where the instances name none', () => {
    const entries = plan(NOTHING, undefined, { ...PROJECTION, patient: undefined });
    expect(entries).toHaveLength(1);
    const [study] = entries;
    expect(study?.kind === 'create' && (study.resource as ImagingStudy).subject).toMatchObject({
      extension: [{ valueCode: 'unknown' }],
    });
  });

  it('leaves an existing Patient as it is, unless the site lets DICOM decide', () => {
    const { existing, patient } = written();
    const married: Found<Patient> = { ...patient, resource: { ...patient.resource, name: [{ family: 'Roe' }] } };
    expect(plan(existing, married)).toEqual([]);
    const overwriting = plan(existing, married, PROJECTION, { ...defaultMappingOptions, demographics: 'overwrite' });
    expect(overwriting).toMatchObject([{ kind: 'update', id: patient.id }]);
  });
});

describe('the transaction when nothing valid is live', () => {
  it('deletes our study after the Observations that refer to it', () => {
    const { existing } = written(projection([dose('1.9')]));
    expect(planRemoval(existing, SOURCE).entries).toMatchObject([
      { kind: 'delete', type: 'Observation', etag: 'W/"1"' },
      { kind: 'delete', type: 'ImagingStudy', etag: 'W/"1"' },
    ]);
  });

  it('never deletes an adopted study: it says that nothing is there', () => {
    const { existing } = written();
    const entries = planRemoval(adopted(existing), SOURCE).entries;
    expect(entries).toMatchObject([
      { kind: 'update', resource: { status: 'registered', numberOfInstances: 0, numberOfSeries: 0 } },
    ]);
    const [entry] = entries;
    const emptied = entry?.kind === 'update' ? (entry.resource as ImagingStudy) : undefined;
    const keep = { ...keepOf(existing), resource: emptied ?? keepOf(existing).resource };
    expect(planRemoval({ ...existing, study: { ...existing.study, keep } }, SOURCE).entries).toEqual([]);
  });

  it('does not touch a study that no Cast owns, and is empty where there is none', () => {
    const { existing } = written();
    const keep = keepOf(existing);
    const foreign = { ...keep, resource: { ...keep.resource, meta: {} } };
    expect(planRemoval({ ...existing, study: { ...existing.study, keep: foreign } }, SOURCE).entries).toEqual([]);
    expect(planRemoval(NOTHING, SOURCE).entries).toEqual([]);
  });
});
