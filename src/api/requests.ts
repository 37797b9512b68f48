import type { HttpRequest } from '@azure/functions';
import type { z } from 'zod';
import { BadRequest, check } from './problem';

/** Larger than any body of this API by far. */
const MAX_BODY_BYTES = 64 * 1024;

/**
 * The query parameters, checked. One that is given twice is refused rather than guessed.
 * @throws BadRequest
 */
export function readQuery<T>(request: HttpRequest, schema: z.ZodType<T>): T {
  const given = new Map<string, string>();
  // Not `request.query`: there the host has joined the values of a name by commas.
  for (const [name, value] of new URL(request.url).searchParams) {
    // The function key is the host's business.
    if (name === 'code') continue;
    if (given.has(name))
      throw new BadRequest('A query parameter is given twice', [{ field: name, expected: 'one value' }]);
    given.set(name, value);
  }
  return check(schema, Object.fromEntries(given), 'A query parameter is wrong');
}

/**
 * The JSON body, checked; no body is an empty object.
 * @throws BadRequest
 */
export async function readBody<T>(request: HttpRequest, schema: z.ZodType<T>): Promise<T> {
  const declared = Number(request.headers.get('content-length') ?? 0);
  if (declared > MAX_BODY_BYTES) throw tooLarge();
  const text = await request.text();
  if (Buffer.byteLength(text) > MAX_BODY_BYTES) throw tooLarge();
  return check(schema, text.trim() === '' ? {} : parse(text), 'The request body is wrong');
}

function tooLarge(): BadRequest {
  return new BadRequest(
    'The request body is too large',
    [{ field: 'body', expected: `at most ${MAX_BODY_BYTES} bytes` }],
    413,
  );
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new BadRequest('The request body is wrong', [{ field: 'body', expected: 'a JSON object' }]);
  }
}
