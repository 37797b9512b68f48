import { MalformedDataset } from '../dicom/dataset';
import { MalformedMetadata } from '../dicom/errors';
import {
  FhirError,
  FhirResourceInvalid,
  FhirStatusError,
  InvalidFhirResponse,
  MultipleMatches,
  VersionConflict,
} from '../fhir/errors';
import {
  ConnectionError,
  type ConnectionFacts,
  describeStatus,
  HttpStatusError,
  ResponseTooLarge,
} from '../http/errors';
import type { ReasonCode } from './errorTypes';
import type { Dependency, Failure, FailureKind } from './failure';
import { limitText } from './limitText';
import { outcomeFacts, type OutcomeFacts } from './operationOutcome';
import { withoutSecretsOfAnyone } from './redact';
import { statusOf } from './storageError';
import { suggestedFixes } from './suggestedFixes';

export { withServerText, type Dependency, type Failure } from './failure';

const serviceNames: Readonly<Record<Dependency, string>> = {
  dicom: 'The DICOM service',
  fhir: 'The FHIR server',
  storage: 'The storage account',
};

/**
 * The one place where a status, an OperationOutcome or an exception becomes a failure with a reason code.
 * Errors are told by their class, or by their stable code or name where the class is out of sight; never by their text.
 * @param dependency the service that the failed request went to; for an error that has nothing to do with a service it only names the caller
 */
export function classify(error: unknown, dependency: Dependency): Failure {
  return (
    ofTransport(error, dependency) ?? ofFhir(error) ?? ofDicom(error) ?? ofName(error, dependency) ?? unexpected(error)
  );
}

function ofTransport(error: unknown, dependency: Dependency): Failure | undefined {
  if (error instanceof ConnectionError) return connectionLost(dependency, error);
  if (error instanceof HttpStatusError) {
    return ofStatus({ dependency, status: error.status, retryAfterMs: error.retryAfterMs });
  }
  if (error instanceof ResponseTooLarge) {
    const said = `${serviceNames[dependency]} gave an answer of more than ${error.limitBytes} bytes`;
    return dependency === 'fhir'
      ? permanent('fhir', 'FhirError', 'InvalidFhirResponse', said)
      : permanent(dependency, 'DicomError', 'InvalidDicomResponse', said);
  }
  return undefined;
}

function ofFhir(error: unknown): Failure | undefined {
  if (!(error instanceof FhirError)) return undefined;
  const outcome = outcomeFacts(error.outcome);
  if (error instanceof FhirStatusError) {
    return ofStatus({ dependency: 'fhir', status: error.status, retryAfterMs: error.retryAfterMs, outcome });
  }
  if (error instanceof VersionConflict) {
    return {
      ...conflict('fhir', error.status),
      ...(outcome?.serverText !== undefined && { serverText: outcome.serverText }),
    };
  }
  if (error instanceof MultipleMatches) return severalMatches(error, outcome);
  if (error instanceof FhirResourceInvalid) {
    const what = `A resource of type ${word(error.type) ?? 'unknown'} on the FHIR server has no ${word(error.missing) ?? 'id or versionId'}`;
    return permanent('fhir', 'FhirError', 'FhirResourceValidation', what);
  }
  return error instanceof InvalidFhirResponse ? invalidFhirResponse(error) : undefined;
}

function ofDicom(error: unknown): Failure | undefined {
  // A body that is cut passes, and a page of a gateway stands for an outage; one that stays unreadable is given up after the last attempt.
  if (error instanceof MalformedMetadata) return probed('dicom', 'InvalidDicomResponse', limitText(error.message, 500));
  if (error instanceof MalformedDataset) {
    return permanent(
      'dicom',
      'DicomError',
      'MalformedMetadata',
      'The DICOM service answered metadata that cannot be read',
    );
  }
  return undefined;
}

/** Errors of the Azure SDKs (`RestError` of the storage clients, those of a token that could not be had), of an end by signal, and of our lock. */
function ofName(error: unknown, dependency: Dependency): Failure | undefined {
  // No instanceof: a DOMException, for one, need not be an Error of the same realm.
  switch (nameOf(error)) {
    case 'RestError': {
      const status = statusOf(error);
      if (status !== undefined) return ofStatus({ dependency: 'storage', status });
      return connectionLost('storage', { requestSent: true, timedOut: false, causeCode: codeOf(error) });
    }
    case 'CredentialUnavailableError':
    case 'AuthenticationError':
    case 'AggregateAuthenticationError':
    case 'AuthenticationRequiredError':
      return unavailable(
        dependency,
        'AccessDenied',
        `No token could be obtained for ${lower(serviceNames[dependency])}`,
      );
    case 'AbortError':
    case 'TimeoutError':
      return {
        ...transient(dependency, 'RequestTimeout', 'The work was stopped before it ended'),
        outcomeUnknown: true,
      };
    case 'PatientLockBusy':
      return transient('storage', 'ResourceConflict', 'The lock for creating this Patient was taken all the time');
    default:
      return undefined;
  }
}

interface StatusFacts {
  readonly dependency: Dependency;
  readonly status: number;
  readonly retryAfterMs?: number | undefined;
  readonly outcome?: OutcomeFacts | undefined;
}

