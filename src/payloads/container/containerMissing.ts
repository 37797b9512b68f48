import { storageCode } from './storageCode';

/** The container of the payloads is not there, or is just being deleted. */
export class ContainerMissing extends Error {
  readonly code = 'ContainerMissing';
  override readonly name = 'ContainerMissing';
  constructor(container: string) {
    super(`There is no container ${container} in the account`);
  }
}

/** Whether the storage says so of a container; a missing blob is another matter. */
export function isContainerMissing(code: string): boolean {
  return code === 'ContainerNotFound' || code === 'ContainerBeingDeleted';
}

/** @throws ContainerMissing in place of what the storage says of a container that is not there */
export async function inContainer<T>(container: string, work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => {
    throw isContainerMissing(storageCode(error)) ? new ContainerMissing(container) : error;
  });
}
