import type { IncomingHttpHeaders } from 'node:http';
import type { PlannedEntry } from './bundleEntries';
import { capabilityStatement } from './capabilities';
import { Interactions } from './interactions';
import { MedplumFallback } from './medplumFallback';
import { allOkOutcome, FhirProblem } from './problem';
import { References } from './references';
import type { RequestTarget } from './requestTarget';
import { etagOf, isJsonObject, referenceTo } from './resource';
import type { StoredResource } from './resource';
import { ResourceSearch } from './search';
import { SearchCache } from './searchCache';
import { SearchPages } from './searchPages';
import { parseSearchQuery } from './searchQuery';
import type { ResourceStore } from './store';
import type { FhirSwitches } from './switches';
import { BundleProcessor } from './transaction';
import type { Answer } from './transaction';
import { checkId, checkResourceType, resourceOfType } from './validation';

export interface ServiceRequest {
  readonly method: string;
  readonly target: RequestTarget;
  readonly headers: IncomingHttpHeaders;
  /** Parsed JSON, the text of a form, or undefined. */
  readonly body: unknown;
}

export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** The RESTful API, without HTTP: which request is which interaction, and how its outcome is answered. */
export class FhirService {
  private readonly interactions: Interactions;
  private readonly search: ResourceSearch;
  private readonly cache: SearchCache;
  private readonly pages: SearchPages;
  private readonly bundles: BundleProcessor;
  private readonly medplum: MedplumFallback;

  constructor(
    store: ResourceStore,
    private readonly baseUrl: () => string,
    private readonly switches: FhirSwitches,
    defaultPageSize: number,
  ) {
    this.search = new ResourceSearch(store, baseUrl, switches.refuseUnknownParameters);
    const references = new References(store, baseUrl, switches.externalReferences === 'allow');
    this.interactions = new Interactions(store, this.search, references, switches);
    this.cache = new SearchCache(switches.searchCacheMs);
    this.pages = new SearchPages(store, baseUrl, defaultPageSize);
    this.bundles = new BundleProcessor(this.interactions, baseUrl);
    this.medplum = new MedplumFallback(this.interactions);
  }

  /** @throws FhirProblem for everything that is refused */
  async handle(request: ServiceRequest): Promise<Reply> {
    const { method, target } = request;
    const [type, id] = target.segments;
    if (type === undefined) {
      return this.handleRoot(request);
    }
    if (type === 'metadata' && method === 'GET') {
      return { status: 200, body: capabilityStatement(this.baseUrl(), this.switches) };
    }
    if (!type.startsWith('$')) {
      checkResourceType(type);
    }
    if (target.kind === 'search') {
      return this.handleSearch(request, type);
    }
    if (method === 'GET' && id !== undefined && target.segments[2] === '_history') {
      return this.history(type, id, target.segments[3]);
    }
    if (
      target.segments.length <= 2 &&
      (method === 'GET' || method === 'POST' || method === 'PUT' || method === 'DELETE')
    ) {
      if (method === 'GET' && id !== undefined) {
        checkId(id);
        return replyWith(200, this.interactions.read(type, id));
      }
      return this.handleWrite(request, method, type, id);
    }
    return this.leaveToMedplum(request, target.query);
  }

  private async handleRoot(request: ServiceRequest): Promise<Reply> {
    const { method, target, body, headers } = request;
    if (method === 'POST') {
      const withResources = preference(headers) === 'representation';
      return { status: 200, body: await this.bundles.process(body, withResources) };
    }
    const parameters = new URLSearchParams(target.query);
    const token = parameters.get('_getpages');
    if (method === 'GET' && token !== null) {
      return { status: 200, body: this.pages.next(token, Number(parameters.get('_getpagesoffset') ?? 0)) };
    }
    throw new FhirProblem(400, 'not-supported', 'Searches need a resource type');
  }

