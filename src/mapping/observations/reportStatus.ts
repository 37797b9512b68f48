import type { Observation } from 'fhir/r4';
import { Attribute } from '../../dicom/attributes';
import type { DicomDataset } from '../../dicom/dataset';
import { textValue } from '../../dicom/text';

/**
 * @returns `preliminary` for a report that says that it is incomplete (0040,A491) or preliminary (0040,A496), else `final`. The
 *   Verification Flag does not count: modalities leave their dose reports unverified.
 */
export function reportStatus(report: DicomDataset): Extract<Observation['status'], 'preliminary' | 'final'> {
  const completion = textValue(report, Attribute.CompletionFlag).value?.toUpperCase();
  const preliminary = textValue(report, Attribute.PreliminaryFlag).value?.toUpperCase();
  return completion === 'PARTIAL' || preliminary === 'PRELIMINARY' ? 'preliminary' : 'final';
}
