/** The app, its host.json or its settings cannot be run; the message says what to change. */
export class HostStartError extends Error {
  readonly code = 'HostStartError';

  constructor(message: string) {
    super(message);
    this.name = 'HostStartError';
  }
}

/** A run took longer than `functionTimeout` of host.json. */
export class FunctionTimeoutError extends Error {
  readonly code = 'FunctionTimeoutError';

  constructor(functionName: string, timeoutMs: number) {
    super(`Timeout value of ${timeoutMs} ms exceeded by function: ${functionName}`);
    this.name = 'FunctionTimeoutError';
  }
}

/**
 * Name, message and stack of whatever was thrown. Looks at the shape, not at the class: errors of the app may come
 * from another JavaScript realm.
 */
export function describeError(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error);
  if ('stack' in error && typeof error.stack === 'string' && error.stack !== '') return error.stack;
  if ('message' in error && typeof error.message === 'string') return error.message;
  return JSON.stringify(error);
}

/** The stable code of a storage error (`PopReceiptMismatch`, `MessageNotFound`, `QueueNotFound`), if it has one. */
export function storageErrorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** The HTTP status of a storage error, if the service answered at all. */
export function storageErrorStatus(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('statusCode' in error)) return undefined;
  return typeof error.statusCode === 'number' ? error.statusCode : undefined;
}
