import type { CodeableConcept, Coding, Identifier, ImagingStudySeries, Reference } from 'fhir/r4';
import { atOnce, type Parts } from '../concurrency/parts';
import { type DataIssue, distinctIssues } from '../dicom/dataIssue';
import type { StudyKey } from '../dicom/studyKey';
import { acquisitionModalities } from '../dicom/tables/acquisitionModalities';
import { identifierKey, studyIdentifier } from './identifiers';
import type { StudyFacts } from './instanceFacts';
import { instantKey } from './instants';
import { bodyMeasures } from './observations/bodyMeasures';
import type { ObservationProjection } from './observations/observationProjection';
import { projectObservations } from './observations/projectObservations';
import type { MappingOptions } from './options';
import { type PatientProjection, projectPatient } from './patient';
import { type Counted, counted, pluralityOf, sortedUnion } from './plurality';
import { projectSeries } from './projectSeries';
import type { ValidInstance } from './readInstance';
import { DCM_SYSTEM, MADO_NUMBER_OF_FRAMES_EXTENSION } from './systems';

/** The part of an ImagingStudy that is ours. */
export interface ImagingStudyProjection {
  readonly identifiers: readonly Identifier[];
  readonly modality: readonly Coding[];
  readonly started: string | undefined;
  readonly orders: readonly Reference[];
  readonly encounter: Reference | undefined;
  readonly referrer: Reference | undefined;
  readonly interpreters: readonly Reference[];
  readonly procedureCodes: readonly CodeableConcept[];
  readonly location: Reference | undefined;
  readonly reasons: readonly CodeableConcept[];
  readonly description: string | undefined;
  readonly note: string | undefined;
  /** Texts that a note of the old DICOM Cast may have; empty where such notes stay. */
  readonly obsoleteNotes: readonly string[];
  readonly profiles: readonly string[];
  readonly series: readonly ImagingStudySeries[];
  /** Whether every series names the Endpoint of the study as well. */
  readonly endpointInSeries: boolean;
  /** URLs of the extensions that only we write to instances, whether we have a value for them or not. */
  readonly instanceExtensions: readonly string[];
  readonly numberOfInstances: number;
}

/** What FHIR has to say about one study. */
export interface StudyProjection {
  readonly study: StudyKey;
  /** Undefined where no instance names a patient and that is let through. */
  readonly patient: PatientProjection | undefined;
  readonly imagingStudy: ImagingStudyProjection;
  readonly observations: readonly ObservationProjection[];
  readonly issues: readonly DataIssue[];
}

/**
 * The projection: a pure function of the live, valid instances. Single values by plurality, sets by sorted union, counts recomputed;
 * neither a clock, nor an order of arrival, nor what FHIR held before has a say in it.
 * @returns undefined when nothing valid is live
 */
export function projectStudy(
  study: StudyKey,
  instances: readonly ValidInstance[],
  options: MappingOptions,
): StudyProjection | undefined {
  return atOnce(projectStudyInParts(study, instances, options));
}

/** The same in parts: a study can have tens of thousands of instances. */
export function* projectStudyInParts(
  study: StudyKey,
  instances: readonly ValidInstance[],
  options: MappingOptions,
): Parts<StudyProjection | undefined> {
  if (instances.length === 0) return undefined;
  const facts = counted(instances.map((instance) => instance.facts.study));
  const patient = projectPatient(
    facts.flatMap(({ value, count }) => (value.patient === undefined ? [] : [{ value: value.patient, count }])),
  );
  const reports = instances.flatMap(({ instanceUid, facts: { structuredReport } }) =>
    structuredReport === undefined ? [] : [{ instanceUid, dataset: structuredReport }],
  );
  const dose = projectObservations(study, reports, options);
  const imagingStudy = yield* projectImagingStudy(study, instances, facts, options);
  const body = options.heightAndWeight ? bodyMeasures(study, patient.value, facts, imagingStudy.started) : [];
  return {
    study,
    patient: patient.value,
    imagingStudy,
    observations: [...dose.observations, ...body],
    issues: distinctIssues([...patient.issues, ...dose.issues]),
  };
}

