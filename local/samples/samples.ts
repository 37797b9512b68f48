import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { type DicomJson, firstText, isDicomJson, Tag } from '../dicom/dicomJson';
import { reasonNotStorable } from '../dicom/storable';

/** One sample object. */
export interface Sample {
  /** Package and path of the file that it was read from. */
  readonly source: string;
  readonly licence: string;
  readonly dataset: DicomJson;
}

export interface SampleStudy {
  readonly studyUid: string;
  readonly samples: readonly Sample[];
}

export interface Samples {
  /** In the order of the files, each with all its objects. */
  readonly studies: readonly SampleStudy[];
  readonly leftOut: readonly { readonly source: string; readonly reason: string }[];
}

const FILES = ['pydicom.ndjson.gz', 'pydicom-data.ndjson.gz', 'generated.ndjson.gz', 'dose-reports.ndjson.gz'];

/** Reads the sample objects that a DICOM service can store, grouped by study, and says which cannot be stored and why. */
export function readSamples(): Samples {
  const studies = new Map<string, Sample[]>();
  const leftOut: { readonly source: string; readonly reason: string }[] = [];
  for (const sample of FILES.flatMap(readSampleFile)) {
    const reason = reasonNotStorable(sample.dataset);
    if (reason !== undefined) {
      leftOut.push({ source: sample.source, reason });
      continue;
    }
    const studyUid = firstText(sample.dataset, Tag.StudyInstanceUID) ?? '';
    studies.set(studyUid, [...(studies.get(studyUid) ?? []), sample]);
  }
  return { studies: [...studies].map(([studyUid, samples]) => ({ studyUid, samples })), leftOut };
}

function readSampleFile(name: string): readonly Sample[] {
  const lines = gunzipSync(readFileSync(join(samplesFolder(), name)))
    .toString('utf8')
    .split('\n');
  return lines.filter((line) => line !== '').map((line) => sampleOf(JSON.parse(line) as Record<string, unknown>));
}

function sampleOf({ src, licence, dicom }: Record<string, unknown>): Sample {
  if (typeof src !== 'string' || typeof licence !== 'string' || !isDicomJson(dicom)) throw new Error('A sample is broken');
  return { source: src, licence, dataset: dicom };
}

/** The data files stay in the source folder when the code is built elsewhere. */
export function samplesFolder(): string {
  let folder = __dirname;
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) folder = dirname(folder);
  return join(folder, 'local', 'samples');
}
