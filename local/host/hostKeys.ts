import { createHash, timingSafeEqual } from 'node:crypto';
import type { AuthLevel } from './functionDefinitions';

/** The keys that callers may use once authentication is on. */
export interface HostKeys {
  /** Opens everything, the admin endpoints included. */
  readonly masterKey: string;
  /** Open every function of level `function`. */
  readonly hostKeys?: readonly string[];
  /** Open one function each. */
  readonly functionKeys?: Readonly<Record<string, readonly string[]>>;
}

/** The key a caller sent: the header `x-functions-key` wins over the query's `code`. */
export function sentKey(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  url: URL,
): string | undefined {
  const header = headers['x-functions-key'];
  const key = Array.isArray(header) ? header[0] : header;
  return key ?? url.searchParams.get('code') ?? undefined;
}

/** Whether a key opens a function of this level. Without keys (authentication off) everybody may do everything. */
export function isAuthorized(
  keys: HostKeys | undefined,
  level: AuthLevel,
  functionName: string | undefined,
  key: string | undefined,
): boolean {
  if (keys === undefined || level === 'anonymous') return true;
  if (key === undefined) return false;
  const functionKeys = functionName === undefined ? [] : (keys.functionKeys?.[functionName] ?? []);
  const accepted = level === 'admin' ? [] : [...(keys.hostKeys ?? []), ...functionKeys];
  return [keys.masterKey, ...accepted].some((candidate) => isSame(candidate, key));
}

function isSame(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