function* projectImagingStudy(
  study: StudyKey,
  instances: readonly ValidInstance[],
  counts: readonly Counted<StudyFacts>[],
  options: MappingOptions,
): Parts<ImagingStudyProjection> {
  const facts = counts.map(({ value }) => value);
  const series = yield* projectSeries(instances, options);
  const description = pluralityOf(counts, (fact) => fact.description);
  const studyId = pluralityOf(counts, (fact) => fact.studyId);
  const accessions = accessionIdentifiers(counts, options);
  return {
    identifiers: [
      studyIdentifier(study.uid),
      ...accessions,
      ...(studyId === undefined ? [] : [{ type: { text: STUDY_ID_TYPE }, value: studyId }]),
    ],
    modality: modalities(series, facts),
    started: pluralityOf(counts, (fact) => fact.started, instantKey),
    orders: ordersOf(facts, accessions, options),
    encounter: pluralityOf(counts, (fact) => fact.encounter),
    referrer: pluralityOf(counts, (fact) => fact.referrer),
    interpreters: sortedUnion(facts.flatMap((fact) => fact.interpreters)),
    procedureCodes: sortedUnion(
      facts.flatMap((fact) => fact.procedureCodes),
      conceptIdentity,
    ),
    location: pluralityOf(counts, (fact) => fact.location),
    reasons: sortedUnion(
      facts.flatMap((fact) => fact.reasons),
      conceptIdentity,
    ),
    description,
    note: options.studyDescriptionAsNote ? description : undefined,
    obsoleteNotes: options.dicomCastCleanup ? sortedUnion(facts.flatMap((fact) => fact.description ?? [])) : [],
    profiles: options.imagingStudyProfiles,
    series,
    endpointInSeries: options.retrieveLocationUid !== undefined,
    instanceExtensions: [MADO_NUMBER_OF_FRAMES_EXTENSION, options.numberOfFramesExtension ?? []].flat(),
    numberOfInstances: series.reduce((sum, { numberOfInstances = 0 }) => sum + numberOfInstances, 0),
  };
}

/** Marks the identifier of a Study ID as ours: values like "1" are no key of anything. */
export const STUDY_ID_TYPE = 'Study ID';

function accessionIdentifiers(facts: readonly Counted<StudyFacts>[], options: MappingOptions): readonly Identifier[] {
  if (options.accession === 'union')
    return sortedUnion(
      facts.flatMap(({ value }) => value.accessions),
      identifierKey,
    );
  // An instance of several orders has no single accession number to vote for: its first one counts.
  const most = pluralityOf(facts, ({ accessions: [first] }) => first, identifierKey);
  return most === undefined ? [] : [most];
}

function ordersOf(
  facts: readonly StudyFacts[],
  accessions: readonly Identifier[],
  options: MappingOptions,
): readonly Reference[] {
  const orders = sortedUnion(
    facts.flatMap((fact) => fact.orders),
    orderKey,
  );
  if (options.accession === 'union') return orders;
  const kept = new Set(accessions.map(identifierKey));
  return orders.filter(({ identifier }) => !isAccession(identifier) || kept.has(identifierKey(identifier)));
}

function isAccession(identifier: Identifier | undefined): identifier is Identifier {
  return identifier?.type?.coding?.some(({ code }) => code === 'ACSN') === true;
}

/** Orders are equal when their identifiers are, in the same role; how an object names the issuer does not count. */
function orderKey({ identifier }: Reference): string {
  const [type] = identifier?.type?.coding ?? [];
  return JSON.stringify([type?.code ?? '', identifier?.system ?? '', identifier?.value ?? '']);
}

/** R4 wants acquisition modalities only (PS3.16 CID 29): SR, KO and the like stand in their series. */
function modalities(series: readonly ImagingStudySeries[], facts: readonly StudyFacts[]): readonly Coding[] {
  const codes = [
    ...series.flatMap(({ modality }) => modality.code ?? []),
    ...facts.flatMap((fact) => fact.modalitiesInStudy),
  ];
  return sortedUnion(codes, (code) => code)
    .filter((code) => acquisitionModalities.has(code))
    .map((code) => ({ system: DCM_SYSTEM, code }));
}

/** Codes by system and code, whatever their wording; text by itself. */
function conceptIdentity({ coding, text }: CodeableConcept): string {
  const [first] = coding ?? [];
  return first === undefined ? JSON.stringify(['text', text]) : JSON.stringify([first.system ?? '', first.code ?? '']);
}
