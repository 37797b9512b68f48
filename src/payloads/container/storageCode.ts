import { statusOf } from '../../failures/storageError';

/** The storage's own code of an error (`BlobNotFound`), else the code of the connection (`ECONNRESET`), else the status; never its text, which may name blobs. */
export function storageCode(error: unknown): string {
  if (typeof error !== 'object' || error === null) return 'Unknown';
  const details = 'details' in error && typeof error.details === 'object' ? error.details : undefined;
  const errorCode = details !== null && details !== undefined && 'errorCode' in details ? details.errorCode : undefined;
  for (const code of [errorCode, 'code' in error ? error.code : undefined])
    if (typeof code === 'string' && /^[A-Za-z0-9_.-]{1,80}$/.test(code)) return code;
  const status = statusOf(error);
  if (status !== undefined) return `Status${status}`;
  return error instanceof Error ? error.name : 'Unknown';
}

/** Whether the storage says that there is no such blob; a missing container is another matter. */
export function isBlobMissing(error: unknown): boolean {
  return statusOf(error) === 404 && storageCode(error) !== 'ContainerNotFound';
}
