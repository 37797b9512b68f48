import type { OperationOutcome } from 'fhir/r4';
import { describeStatus } from '../http/errors';

/** What went wrong in a conversation with a FHIR server. No message holds text of the server: that may hold patient data. */
export abstract class FhirError extends Error {
  abstract readonly code: string;
  readonly #outcome: OperationOutcome | undefined;

  protected constructor(message: string, outcome?: OperationOutcome) {
    super(message);
    this.name = new.target.name;
    this.#outcome = outcome;
  }

  /** What the server said. May hold patient data, so it is in no message and in no printed form of this error. */
  get outcome(): OperationOutcome | undefined {
    return this.#outcome;
  }
}

export interface FhirStatusFacts {
  /** What the request was, such as `search` or `transaction`. */
  readonly kind: string;
  readonly status: number;
  /** undefined when the body was no OperationOutcome. */
  readonly outcome?: OperationOutcome | undefined;
  /** Earliest time for another try, in milliseconds from now. */
  readonly retryAfterMs?: number | undefined;
}

/** The server refused a request. */
export class FhirStatusError extends FhirError {
  readonly code = 'FhirStatusError';
  readonly kind: string;
  readonly status: number;
  readonly retryAfterMs: number | undefined;

  constructor({ kind, status, outcome, retryAfterMs }: FhirStatusFacts) {
    super(`The FHIR server answered ${describeStatus(status)} to a request of kind ${kind}`, outcome);
    this.kind = kind;
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

/** A resource is no longer the one that was read, or somebody else was faster: read again. Nothing was changed. */
export class VersionConflict extends FhirError {
  readonly code = 'VersionConflict';
  readonly status: number;

  constructor({ kind, status, outcome }: FhirStatusFacts) {
    super(`The FHIR server answered ${status} to a request of kind ${kind}: something changed meanwhile`, outcome);
    this.status = status;
  }
}

/** A condition that should name one resource matches several. */
export class MultipleMatches extends FhirError {
  readonly code = 'MultipleMatches';

  /**
   * @param type undefined when the server did not say which entry of a transaction it was
   * @param ids those that are known
   */
  constructor(
    readonly type: string | undefined,
    readonly ids: readonly string[],
    outcome?: OperationOutcome,
  ) {
    super(`More than one ${type ?? 'resource'} matches where one was expected`, outcome);
  }
}

/** A resource on the server lacks what is needed to change it safely. */
export class FhirResourceInvalid extends FhirError {
  readonly code = 'FhirResourceInvalid';

  constructor(
    readonly type: string,
    readonly missing: string,
    problem = `it has no ${missing}`,
  ) {
    super(`A ${type} on the FHIR server cannot be used: ${problem}`);
  }
}

/** The server reported success, but its answer does not say what FHIR wants it to say. */
export class InvalidFhirResponse extends FhirError {
  readonly code = 'InvalidFhirResponse';
  /** The request was a write, and the answer does not show whether it happened. */
  readonly outcomeUnknown: boolean;
  /** Nothing of FHIR came: the body is cut off, or is from something between us and the server. */
  readonly bodyUnreadable: boolean;

  constructor(
    readonly problem: string,
    {
      outcomeUnknown = false,
      bodyUnreadable = false,
    }: { readonly outcomeUnknown?: boolean; readonly bodyUnreadable?: boolean } = {},
  ) {
    super(`The FHIR server gave an answer that is not valid: ${problem}`);
    this.outcomeUnknown = outcomeUnknown;
    this.bodyUnreadable = bodyUnreadable;
  }
}
