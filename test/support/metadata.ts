import type { DicomWebClient } from '../../src/dicom/dicomWebClient';
import type { StudyKey } from '../../src/dicom/studyKey';

/** All the metadata of a study, read to the end. */
export async function metadataOf(
  client: DicomWebClient,
  study: StudyKey,
  signal: AbortSignal,
): Promise<readonly unknown[]> {
  const instances: unknown[] = [];
  for await (const part of client.studyMetadata(study, signal)) instances.push(...part);
  return instances;
}
