import { Buffer } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { HttpCookie, HttpData, TypedData } from './functionsCore';

/** The host's default limit (`FUNCTIONS_REQUEST_BODY_SIZE_LIMIT`). */
const BODY_LIMIT_BYTES = 104_857_600;

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: Uint8Array;
}

export const emptyAnswer = (status: number): HttpAnswer => ({ status, headers: {}, body: new Uint8Array() });

export function jsonAnswer(status: number, value: unknown): HttpAnswer {
  const headers = { 'content-type': 'application/json; charset=utf-8' };
  return { status, headers, body: Buffer.from(JSON.stringify(value)) };
}

/** The whole body, or `undefined` when it is larger than the host takes. */
export async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > BODY_LIMIT_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** A request as the host hands it to the worker; repeated headers and query parameters are joined with commas. */
export function toHttpData(
  request: IncomingMessage,
  url: URL,
  params: Readonly<Record<string, string>>,
  body: Buffer,
): HttpData {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(',') : value;
  }
  const query: Record<string, string> = {};
  for (const name of new Set(url.searchParams.keys())) query[name] = url.searchParams.getAll(name).join(',');
  return {
    method: request.method ?? 'GET',
    url: url.href,
    headers,
    params: { ...params },
    query,
    ...(body.length > 0 ? { body: { bytes: body } } : {}),
  };
}

/** The answer a function returned; nothing returned is 204. */
export function toHttpAnswer(data: TypedData | null | undefined): HttpAnswer {
  const http = data?.http;
  if (http === null || http === undefined) return emptyAnswer(204);
  const cookies = (http.cookies ?? []).map(cookieText);
  return {
    status: Number(http.statusCode ?? 200),
    headers: { ...http.headers, ...(cookies.length > 0 ? { 'set-cookie': cookies } : {}) },
    body: bodyBytes(http.body),
  };
}

function bodyBytes(body: TypedData | null | undefined): Uint8Array {
  if (body?.bytes != null) return body.bytes;
  const text = body?.string ?? body?.json;
  return text == null ? new Uint8Array() : Buffer.from(text);
}

function cookieText(cookie: HttpCookie): string {
  const parts = [`${cookie.name}=${encodeURIComponent(cookie.value)}`];
  if (cookie.domain !== undefined) parts.push(`domain=${cookie.domain.value}`);
  if (cookie.path !== undefined) parts.push(`path=${cookie.path.value}`);
  if (cookie.maxAge !== undefined) parts.push(`max-age=${cookie.maxAge.value}`);
  if (cookie.expires !== undefined) {
    parts.push(`expires=${new Date(cookie.expires.value.seconds * 1000).toUTCString()}`);
  }
  if (cookie.secure?.value === true) parts.push('secure');
  if (cookie.httpOnly?.value === true) parts.push('httponly');
  if (cookie.sameSite !== undefined && cookie.sameSite !== 'none') {
    parts.push(`samesite=${cookie.sameSite === 'explicitNone' ? 'none' : cookie.sameSite}`);
  }
  return parts.join('; ');
}
