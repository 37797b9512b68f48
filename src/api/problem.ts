import type { HttpResponseInit } from '@azure/functions';
import type { z } from 'zod';

/** One thing that was wrong with a request, and what was expected instead. */
export interface ProblemDetail {
  readonly field: string;
  readonly expected: string;
}

/** The body of RFC 9457. */
export interface Problem {
  readonly type: 'about:blank';
  readonly status: number;
  readonly title: string;
  readonly errors?: readonly ProblemDetail[];
}

/** An answer of RFC 9457: says what was wrong in words that a person can act on. */
export function problem(status: number, title: string, errors: readonly ProblemDetail[] = []): HttpResponseInit {
  const body: Problem = { type: 'about:blank', status, title, ...(errors.length > 0 && { errors }) };
  return { status, headers: { 'content-type': 'application/problem+json' }, body: JSON.stringify(body) };
}

export function json(status: number, body: unknown): HttpResponseInit {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

/** The request is wrong; becomes the answer 400. */
export class BadRequest extends Error {
  readonly code = 'BadRequest';
  constructor(
    title: string,
    readonly errors: readonly ProblemDetail[] = [],
    readonly status: 400 | 404 | 409 | 413 | 415 = 400,
  ) {
    super(title);
    this.name = 'BadRequest';
  }
}

/** @throws BadRequest naming every wrong field and what was expected */
export function check<T>(schema: z.ZodType<T>, input: unknown, title: string): T {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  throw new BadRequest(title, result.error.issues.flatMap(detailsOf));
}

function detailsOf(issue: z.core.$ZodIssue): readonly ProblemDetail[] {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({ field: key, expected: 'no field of this name' }));
  if (issue.path.length === 0) return [{ field: 'body', expected: 'a JSON object' }];
  return [{ field: issue.path.join('.'), expected: expectedBy(issue.message) }];
}

/** Our own texts begin with "expected"; those of zod say what was received as well. */
function expectedBy(message: string): string {
  return message.replace(/^(Invalid input: )?expected /, '').replace(/, received .*$/, '');
}
