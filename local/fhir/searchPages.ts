import { randomUUID } from 'node:crypto';
import type { Bundle, BundleLink, FhirResource } from 'fhir/r4';
import { FhirProblem } from './problem';
import { referenceTo } from './resource';
import type { StoredResource } from './resource';
import type { ResourceStore } from './store';

const KEPT_SEARCHES = 1000;
const LARGEST_PAGE = 1000;
const SUBSETTED = { system: 'http://terminology.hl7.org/CodeSystem/v3-ObservationValue', code: 'SUBSETTED' };

interface OpenSearch {
  readonly type: string;
  readonly ids: readonly string[];
  readonly pageSize: number;
  readonly elements: readonly string[] | undefined;
}

/** Answers searches page by page: the ids are those of the first request, their content is that of now. */
export class SearchPages {
  private readonly open = new Map<string, OpenSearch>();

  constructor(
    private readonly store: ResourceStore,
    private readonly baseUrl: () => string,
    private readonly defaultPageSize: number,
  ) {}

  first(type: string, ids: readonly string[], query: string, count?: number, elements?: readonly string[]): Bundle {
    const pageSize = Math.min(count ?? this.defaultPageSize, LARGEST_PAGE);
    const search: OpenSearch = { type, ids, pageSize, elements };
    let token = '';
    if (ids.length > pageSize) {
      token = randomUUID();
      this.open.set(token, search);
      this.forgetOldest();
    }
    return this.page(search, token, 0, `${this.baseUrl()}/${type}${query === '' ? '' : `?${query}`}`);
  }

  /** The page that a `next` link names. @throws FhirProblem 410 when the search was forgotten */
  next(token: string, offset: number): Bundle {
    const search = this.open.get(token);
    if (!search) {
      throw new FhirProblem(410, 'not-found', 'This search is no longer open');
    }
    return this.page(search, token, offset, this.linkTo(token, offset));
  }

  private page(search: OpenSearch, token: string, offset: number, self: string): Bundle {
    const end = offset + search.pageSize;
    const link: BundleLink[] = [{ relation: 'self', url: self }];
    if (end < search.ids.length) {
      link.push({ relation: 'next', url: this.linkTo(token, end) });
    }
    const found = search.ids
      .slice(offset, end)
      .map((id) => this.store.get(search.type, id))
      .filter((resource) => resource !== undefined);
    const entry = found.map((resource) => ({
      fullUrl: `${this.baseUrl()}/${referenceTo(resource)}`,
      resource: subset(resource, search.elements) as FhirResource,
      search: { mode: 'match' as const },
    }));
    return {
      resourceType: 'Bundle',
      type: 'searchset',
      total: search.ids.length,
      link,
      ...(entry.length > 0 ? { entry } : {}),
    };
  }

  private linkTo(token: string, offset: number): string {
    return `${this.baseUrl()}?_getpages=${token}&_getpagesoffset=${offset}`;
  }

  private forgetOldest(): void {
    const [oldest] = this.open.keys();
    if (this.open.size > KEPT_SEARCHES && oldest !== undefined) {
      this.open.delete(oldest);
    }
  }
}

function subset(resource: StoredResource, elements: readonly string[] | undefined): unknown {
  if (!elements) {
    return resource;
  }
  const wanted = new Set(['resourceType', 'id', ...elements]);
  const kept = Object.fromEntries(Object.entries(resource).filter(([key]) => wanted.has(key)));
  return { ...kept, meta: { ...resource.meta, tag: [...(resource.meta.tag ?? []), SUBSETTED] } };
}
