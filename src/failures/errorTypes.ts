/** The families of failures that end up in FailedEntries. Validation warnings have a table of their own. */
export const errorTypes = ['TransientFailure', 'FhirError', 'DicomError', 'Unexpected'] as const;
export type ErrorType = (typeof errorTypes)[number];

/** Stable codes that say why. Operators filter by them, so a code is never renamed. */
export const reasonCodes = [
  // FHIR
  'ResourceConflict',
  'MultipleMatchingResources',
  'FhirResourceValidation',
  'TransactionFailed',
  'InvalidFhirResponse',
  // any service
  'ServerTooBusy',
  'ServerError',
  'RequestTimeout',
  'ServiceUnavailable',
  'ConnectionFailed',
  'AccessDenied',
  'OutageBudgetExceeded',
  // DICOM
  'RequiredAttributeMissing',
  'InvalidAttribute',
  'MalformedMetadata',
  'InvalidDicomResponse',
  'DicomRequestRefused',
  // feed and queue
  'UnreadableEntry',
  'UnreadableMessage',
  'Unconfirmed',
  'StorageRequestRefused',
  'Unexpected',
] as const;
export type ReasonCode = (typeof reasonCodes)[number];

const has = <T extends string>(known: readonly T[], value: string): value is T =>
  (known as readonly string[]).includes(value);

export const isErrorType = (value: string): value is ErrorType => has(errorTypes, value);
export const isReasonCode = (value: string): value is ReasonCode => has(reasonCodes, value);
