/** Name of the partition that a DICOM service without partitions puts everything into; it is never part of a URL. */
export const DEFAULT_PARTITION = 'Microsoft.Default';

/** What identifies a study: the Study Instance UID is unique only within one partition. */
export interface StudyKey {
  readonly partition: string;
  readonly uid: string;
}

/** @returns text that is equal for equal studies, to group by */
export function studyKeyText({ partition, uid }: StudyKey): string {
  // With the length, no other pair gives the same text.
  return `${partition.length} ${partition} ${uid}`;
}
