import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Endpoint, ImagingStudy, ImagingStudySeries, Patient, Resource } from 'fhir/r4';
import type { MappedStudy, MapperOutput } from './mappedStudy';

/** The mappers of others whose output is stored. */
export function peerOutputs(): readonly MapperOutput[] {
  return [dicom2fhir(), dicomjsonToFhir()];
}

interface BundleLine {
  /** Null for an object that belongs to no study, which is none of the samples either. */
  readonly studyUid: string | null;
  readonly bundle?: { readonly entry: readonly { readonly resource: Resource }[] };
  readonly error?: string;
}

/** One bundle for a study. */
function dicom2fhir(): MapperOutput {
  const studies = new Map<string, MappedStudy>();
  const failures: string[] = [];
  for (const { studyUid, bundle, error } of stored('dicom2fhir.ndjson.gz') as readonly BundleLine[]) {
    if (studyUid === null) continue;
    const resources = (bundle?.entry ?? []).map(({ resource }) => resource);
    const imagingStudy = resources.find((resource) => resource.resourceType === 'ImagingStudy');
    const patient = resources.find((resource) => resource.resourceType === 'Patient');
    if (imagingStudy === undefined) failures.push(firstLine(error));
    else
      studies.set(studyUid, {
        imagingStudy: imagingStudy as ImagingStudy,
        patient: patient as Patient | undefined,
        endpoint: undefined,
      });
  }
  return { name: 'dicom2fhir', studies, unit: 'studies', failures };
}

interface InstanceLine {
  readonly fhir?: { readonly patient: Patient; readonly endpoint: Endpoint; readonly imagingStudy: ImagingStudy };
  readonly error?: string;
}

/**
 * One study for each instance. A server that stores them one after the other keeps them as one; so the series and instances are put
 * together, and every other value is that of the first instance.
 */
function dicomjsonToFhir(): MapperOutput {
  const studies = new Map<string, MappedStudy>();
  const failures: string[] = [];
  for (const { fhir, error } of stored('dicomjson-to-fhir.ndjson.gz') as readonly InstanceLine[]) {
    if (fhir === undefined) {
      failures.push(firstLine(error));
      continue;
    }
    const uid = studyUidOf(fhir.imagingStudy);
    const present = studies.get(uid);
    if (present === undefined) studies.set(uid, structuredClone(fhir));
    else addSeries(present.imagingStudy, fhir.imagingStudy.series ?? []);
  }
  return { name: 'dicomjson-to-fhir', studies, unit: 'instances', failures };
}

function addSeries(study: ImagingStudy, more: readonly ImagingStudySeries[]): void {
  study.series ??= [];
  for (const series of more) {
    const same = study.series.find(({ uid }) => uid === series.uid);
    if (same === undefined) study.series.push(structuredClone(series));
    else (same.instance ??= []).push(...(series.instance ?? []));
  }
}

function studyUidOf({ identifier = [] }: ImagingStudy): string {
  return identifier.find(({ system }) => system === 'urn:dicom:uid')?.value?.replace('urn:oid:', '') ?? '';
}

function stored(name: string): readonly unknown[] {
  const path = resolve(__dirname, '../../fixtures/mappers', name);
  const lines = gunzipSync(readFileSync(path)).toString('utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as unknown);
}

function firstLine(error = ''): string {
  return error.split('\n')[0] ?? '';
}
