import { setImmediate as nextTurn } from 'node:timers/promises';
import { type DicomDataset, isObject, readDataset } from '../dicom/dataset';
import type { DicomWebClient } from '../dicom/dicomWebClient';
import type { StudyKey } from '../dicom/studyKey';
import type { MappingOptions } from '../mapping/options';
import { type InvalidInstance, readInstance, type SkippedInstance, type ValidInstance } from '../mapping/readInstance';

/** What is live in the DICOM service now, each instance read and checked. */
export interface LiveStudy {
  readonly valid: readonly ValidInstance[];
  readonly invalid: readonly InvalidInstance[];
  /** Live, but not to be mapped (PHANTOMS=skip). */
  readonly skipped: readonly SkippedInstance[];
  /** All that was read, valid or not: what must not be repeated by error texts. */
  readonly datasets: readonly DicomDataset[];
}

/** Instances read between two turns of the event loop, so that a study of thousands does not hold up everything else. */
const INSTANCES_PER_TURN = 250;

/**
 * Reads the study's instances from DICOMweb. An instance that cannot be read is one of the invalid ones; it never spoils its study.
 * @throws errors of the DICOMweb client
 */
export async function readLiveStudy(
  dicom: DicomWebClient,
  study: StudyKey,
  options: MappingOptions,
  signal: AbortSignal,
): Promise<LiveStudy> {
  const metadata = await dicom.studyMetadata(study, signal);
  const datasets: DicomDataset[] = [];
  const valid: ValidInstance[] = [];
  const invalid: InvalidInstance[] = [];
  const skipped: SkippedInstance[] = [];
  for (const [index, json] of metadata.entries()) {
    if (index > 0 && index % INSTANCES_PER_TURN === 0) await nextTurn(undefined, { signal });
    const dataset = isObject(json) ? readDataset(json) : undefined;
    if (dataset !== undefined) datasets.push(dataset);
    const reading = dataset === undefined ? NO_DATASET : readInstance(dataset, options, study.uid);
    if (reading.kind === 'valid') valid.push(reading);
    else if (reading.kind === 'invalid') invalid.push(reading);
    else skipped.push(reading);
  }
  return { valid, invalid, skipped, datasets };
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
