import type { ErrorType, ReasonCode } from './errorTypes';

export type Dependency = 'dicom' | 'fhir' | 'storage';

/** What to do about a failure. */
export type FailureKind =
  /** The service is down or refuses our identity: defer, at no cost. */
  | { readonly kind: 'unavailable' }
  /** 429, 500 and the like: an independent probe of the service tells whether it is down or only this request fails. */
  | { readonly kind: 'unavailable-if-probe-fails' }
  /** Goes away by itself: back off. */
  | { readonly kind: 'transient' }
  /** Somebody else wrote meanwhile: start the pass over at once. */
  | { readonly kind: 'conflict' }
  /** Stays until somebody repairs something: file it. */
  | { readonly kind: 'permanent'; readonly errorType: ErrorType }
  /** Most likely a defect of ours. */
  | { readonly kind: 'unexpected' };

interface FailureFacts {
  readonly reason: ReasonCode;
  /** Holds no patient data, and nothing that the service wrote freely. */
  readonly message: string;
  /** What the service said in its own words, shortened. May hold patient data: only `withServerText` may show it. */
  readonly serverText?: string;
  readonly suggestedFix?: string;
  readonly httpStatus?: number;
  readonly retryAfterMs?: number;
  readonly dependency?: Dependency;
  /** The request was sent and no answer of the service itself came: if it was a write, it may have happened or may still happen. */
  readonly outcomeUnknown: boolean;
}

export type Failure = FailureFacts & FailureKind;

/**
 * The failure with the words of the service in its message, redacted. Without the patient's own data there is nothing to redact by:
 * then leave `serverText` out.
 */
export function withServerText(failure: Failure, redact: (text: string) => string): Failure {
  const { serverText, ...rest } = failure;
  return serverText === undefined ? failure : { ...rest, message: `${failure.message}: ${redact(serverText)}` };
}
