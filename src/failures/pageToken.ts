import { createHash } from 'node:crypto';
import { z } from 'zod';
import { parseJson } from '../http/json';

/** The continuation token of a request does not belong to its filter, or is none of ours. */
export class InvalidContinuationToken extends Error {
  readonly code = 'InvalidContinuationToken';
  constructor() {
    super('The continuation token does not belong to this list and filter');
    this.name = 'InvalidContinuationToken';
  }
}

const schema = z.object({ filter: z.string(), at: z.string() });

const digest = (filter: string): string => createHash('sha256').update(filter).digest('base64url').slice(0, 16);

/** An opaque token for the next page, bound to the filter under which the page was read. */
export const pageToken = (filter: string, at: string): string =>
  Buffer.from(JSON.stringify({ filter: digest(filter), at })).toString('base64url');

/**
 * The table's own token in a page token.
 * @throws InvalidContinuationToken
 */
export function readPageToken(filter: string, token: string): string {
  const parsed = schema.safeParse(parseJson(decoded(token, 'base64url')));
  if (!parsed.success || parsed.data.filter !== digest(filter) || !isTableToken(parsed.data.at))
    throw new InvalidContinuationToken();
  return parsed.data.at;
}

const decoded = (text: string, encoding: 'base64' | 'base64url'): string =>
  Buffer.from(text, encoding).toString('utf8');

// The table client decodes its token as base64 JSON and throws a SyntaxError for anything else.
const tableToken = z.object({ nextPartitionKey: z.string(), nextRowKey: z.string().optional() });

const isTableToken = (at: string): boolean => tableToken.safeParse(parseJson(decoded(at, 'base64'))).success;
