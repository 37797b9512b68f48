import type { ImagingStudy } from 'fhir/r4';
import { type StudyKey, studyKeyText } from '../dicom/studyKey';
import { uidOf } from '../mapping/identifiers';
import type { Sources } from './sources';

/** The studies that these resources stand for, as far as this installation made them; each once. */
export function studiesOf(resources: readonly ImagingStudy[], sources: Sources): readonly StudyKey[] {
  const studies = new Map<string, StudyKey>();
  for (const resource of resources) {
    const partition = sources.partitionOf(resource);
    const uid = uidOf(resource.identifier);
    if (partition === undefined || uid === undefined) continue;
    const study = { partition, uid };
    studies.set(studyKeyText(study), study);
  }
  return [...studies.values()];
}
