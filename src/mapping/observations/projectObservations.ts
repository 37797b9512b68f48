import type { DataIssue } from '../../dicom/dataIssue';
import type { DicomDataset } from '../../dicom/dataset';
import type { StudyKey } from '../../dicom/studyKey';
import type { MappingOptions } from '../options';
import type { ObservationProjection } from './observationProjection';

/** One live, valid structured report of a study. */
export interface StructuredReport {
  readonly instanceUid: string;
  readonly dataset: DicomDataset;
}

/** The dose Observations of a study: a pure function of its reports, whatever their order. */
export function projectObservations(
  _study: StudyKey,
  _reports: readonly StructuredReport[],
  _options: MappingOptions,
): { readonly observations: readonly ObservationProjection[]; readonly issues: readonly DataIssue[] } {
  return { observations: [], issues: [] };
}
