import { FhirProblem } from './problem';
import { isJsonObject } from './resource';
import type { JsonObject } from './resource';
import { checkResourceType } from './validation';

/** One entry of a request Bundle, read but not yet applied. */
export interface PlannedEntry {
  readonly index: number;
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly type: string;
  readonly fullUrl: string | undefined;
  readonly ifMatch: string | undefined;
  readonly ifNoneExist: string | undefined;
  /** Search text of a conditional interaction or a search. */
  readonly condition: string | undefined;
  /** Set when a conditional update has found its resource. */
  id: string | undefined;
  resource: JsonObject | undefined;
}

/** @throws FhirProblem 400 when it is no batch or transaction that can be planned */
export function readBundle(body: unknown, baseUrl: string): { type: 'batch' | 'transaction'; entries: PlannedEntry[] } {
  if (!isJsonObject(body) || body.resourceType !== 'Bundle') {
    throw new FhirProblem(400, 'structure', 'The body is not a Bundle');
  }
  const type = body.type;
  if (type !== 'batch' && type !== 'transaction') {
    throw new FhirProblem(400, 'value', 'The Bundle is neither a batch nor a transaction');
  }
  const list = body.entry ?? [];
  if (!Array.isArray(list)) {
    throw new FhirProblem(400, 'structure', 'Bundle.entry is not a list');
  }
  const entries = list.map((entry, index) => readEntry(entry, index, baseUrl));
  if (type === 'transaction') {
    checkIdentities(entries);
  }
  return { type, entries };
}

function readEntry(entry: unknown, index: number, baseUrl: string): PlannedEntry {
  const expression = `Bundle.entry[${index}].request`;
  const request = isJsonObject(entry) ? entry.request : undefined;
  if (!isJsonObject(entry) || !isJsonObject(request)) {
    throw new FhirProblem(400, 'required', 'A Bundle entry has no request', expression);
  }
  const method = request.method;
  const url = request.url;
  if (method !== 'GET' && method !== 'POST' && method !== 'PUT' && method !== 'DELETE') {
    throw new FhirProblem(400, 'not-supported', 'A Bundle entry has a method that is not supported', expression);
  }
  if (typeof url !== 'string') {
    throw new FhirProblem(400, 'required', 'A Bundle entry has no request URL', expression);
  }
  const { type, id, condition } = readUrl(url, baseUrl, expression);
  checkResourceType(type);
  const resource = isJsonObject(entry.resource) ? entry.resource : undefined;
  if ((method === 'POST' || method === 'PUT') && !resource) {
    throw new FhirProblem(400, 'required', 'A Bundle entry has no resource', expression);
  }
  if (method === 'POST' ? id !== undefined : method !== 'GET' && id === undefined && condition === undefined) {
    throw new FhirProblem(400, 'invalid', `A Bundle entry has a URL that does not fit ${method}`, expression);
  }
  return {
    index,
    method,
    type,
    id,
    condition,
    resource,
    fullUrl: fullUrlOf(entry.fullUrl, index),
    ifMatch: textOf(request.ifMatch),
    ifNoneExist: textOf(request.ifNoneExist),
  };
}

function readUrl(url: string, baseUrl: string, expression: string): { type: string; id?: string; condition?: string } {
  const relative = url.startsWith(`${baseUrl}/`) ? url.slice(baseUrl.length + 1) : url.replace(/^\//, '');
  const parts = /^([A-Z][A-Za-z]*)(?:\/([A-Za-z0-9.-]{1,64}))?(?:\?(.*))?$/s.exec(relative);
  if (!parts?.[1]) {
    throw new FhirProblem(400, 'invalid', 'A Bundle entry has a URL that is not supported', expression);
  }
  return {
    type: parts[1],
    ...(parts[2] === undefined ? {} : { id: parts[2] }),
    ...(parts[3] === undefined ? {} : { condition: parts[3] }),
  };
}

function fullUrlOf(fullUrl: unknown, index: number): string | undefined {
  if (fullUrl === undefined) {
    return undefined;
  }
  if (typeof fullUrl !== 'string' || !/^[a-z][a-z0-9+.-]*:\S+$/i.test(fullUrl)) {
    throw new FhirProblem(400, 'value', 'fullUrl must be an absolute URI', `Bundle.entry[${index}].fullUrl`);
  }
  return fullUrl;
}

/** No resource may occur twice, nor may a condition: the second creation could not see the first. */
function checkIdentities(entries: readonly PlannedEntry[]): void {
  const seen = new Set<string>();
  for (const { method, type, id, fullUrl, ifNoneExist } of entries) {
    const identities = [
      ...(fullUrl === undefined || method === 'DELETE' ? [] : [fullUrl]),
      ...(id === undefined || method === 'GET' ? [] : [`${type}/${id}`]),
      ...(ifNoneExist === undefined ? [] : [`${type}?${ifNoneExist}`]),
    ];
    for (const identity of identities) {
      if (seen.has(identity)) {
        throw new FhirProblem(400, 'invalid', 'The transaction names the same resource twice');
      }
      seen.add(identity);
    }
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
