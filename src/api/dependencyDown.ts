import { isRestError } from '@azure/core-rest-pipeline';
import { ContainerMissing } from '../payloads/container/containerMissing';
import { storageCode } from '../payloads/container/storageCode';
import { InvalidDatabaseAnswer } from '../payloads/database/database';
import { DatabaseFailure } from '../payloads/database/databaseFailure';

/** A database or a storage account fails, which is neither the caller's fault nor ours; becomes the answer 502. No secrets, and no address. */
export class DependencyDown extends Error {
  readonly code = 'DependencyDown';
  readonly status = 502;
  constructor(title: string, cause: unknown) {
    super(title, { cause });
    this.name = 'DependencyDown';
  }
}

/**
 * @param account what the storage account that the work asks is for, for a person
 * @throws DependencyDown in place of what the storage, or the database of a FHIR server, throws
 */
export async function fromDependencies<T>(account: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof DatabaseFailure || error instanceof InvalidDatabaseAnswer || error instanceof ContainerMissing)
      throw new DependencyDown(error.message, error);
    if (isRestError(error)) throw new DependencyDown(storageProblem(account, error), error);
    throw error;
  }
}

function storageProblem(account: string, error: { readonly statusCode?: number }): string {
  const { statusCode } = error;
  const code = storageCode(error);
  return statusCode === undefined
    ? `The storage account ${account} does not answer: ${code}`
    : `The storage account ${account} answers with an error: ${code} (HTTP ${statusCode})`;
}
