import type { DicomWebClient } from '../dicom/dicomWebClient';
import type { SimilarDataset } from '../dicom/similarDatasets';
import type { StudyKey } from '../dicom/studyKey';
import type { MappingOptions } from '../mapping/options';
import {
  type InstanceReading,
  instanceReader,
  type InvalidInstance,
  type SkippedInstance,
  type ValidInstance,
} from '../mapping/readInstance';
import { collectPatientSecrets } from './patientSecrets';

/** What is live in the DICOM service now, each instance read and checked. */
export interface LiveStudy {
  readonly valid: readonly ValidInstance[];
  readonly invalid: readonly InvalidInstance[];
  /** Live, but not to be mapped (PHANTOMS=skip). */
  readonly skipped: readonly SkippedInstance[];
  /** Identifying texts of all that was read, valid or not: what must not be repeated by error texts. */
  readonly secrets: ReadonlySet<string>;
}

/**
 * Reads the study's instances from DICOMweb as they arrive; of each only what the mapping needs is kept. An instance that cannot be read is
 * one of the invalid ones; it never spoils its study.
 * @throws errors of the DICOMweb client
 */
export async function readLiveStudy(
  dicom: Pick<DicomWebClient, 'studyMetadata'>,
  study: StudyKey,
  options: MappingOptions,
  signal: AbortSignal,
): Promise<LiveStudy> {
  const read = instanceReader(options, study.uid);
  const secrets = new Set<string>();
  const valid: ValidInstance[] = [];
  const invalid: InvalidInstance[] = [];
  const skipped: SkippedInstance[] = [];
  const readOne = (dataset: SimilarDataset | undefined): InstanceReading => {
    if (dataset === undefined) return NO_DATASET;
    collectPatientSecrets(dataset.changed, secrets);
    return read(dataset);
  };
  const take = (part: readonly (SimilarDataset | undefined)[]): void => {
    for (const dataset of part) {
      const reading = readOne(dataset);
      if (reading.kind === 'valid') valid.push(reading);
      else if (reading.kind === 'invalid') invalid.push(reading);
      else skipped.push(reading);
    }
  };
  await dicom.studyMetadata(study, take, signal);
  return { valid, invalid, skipped, secrets };
}

const NO_DATASET: InvalidInstance = {
  kind: 'invalid',
  missing: 'SOPInstanceUID',
  seriesUid: undefined,
  instanceUid: undefined,
  issues: [
    {
      keyword: 'SOPInstanceUID',
      tag: '00080018',
      problem: 'the metadata of an instance is no JSON object',
      severity: 'invalid',
    },
  ],
};
