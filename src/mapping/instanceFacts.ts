import type { CodeableConcept, Coding, Identifier, ImagingStudySeriesPerformer, Reference } from 'fhir/r4';
import type { DicomDataset } from '../dicom/dataset';
import type { PatientProjection } from './patient';

/** What one instance says about its study. */
export interface StudyFacts {
  readonly patient: PatientProjection | undefined;
  readonly started: string | undefined;
  readonly description: string | undefined;
  readonly studyId: string | undefined;
  readonly accessions: readonly Identifier[];
  readonly orders: readonly Reference[];
  readonly encounter: Reference | undefined;
  readonly referrer: Reference | undefined;
  readonly interpreters: readonly Reference[];
  readonly procedureCodes: readonly CodeableConcept[];
  readonly location: Reference | undefined;
  readonly reasons: readonly CodeableConcept[];
  /** (0008,0061), which instances hardly ever carry: extra input only. */
  readonly modalitiesInStudy: readonly string[];
  /** Metres. */
  readonly patientSize: number | undefined;
  /** Kilograms. */
  readonly patientWeight: number | undefined;
}

/** What one instance says about its series. */
export interface SeriesFacts {
  readonly modality: string | undefined;
  readonly number: number | undefined;
  readonly description: string | undefined;
  readonly bodySite: Coding | undefined;
  readonly laterality: Coding | undefined;
  /** Of the image: counts for the series only where all images agree. */
  readonly imageLaterality: Coding | undefined;
  readonly started: string | undefined;
  readonly specimens: readonly Reference[];
  readonly performers: readonly ImagingStudySeriesPerformer[];
}

/** The normalised content of one instance; everything that the projection needs, and nothing that depends on other instances. */
export interface InstanceFacts {
  readonly study: StudyFacts;
  readonly series: SeriesFacts;
  readonly sopClass: string | undefined;
  readonly number: number | undefined;
  /** When the image was acquired: its series began with the first one, where it does not say itself when. */
  readonly acquired: string | undefined;
  readonly title: string | undefined;
  readonly frames: number | undefined;
  /** The whole object, when it is a structured report: dose reports become Observations. */
  readonly structuredReport: DicomDataset | undefined;
}
