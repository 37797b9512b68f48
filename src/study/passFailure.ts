import type { Resource } from 'fhir/r4';
import { classify, type Failure, withServerText } from '../failures/classify';
import { redactor } from '../failures/redact';
import { DependencyError } from './dependencyErrors';
import type { LiveStudy } from './liveStudy';
import { fhirSecrets } from './patientSecrets';

/**
 * What went wrong in a pass. A server's own words are shown only when it is known what must not be in them: of a study of which
 * nothing is live any more, nobody knows the patient.
 * @param live what was read from DICOM before
 * @param seen resources that were read from FHIR before
 */
export function failureOf(error: unknown, live: LiveStudy | undefined, seen: readonly Resource[]): Failure {
  const failure = toFailure(error);
  if (live === undefined || live.secrets.size === 0) return failure;
  return withServerText(failure, redactor([...live.secrets, ...fhirSecrets(seen)]));
}

function toFailure(error: unknown): Failure {
  // Without a request there is no write that may still arrive.
  if (!(error instanceof DependencyError)) return { ...classify(error, 'storage'), outcomeUnknown: false };
  const failure = classify(error.cause, error.dependency);
  return { ...failure, outcomeUnknown: failure.outcomeUnknown && error.writes };
}

/** A study that was deferred for longer than the budget is filed, with the cause that kept it out. */
export function afterOutageBudget(failure: Failure): Failure {
  return {
    ...failure,
    kind: 'permanent',
    errorType: 'TransientFailure',
    reason: 'OutageBudgetExceeded',
    message: `The service was not available for longer than OUTAGE_BUDGET_HOURS. Last cause: ${failure.reason}: ${failure.message}`,
  };
}

/** @param failure of the request that was cut short: whether it may still take effect */
export function deliveryTooLong({ outcomeUnknown }: Failure): Failure {
  return {
    kind: 'transient',
    reason: 'RequestTimeout',
    message: 'The study was not finished within the time of one function run',
    outcomeUnknown,
  };
}

export const OVERTAKEN_TOO_OFTEN: Failure = {
  kind: 'transient',
  reason: 'ResourceConflict',
  message: 'Other changes of the same study overtook this one again and again',
  outcomeUnknown: false,
};