/** Status codes as RFC 9110 and RFC 6585 define them and as FHIR R4 (http.html) uses them. */
function ofStatus(facts: StatusFacts): Failure {
  const { dependency, status, retryAfterMs, outcome } = facts;
  const seen = {
    httpStatus: status,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(outcome?.serverText !== undefined && { serverText: outcome.serverText }),
  };
  const said = `${serviceNames[dependency]} answered ${describeStatus(status)}${outcome === undefined ? '' : ` (${outcome.summary})`}`;
  switch (status) {
    case 401:
    case 403:
      return { ...unavailable(dependency, 'AccessDenied', said), ...seen };
    case 408:
      return { ...transient(dependency, 'RequestTimeout', said), ...seen };
    case 409:
    case 412:
      return { ...conflict(dependency, status), ...seen };
    case 429:
      return { ...probed(dependency, 'ServerTooBusy', said), ...seen };
    case 502:
    case 504:
      // The gateway gave up on an answer; the server behind it may have done the work.
      return { ...unavailable(dependency, 'ServiceUnavailable', said), ...seen, outcomeUnknown: true };
    case 503:
      return { ...unavailable(dependency, 'ServiceUnavailable', said), ...seen };
    default:
      if (status >= 500) return { ...probed(dependency, 'ServerError', said), ...seen };
      return { ...refused(dependency, said), ...seen };
  }
}

function refused(dependency: Dependency, said: string): Failure {
  switch (dependency) {
    case 'fhir':
      return permanent('fhir', 'FhirError', 'TransactionFailed', said);
    case 'dicom':
      return permanent('dicom', 'DicomError', 'DicomRequestRefused', said);
    case 'storage':
      return failure('storage', { kind: 'unexpected' }, 'StorageRequestRefused', said);
  }
}

function severalMatches({ type, ids }: MultipleMatches, outcome: OutcomeFacts | undefined): Failure {
  const which = ids.length === 0 ? '' : `: ${ids.slice(0, 10).join(', ')}${ids.length > 10 ? ', ...' : ''}`;
  const message = `More than one ${word(type) ?? 'resource'} on the FHIR server matches where one was expected${which}`;
  return {
    ...permanent('fhir', 'FhirError', 'MultipleMatchingResources', message),
    ...(outcome?.serverText !== undefined && { serverText: outcome.serverText }),
  };
}

/** A body that is cut or is no JSON at all comes from something between us and the server, or from a broken connection: it passes. */
function invalidFhirResponse({ problem, outcomeUnknown, bodyUnreadable }: InvalidFhirResponse): Failure {
  const message = `The FHIR server gave an answer that is not valid: ${limitText(problem, 300)}`;
  if (bodyUnreadable) return { ...probed('fhir', 'InvalidFhirResponse', message), outcomeUnknown };
  return { ...permanent('fhir', 'FhirError', 'InvalidFhirResponse', message), outcomeUnknown };
}

function connectionLost(dependency: Dependency, { requestSent, timedOut, causeCode }: ConnectionFacts): Failure {
  const what = timedOut ? 'did not answer in time' : requestSent ? 'broke the connection' : 'cannot be reached';
  const reason = timedOut ? 'RequestTimeout' : 'ConnectionFailed';
  const message = `${serviceNames[dependency]} ${what}${causeCode === undefined ? '' : ` (${causeCode})`}`;
  return { ...unavailable(dependency, reason, message), outcomeUnknown: requestSent };
}

function conflict(dependency: Dependency, status: number | undefined): Failure {
  const message = `Somebody else changed what this pass was about to change in ${lower(serviceNames[dependency])}`;
  return {
    ...failure(dependency, { kind: 'conflict' }, 'ResourceConflict', message),
    ...(status !== undefined && { httpStatus: status }),
  };
}

/** A defect of ours. Texts of JSON errors quote what they could not read, so only their place in the code is told. */
function unexpected(error: unknown): Failure {
  const message =
    error instanceof SyntaxError
      ? [error.name, ...frames(error)].join('\n')
      : error instanceof Error
        ? [`${error.name}: ${withoutSecretsOfAnyone(error.message)}`, ...frames(error)].join('\n')
        : `A ${typeof error} was thrown`;
  return {
    kind: 'unexpected',
    reason: 'Unexpected',
    message: limitText(message, 3000),
    suggestedFix: suggestedFixes.Unexpected,
    outcomeUnknown: true,
  };
}

const frames = ({ stack = '' }: Error): readonly string[] => stack.split('\n').filter((line) => /^\s+at /.test(line));

const unavailable = (dependency: Dependency, reason: ReasonCode, message: string): Failure =>
  failure(dependency, { kind: 'unavailable' }, reason, message);
const probed = (dependency: Dependency, reason: ReasonCode, message: string): Failure =>
  failure(dependency, { kind: 'unavailable-if-probe-fails' }, reason, message);
const transient = (dependency: Dependency, reason: ReasonCode, message: string): Failure =>
  failure(dependency, { kind: 'transient' }, reason, message);
const permanent = (
  dependency: Dependency,
  errorType: 'FhirError' | 'DicomError',
  reason: ReasonCode,
  message: string,
): Failure => failure(dependency, { kind: 'permanent', errorType }, reason, message);

const failure = (dependency: Dependency, kind: FailureKind, reason: ReasonCode, message: string): Failure => ({
  ...kind,
  reason,
  message,
  suggestedFix: suggestedFixes[reason],
  dependency,
  outcomeUnknown: false,
});

const lower = (name: string): string => name.charAt(0).toLowerCase() + name.slice(1);

/** A resource type or element name; anything else is not repeated. */
const word = (value: string | undefined): string | undefined =>
  value !== undefined && /^[A-Za-z.]{1,64}$/.test(value) ? value : undefined;

const nameOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'name' in error && typeof error.name === 'string' ? error.name : '';

/** A code of the operating system or of Node.js, such as ECONNREFUSED. */
const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' && /^[A-Z_]{1,40}$/.test(error.code)
    ? error.code
    : undefined;