  private handleSearch(request: ServiceRequest, type: string): Promise<Reply> | Reply {
    const { target, body, headers, method } = request;
    const form = method === 'POST' && typeof body === 'string' ? body : '';
    const text = [target.query, form].filter(Boolean).join('&');
    const query = parseSearchQuery(text);
    if (query.needsMedplum) {
      return this.leaveToMedplum(request, text);
    }
    const ids = this.cache.find(`${type}?${text}`, headers['cache-control'], () =>
      this.search.find(type, query.filters).map((resource) => resource.id),
    );
    if (query.countOnly) {
      return { status: 200, body: { resourceType: 'Bundle', type: 'searchset', total: ids.length } };
    }
    return { status: 200, body: this.pages.first(type, ids, text, query.count, query.elements) };
  }

  private async handleWrite(
    request: ServiceRequest,
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    type: string,
    id: string | undefined,
  ): Promise<Reply> {
    const { headers, target, body } = request;
    if (method === 'POST' && id !== undefined) {
      return this.leaveToMedplum(request, target.query);
    }
    if (method !== 'POST' && id === undefined && target.query === '') {
      throw new FhirProblem(400, 'invalid', `${method} needs an id or a condition`);
    }
    const entry: PlannedEntry = {
      index: 0,
      method,
      type,
      id,
      fullUrl: undefined,
      resource: method === 'DELETE' ? undefined : resourceOfType(body, type),
      condition: id === undefined && method !== 'POST' ? target.query : undefined,
      ifMatch: headers['if-match'],
      ifNoneExist: method === 'POST' ? headerText(headers['if-none-exist']) : undefined,
    };
    const answer = (await this.bundles.apply([entry])).get(0);
    return this.replyToWrite(answer, preference(headers) === 'minimal');
  }

  private replyToWrite(answer: Answer | undefined, minimal: boolean): Reply {
    if (!answer?.resource) {
      return this.switches.outcomeStyle === 'hapi' ? { status: 200, body: allOkOutcome } : { status: 204 };
    }
    const { status, resource } = answer;
    const reply = replyWith(status, resource);
    const location = `${this.baseUrl()}/${referenceTo(resource)}/_history/${resource.meta.versionId}`;
    return { status, headers: { ...reply.headers, location }, ...(minimal ? {} : { body: resource }) };
  }

  private history(type: string, id: string, version: string | undefined): Reply {
    const versions = this.interactions.history(type, id);
    if (version !== undefined) {
      const found = versions.find((each) => each.meta.versionId === version);
      if (!found) {
        throw new FhirProblem(404, 'not-found', `${type}/${id} has no such version`);
      }
      return replyWith(200, found);
    }
    const entry = versions.map((resource) => ({ resource }));
    const bundle = { resourceType: 'Bundle', type: 'history', total: entry.length, entry };
    return { status: 200, body: withFullUrls(bundle, this.baseUrl()) };
  }

  private async leaveToMedplum({ method, target, body, headers }: ServiceRequest, query: string): Promise<Reply> {
    const path = target.segments.filter((segment) => segment !== '_search').join('/');
    const searching = target.kind === 'search';
    const url = query === '' ? path : `${path}?${query}`;
    const answer = await this.medplum.handle(searching ? 'GET' : method, url, body, headers);
    return { status: answer.status, body: withFullUrls(answer.body, this.baseUrl()) };
  }
}

function replyWith(status: number, resource: StoredResource): Reply {
  const lastModified = new Date(resource.meta.lastUpdated).toUTCString();
  return { status, headers: { etag: etagOf(resource), 'last-modified': lastModified }, body: resource };
}

function withFullUrls(body: unknown, baseUrl: string): unknown {
  if (!isJsonObject(body) || body.resourceType !== 'Bundle' || !Array.isArray(body.entry)) {
    return body;
  }
  const entry = body.entry.map((each: unknown) =>
    isJsonObject(each) && isJsonObject(each.resource)
      ? { fullUrl: `${baseUrl}/${String(each.resource.resourceType)}/${String(each.resource.id)}`, ...each }
      : each,
  );
  return { ...body, entry };
}

function preference(headers: IncomingHttpHeaders): string | undefined {
  return /return=(\w+)/.exec(headerText(headers.prefer) ?? '')?.[1];
}

function headerText(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}
