import type { SpanName } from './names';
import type { SpanOptions, Telemetry } from './telemetry';

/** Sends a request within a span that tells method, host and status: never a URL, which names patients. */
export function tracedRequest<T extends { readonly status: number }>(
  telemetry: Pick<Telemetry, 'span' | 'annotate'>,
  name: SpanName,
  request: NonNullable<SpanOptions['request']>,
  send: () => Promise<T>,
): Promise<T> {
  return telemetry.span(name, { request }, async () => {
    const response = await send();
    telemetry.annotate({ 'http.response.status_code': response.status });
    return response;
  });
}
