import type { Endpoint, ImagingStudy, Patient } from 'fhir/r4';

/** What one mapper makes of one study. Others may leave out what R4 demands, so nothing in it is certain. */
export interface MappedStudy {
  readonly imagingStudy: ImagingStudy;
  readonly patient: Patient | undefined;
  readonly endpoint: Endpoint | undefined;
}

/** The output of one mapper for the samples, by Study Instance UID. */
export interface MapperOutput {
  readonly name: string;
  readonly studies: ReadonlyMap<string, MappedStudy>;
  /** What it maps at once, and the errors that it stopped with. */
  readonly unit: 'studies' | 'instances';
  readonly failures: readonly string[];
}
