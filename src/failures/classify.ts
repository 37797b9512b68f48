import { withoutSecretsOfAnyone } from './redact';
import { limitText } from './limitText';
import type { Dependency, Failure, FailureKind } from './failure';
import type { ReasonCode } from './errorTypes';
import { outcomeFacts, saysSeveralMatches, type OutcomeFacts } from './operationOutcome';
import { suggestedFixes } from './suggestedFixes';

export { withServerText, type Dependency, type Failure } from './failure';

const serviceNames: Readonly<Record<Dependency, string>> = {
  dicom: 'The DICOM service',
  fhir: 'The FHIR server',
  storage: 'The storage account',
};

/**
 * The one place where a status, an OperationOutcome or an exception becomes a failure with a reason code.
 * Errors are told by their stable `code` (and by the name, for those of the Azure SDKs), never by their text.
 * @param dependency the service that the failed request went to; for an error that has nothing to do with a service it only names the caller
 */
export function classify(error: unknown, dependency: Dependency): Failure {
  return ofKnownCode(error, dependency) ?? ofAzure(error, dependency) ?? unexpected(error);
}

function ofKnownCode(error: unknown, dependency: Dependency): Failure | undefined {
  switch (text(error, 'code') ?? '') {
    case 'ConnectionError':
      return connectionLost(dependency, field(error, 'requestSent') === true, field(error, 'timedOut') === true);
    case 'HttpStatusError':
    case 'FhirStatusError':
      return ofStatus(statusFacts(error, dependency));
    case 'VersionConflict':
      return conflict(dependency, number(error, 'status'));
    case 'MultipleMatches':
      return severalMatches(text(error, 'type'), strings(error, 'ids'), undefined);
    case 'FhirResourceInvalid': {
      const what = `A ${word(text(error, 'type')) ?? 'resource'} that the FHIR server returned has no ${word(text(error, 'missing')) ?? 'id or versionId'}`;
      return permanent('fhir', 'FhirError', 'FhirResourceValidation', what);
    }
    case 'InvalidFhirResponse':
      return invalidFhirResponse(text(error, 'problem'));
    case 'InvalidDicomResponse':
      return transient('dicom', 'InvalidDicomResponse', 'The DICOM service answered something that is no DICOM JSON');
    case 'MalformedDataset':
      return permanent(
        'dicom',
        'DicomError',
        'MalformedMetadata',
        'The DICOM service answered metadata that cannot be read',
      );
    case 'PatientLockBusy':
      return transient('storage', 'ResourceConflict', 'The lock for creating this Patient was taken all the time');
    default:
      return undefined;
  }
}

/** Errors of the Azure SDKs: `RestError` of the storage clients, and those of a token that could not be had. */
function ofAzure(error: unknown, dependency: Dependency): Failure | undefined {
  switch (text(error, 'name') ?? '') {
    case 'RestError': {
      const status = number(error, 'statusCode');
      return status === undefined
        ? connectionLost('storage', true, false)
        : ofStatus({ dependency: 'storage', status });
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

function statusFacts(error: unknown, dependency: Dependency): StatusFacts {
  const outcome = outcomeFacts(field(error, 'outcome'));
  return { dependency, status: number(error, 'status') ?? 0, retryAfterMs: number(error, 'retryAfterMs'), outcome };
}

/** Status codes as RFC 9110 and RFC 6585 define them and as FHIR R4 (http.html) uses them. */
function ofStatus(facts: StatusFacts): Failure {
  const { dependency, status, retryAfterMs, outcome } = facts;
  const seen = {
    httpStatus: status,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(outcome?.serverText !== undefined && { serverText: outcome.serverText }),
  };
  const said = `${serviceNames[dependency]} answered ${status}${outcome === undefined ? '' : ` (${outcome.summary})`}`;
  switch (status) {
    case 401:
    case 403:
      return { ...unavailable(dependency, 'AccessDenied', said), ...seen };
    case 408:
      return { ...transient(dependency, 'RequestTimeout', said), ...seen };
    case 409:
    case 412:
      if (dependency === 'fhir' && outcome !== undefined && saysSeveralMatches(outcome)) {
        return severalMatches(undefined, [], status, outcome.serverText);
      }
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

function severalMatches(
  type: string | undefined,
  ids: readonly string[],
  httpStatus: number | undefined,
  serverText?: string,
): Failure {
  const which = ids.length === 0 ? '' : `: ${ids.slice(0, 10).join(', ')}${ids.length > 10 ? ', ...' : ''}`;
  const message = `More than one ${word(type) ?? 'resource'} on the FHIR server matches the identifier${which}`;
  return {
    ...permanent('fhir', 'FhirError', 'MultipleMatchingResources', message),
    ...(httpStatus !== undefined && { httpStatus }),
    ...(serverText !== undefined && { serverText }),
  };
}

/** A body that is cut or is no JSON at all comes from something between us and the server, or from a broken connection: it passes. */
function invalidFhirResponse(problem: string | undefined): Failure {
  const message = `The FHIR server gave no valid FHIR response${problem === undefined ? '' : `: ${limitText(problem, 300)}`}`;
  if (problem !== undefined && /not? (valid )?json|truncated|cut off|empty body/i.test(problem)) {
    return { ...transient('fhir', 'InvalidFhirResponse', message), outcomeUnknown: true };
  }
  return permanent('fhir', 'FhirError', 'InvalidFhirResponse', message);
}

function connectionLost(dependency: Dependency, requestSent: boolean, timedOut: boolean): Failure {
  const what = timedOut ? 'did not answer in time' : requestSent ? 'broke the connection' : 'cannot be reached';
  const reason = timedOut ? 'RequestTimeout' : 'ConnectionFailed';
  return { ...unavailable(dependency, reason, `${serviceNames[dependency]} ${what}`), outcomeUnknown: requestSent };
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

const field = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined;

function text(value: unknown, name: string): string | undefined {
  const found = field(value, name);
  return typeof found === 'string' ? found : undefined;
}

function number(value: unknown, name: string): number | undefined {
  const found = field(value, name);
  return typeof found === 'number' ? found : undefined;
}

function strings(value: unknown, name: string): readonly string[] {
  const found = field(value, name);
  return Array.isArray(found) ? found.filter((item): item is string => typeof item === 'string') : [];
}
