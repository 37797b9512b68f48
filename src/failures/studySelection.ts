import { odata } from '@azure/data-tables';
import { partitionKey } from './tableKeys';

/** A study of one data partition, or of that UID in all of them. */
export interface StudySelection {
  readonly uid: string;
  readonly partition?: string | undefined;
}

/** @returns the OData condition for the rows of the study; with a partition the service reads those alone */
export function studyCondition({ uid, partition }: StudySelection): string {
  return partition === undefined
    ? odata`studyInstanceUid eq ${uid}`
    : odata`PartitionKey eq ${partitionKey({ uid, partition })}`;
}
