import type { ImagingStudy, Observation } from 'fhir/r4';
import { isStructuredReportClass } from '../dicom/sopClass';
import type { StudyKey } from '../dicom/studyKey';
import type { FhirClient, Found } from '../fhir/client';
import { uidIdentifier, uidOfUrn } from '../mapping/identifiers';
import { isDicomCastObservation } from '../mapping/observations/dicomCastObservation';
import { observationKeyOf } from '../mapping/observations/observationProjection';
import type { MappingOptions } from '../mapping/options';
import type { CastSource } from '../mapping/source';
import { chooseObservations } from './candidates';
import type { LiveStudy } from './liveStudy';
import { sourceTagQuery } from './queries';
import { searchByIdentifier } from './searchByIdentifier';

/** The Observations of one study in FHIR. */
export interface StudyObservations extends ReturnType<typeof chooseObservations> {
  /** What the old DICOM Cast left behind, as far as it is to go. */
  readonly leftovers: readonly Found<Observation>[];
}

export const NO_OBSERVATIONS: StudyObservations = { keep: new Map(), lose: [], leftovers: [] };

/** Finds those of ours; with the cleanup also those of the old DICOM Cast, which carry no tag. */
export async function findObservations(
  fhir: FhirClient,
  study: StudyKey,
  source: CastSource,
  { dicomCastCleanup }: MappingOptions,
  signal: AbortSignal,
): Promise<StudyObservations> {
  const ofStudy = uidIdentifier(study.uid);
  const tag = dicomCastCleanup ? [] : [sourceTagQuery(source)];
  const found = await searchByIdentifier<Observation>(fhir, 'Observation', ofStudy, signal, tag);
  const leftovers = dicomCastCleanup ? found.filter(({ resource }) => isDicomCastObservation(resource, ofStudy)) : [];
  return { ...chooseObservations(found, source, observationKeyOf), leftovers };
}

/** The study has, or had, a structured report; or what makes Observations of a study without one is switched on. */
export function canHaveObservations(
  mapping: MappingOptions,
  existing: Found<ImagingStudy> | undefined,
  live: LiveStudy,
): boolean {
  const reported =
    mapping.observations !== 'off' && live.valid.some(({ facts }) => facts.structuredReport !== undefined);
  return reported || mapping.heightAndWeight || mapping.dicomCastCleanup || hasReports(existing?.resource);
}

function hasReports(study: ImagingStudy | undefined): boolean {
  return (study?.series ?? []).some((series) =>
    (series.instance ?? []).some(
      ({ sopClass }) => sopClass.code === undefined || isStructuredReportClass(uidOfUrn(sopClass.code) ?? ''),
    ),
  );
}
