import type { ImagingStudy } from 'fhir/r4';
import { readDataset } from '../../src/dicom/dataset';
import { overlayImagingStudy, type StudyReferences } from '../../src/mapping/imagingStudy';
import { defaultMappingOptions, type MappingOptions } from '../../src/mapping/options';
import { projectStudy, type StudyProjection } from '../../src/mapping/projectStudy';
import { readInstance, type ValidInstance } from '../../src/mapping/readInstance';
import { castSource } from '../../src/mapping/source';
import { testUid } from './instances';

export const STUDY_UID = testUid(1);
export const SOURCE = castSource('https://d.example', 'v2', 'Microsoft.Default');
export const REFERENCES: StudyReferences = {
  subject: { reference: 'Patient/p', type: 'Patient' },
  endpoint: { reference: 'Endpoint/e', type: 'Endpoint' },
  source: SOURCE,
};

/** The instances that count, as they are read. */
export function validInstances(
  datasets: readonly unknown[],
  options: Partial<MappingOptions> = {},
): readonly ValidInstance[] {
  return datasets.flatMap((json) => {
    const reading = readInstance(readDataset(json), { ...defaultMappingOptions, ...options });
    return reading.kind === 'valid' ? [reading] : [];
  });
}

/** What the live instances of the study come to; an error where nothing valid is live. */
export function projection(datasets: readonly unknown[], options: Partial<MappingOptions> = {}): StudyProjection {
  const projected = projectStudy(
    { partition: 'Microsoft.Default', uid: STUDY_UID },
    validInstances(datasets, options),
    { ...defaultMappingOptions, ...options },
  );
  if (projected === undefined) throw new Error('nothing valid is live');
  return projected;
}

/** The study as it is written: new, or laid over one that FHIR holds. */
export function studyOf(
  datasets: readonly unknown[],
  options: Partial<MappingOptions> = {},
  existing?: ImagingStudy,
  orders?: StudyReferences['orders'],
): ImagingStudy {
  return overlayImagingStudy(existing, projection(datasets, options), { ...REFERENCES, orders });
}

/** A resource as a server hands it back: another object, with an id and a version. */
export function stored<T extends ImagingStudy>(resource: T, id = 's1'): T {
  const copy = JSON.parse(JSON.stringify(resource)) as T;
  return { ...copy, id, meta: { ...copy.meta, versionId: '1', lastUpdated: '2026-01-01T00:00:00Z' } };
}
