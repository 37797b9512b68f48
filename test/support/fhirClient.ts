import { createFhirClient, type FhirClient, type FhirClientOptions } from '../../src/fhir/client';
import { createHttpClient, type HttpClientOptions } from '../../src/http/httpClient';

export interface OpenFhirClient extends FhirClient {
  close(): Promise<void>;
}

/** A client over real HTTP for the server at this base URL. */
export function openFhirClient(
  baseUrl: string,
  options: Partial<HttpClientOptions> & Pick<FhirClientOptions, 'around' | 'together'> = {},
): OpenFhirClient {
  const { around, together, ...httpOptions } = options;
  const http = createHttpClient({
    origin: new URL(baseUrl).origin,
    timeoutMs: 5000,
    maxConnections: 4,
    ...httpOptions,
  });
  const more = { ...(around && { around }), ...(together !== undefined && { together }) };
  return { ...createFhirClient({ http, baseUrl, ...more }), close: () => http.close() };
}

/** What a promise fails with; undefined when it does not. */
export async function failureOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
    return undefined;
  } catch (error) {
    return error;
  }
}
