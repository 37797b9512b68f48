import { odata } from '@azure/data-tables';
import { entryKeys, shardOf, studyKeyPart } from './tableKeys';

/** A study of one data partition, or of that UID in all of them. */
export interface StudySelection {
  readonly uid: string;
  readonly partition?: string | undefined;
}

/** @returns the OData condition for the warnings of the study; with a partition the service reads those alone */
export function warningsOfStudy({ uid, partition }: StudySelection): string {
  return partition === undefined
    ? odata`studyInstanceUid eq ${uid}`
    : odata`PartitionKey eq ${studyKeyPart({ uid, partition })}`;
}

/** @returns the OData condition for the failed entries of the study; with a partition the service reads those alone */
export function entriesOfStudy({ uid, partition }: StudySelection): string {
  if (partition === undefined) return odata`studyInstanceUid eq ${uid}`;
  const [from, before] = entryKeys({ uid, partition });
  return odata`PartitionKey eq ${shardOf({ uid, partition })} and RowKey ge ${from} and RowKey lt ${before}`;
}
