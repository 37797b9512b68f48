import type { RequestKind } from './requestLog';

/** A request address below the base path, taken apart. */
export interface RequestTarget {
  readonly kind: RequestKind;
  /** Path segments, decoded. */
  readonly segments: readonly string[];
  /** Without `?`. */
  readonly query: string;
}

/** undefined when the address is not below the base path. */
export function readTarget(method: string, url: string, basePath: string): RequestTarget | undefined {
  const [path = '', query = ''] = splitOnce(url, '?');
  if (path !== basePath && !path.startsWith(`${basePath}/`)) {
    return undefined;
  }
  const segments = path.slice(basePath.length).split('/').filter(Boolean).map(decode);
  return { kind: kindOf(method, segments, query), segments, query };
}

function kindOf(method: string, segments: readonly string[], query: string): RequestKind {
  const [first, second] = segments;
  if (method === 'GET' && first === 'metadata') {
    return 'capabilities';
  }
  if (segments.length === 0) {
    return method === 'POST' ? 'transaction' : query.includes('_getpages=') ? 'search' : 'other';
  }
  if (second === '_search' || (method === 'GET' && segments.length === 1)) {
    return 'search';
  }
  switch (method) {
    case 'GET':
      return 'read';
    case 'POST':
      return segments.length === 1 ? 'create' : 'other';
    case 'PUT':
    case 'PATCH':
      return 'update';
    case 'DELETE':
      return 'delete';
    default:
      return 'other';
  }
}

function splitOnce(text: string, separator: string): string[] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
