import { HttpStatusError } from './errors';
import type { HttpResponse } from './httpClient';
import { retryAfterMs } from './retryAfter';

export function isSuccess(status: number): boolean {
  return status >= 200 && status <= 299;
}

/** The answer itself. @throws HttpStatusError when its status is not 2xx */
export function requireSuccess(method: string, response: HttpResponse): HttpResponse {
  if (isSuccess(response.status)) return response;
  throw statusError(method, response);
}

/** The answer as an error. */
export function statusError(method: string, { status, headers, body }: HttpResponse): HttpStatusError {
  return new HttpStatusError({ method, status, body, retryAfterMs: retryAfterMs(headers, Date.now()) });
}
