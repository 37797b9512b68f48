import type { ImagingStudy } from 'fhir/r4';
import type { StudyKey } from '../dicom/studyKey';
import type { Sources } from './sources';

const UID_PREFIX = 'urn:oid:';

/** The studies that these resources stand for, as far as this installation made them; each once. */
export function studiesOf(resources: readonly ImagingStudy[], sources: Sources): readonly StudyKey[] {
  const studies = new Map<string, StudyKey>();
  for (const resource of resources) {
    const partition = sources.partitionOf(resource);
    const uid = resource.identifier?.find(({ system }) => system === 'urn:dicom:uid')?.value;
    if (partition === undefined || !uid?.startsWith(UID_PREFIX)) continue;
    const study = { partition, uid: uid.slice(UID_PREFIX.length) };
    studies.set(`${study.partition}|${study.uid}`, study);
  }
  return [...studies.values()];
}
