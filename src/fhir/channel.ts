import { atOnce, type Parts } from '../concurrency/parts';
import { inTurns } from '../concurrency/turns';
import { ResponseTooLarge } from '../http/errors';
import type { HttpClient, HttpResponse } from '../http/httpClient';
import { withoutTrailingSlash } from '../http/resourceUrl';
import { retryAfterMs } from '../http/retryAfter';
import { isSuccess } from '../http/success';
import { writeJsonInParts } from './writeJsonInParts';
import { FhirStatusError, type FhirError, InvalidFhirResponse, MultipleMatches, VersionConflict } from './errors';
import { parseJsonInParts } from './parseJsonInParts';
import { readOutcome, saysDeleted, saysSeveralMatches } from './operationOutcome';

export type FhirRequestKind = 'search' | 'create' | 'update' | 'delete' | 'transaction' | 'capabilities';

/** Put around each HTTP request, each page of a search included: to count it, or to measure it. */
export type AroundFhirRequest = (
  request: { readonly kind: FhirRequestKind; readonly method: string },
  send: () => Promise<HttpResponse>,
) => Promise<HttpResponse>;

interface FhirRequest {
  readonly kind: FhirRequestKind;
  readonly method: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as FHIR JSON. */
  readonly body?: object;
  /** The request depends on versions that were read before: a resource that is gone is a conflict. */
  readonly ifMatch?: boolean;
  /** Longest answer that is read. Default: the HTTP client's. */
  readonly maxBodyBytes?: number | undefined;
  /** Statuses that are fine although they are not 2xx. */
  readonly alsoFine?: readonly number[];
  readonly signal: AbortSignal;
}

/** The one way to a FHIR server: headers, count, and refusals as errors. */
export interface FhirChannel {
  /** Without a trailing slash. */
  readonly baseUrl: string;
  /**
   * @throws FhirStatusError, VersionConflict, MultipleMatches for a refusal
   * @throws InvalidFhirResponse when the answer is too long
   * @throws ConnectionError, and the signal's reason
   */
  send(request: FhirRequest): Promise<HttpResponse>;
}

const FHIR_JSON = 'application/fhir+json';

export function fhirChannel(
  http: HttpClient,
  baseUrl: string,
  around: AroundFhirRequest = (_request, send) => send(),
): FhirChannel {
  return {
    baseUrl: withoutTrailingSlash(baseUrl),
    async send(request) {
      const { kind, method, url, headers, body, maxBodyBytes, alsoFine = [], signal } = request;
      const send = async (): Promise<HttpResponse> =>
        http.send({
          method,
          url,
          headers: {
            accept: FHIR_JSON,
            ...(body !== undefined && { 'content-type': `${FHIR_JSON}; charset=utf-8` }),
            ...headers,
          },
          ...(body !== undefined && { body: await inTurns(writeJsonInParts(body), signal) }),
          ...(maxBodyBytes !== undefined && { maxBodyBytes }),
          signal,
        });
      const response = await boundedSend(kind, () => around({ kind, method }, send));
      if (isSuccess(response.status) || alsoFine.includes(response.status)) return response;
      throw refusal(request, response);
    },
  };
}

/** Whether a request of this kind changes something. */
function isWrite(kind: FhirRequestKind): boolean {
  return kind !== 'search' && kind !== 'capabilities';
}

/** The body of a successful answer as JSON. @throws InvalidFhirResponse; after a write its outcome is then unknown */
export function readJson(kind: FhirRequestKind, response: HttpResponse): unknown {
  return atOnce(readJsonInParts(kind, response));
}

/** The same in parts. */
export function* readJsonInParts(kind: FhirRequestKind, { body }: HttpResponse): Parts<unknown> {
  const unreadable = { outcomeUnknown: isWrite(kind), bodyUnreadable: true };
  if (body.trim() === '') throw new InvalidFhirResponse(`empty body after a request of kind ${kind}`, unreadable);
  try {
    return yield* parseJsonInParts(body);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    // The parser's own error may quote the text, so it is not passed on.
    throw new InvalidFhirResponse(`the body after a request of kind ${kind} is not JSON`, unreadable);
  }
}

async function boundedSend(kind: FhirRequestKind, send: () => Promise<HttpResponse>): Promise<HttpResponse> {
  try {
    return await send();
  } catch (error) {
    if (!(error instanceof ResponseTooLarge)) throw error;
    const problem = `the body after a request of kind ${kind} is longer than ${error.limitBytes} bytes`;
    throw new InvalidFhirResponse(problem, { outcomeUnknown: isWrite(kind) });
  }
}

/**
 * A stale If-Match is a 412 (FHIR R4, http.html) or, with HAPI, a 409; both also mean other things. A resource that was
 * read before and is gone now has changed as well.
 */
function refusal({ kind, ifMatch = false }: FhirRequest, { status, headers, body }: HttpResponse): FhirError {
  const outcome = readOutcome(body);
  if (status === 409 || status === 412) {
    if (saysSeveralMatches(outcome)) return new MultipleMatches(undefined, [], outcome);
    return new VersionConflict({ kind, status, outcome });
  }
  if (ifMatch && (status === 410 || (status === 404 && saysDeleted(outcome)))) {
    return new VersionConflict({ kind, status, outcome });
  }
  return new FhirStatusError({ kind, status, outcome, retryAfterMs: retryAfterMs(headers, Date.now()) });
}
