import type { DicomDataset } from './dataset';

/** An instance that is stored now, as the DICOMweb service describes it. */
export interface LiveInstance {
  readonly dataset: DicomDataset;
}
