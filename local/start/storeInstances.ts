import type { DicomService } from '../dicom/dicomService';
import type { DicomJson } from '../dicom/dicomJson';
import { firstText, Tag } from '../dicom/dicomJson';
import { readFolder } from '../dicom/readFolder';
import { readSamples } from '../samples/samples';

/** What was put into the embedded DICOM service, and what was not. */
export interface Stored {
  readonly studies: number;
  readonly instances: number;
  readonly skipped: readonly { readonly source: string; readonly reason: string }[];
}

interface Candidate {
  readonly source: string;
  readonly dataset: DicomJson;
}

/** Stores the samples that this project ships; those without a PatientID would be filed as failed, which is no first impression. */
export function storeSamples(dicom: DicomService): Stored {
  const { studies, leftOut } = readSamples();
  const all = studies.flatMap(({ samples }) => samples);
  const complete = all.filter(({ dataset }) => firstText(dataset, PATIENT_ID) !== undefined);
  const anonymous = all
    .filter((sample) => !complete.includes(sample))
    .map(({ source }) => ({ source, reason: 'it has no PatientID' }));
  return store(dicom, complete, [...leftOut, ...anonymous]);
}

const PATIENT_ID = '00100020';

/** Stores the files below a folder. @throws FolderNotFound */
export async function storeFolder(dicom: DicomService, folder: string): Promise<Stored> {
  const candidates: Candidate[] = [];
  const skipped: { readonly source: string; readonly reason: string }[] = [];
  for await (const entry of readFolder(folder)) {
    if (entry.kind === 'instance') candidates.push({ source: entry.path, dataset: entry.dataset });
    else skipped.push({ source: entry.path, reason: entry.reason });
  }
  return store(dicom, candidates, skipped);
}

function store(dicom: DicomService, candidates: readonly Candidate[], skipped: Stored['skipped']): Stored {
  const outcomes = dicom.offer(candidates.map(({ dataset }) => dataset));
  const refused = outcomes.flatMap((outcome, index) =>
    outcome.kind === 'stored' ? [] : [{ source: candidates[index]?.source ?? '', reason: outcome.comment }],
  );
  const stored = candidates.filter((_, index) => outcomes[index]?.kind === 'stored');
  const studies = new Set(stored.map(({ dataset }) => firstText(dataset, Tag.StudyInstanceUID)));
  return { studies: studies.size, instances: stored.length, skipped: [...skipped, ...refused] };
}
