import type { IncomingMessage, ServerResponse } from 'node:http';

/**
 * Answers `/answer-bytes/N/...` with N bytes, in place of a server: for a contestant that moves bytes and wants no work done.
 * @returns whether it was such a request
 */
export function answerBytes(request: IncomingMessage, response: ServerResponse): boolean {
  const [, digits] = /^\/answer-bytes\/(\d+)\//.exec(request.url ?? '') ?? [];
  if (digits === undefined) return false;
  const headers = { 'content-type': 'application/fhir+json; charset=utf-8', 'content-length': digits };
  request.resume();
  request.on('end', () => response.writeHead(200, headers).end(' '.repeat(Number(digits))));
  return true;
}
