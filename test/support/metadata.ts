import type { DicomDataset } from '../../src/dicom/dataset';
import type { DicomWebClient } from '../../src/dicom/dicomWebClient';
import type { StudyKey } from '../../src/dicom/studyKey';

/** All the metadata of a study, read to the end, as DICOM JSON. */
export async function metadataOf(
  client: DicomWebClient,
  study: StudyKey,
  signal: AbortSignal,
): Promise<readonly unknown[]> {
  const instances: unknown[] = [];
  await client.studyMetadata(
    study,
    (part) => instances.push(...part.map((dataset) => dataset && jsonOf(dataset))),
    signal,
  );
  return instances;
}

function jsonOf({ elements }: DicomDataset): unknown {
  return Object.fromEntries([...elements].map(([tag, { vr, values }]) => [tag, { vr, Value: values }]));
}
