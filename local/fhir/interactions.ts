import { randomBytes, randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { Coding } from 'fhir/r4';
import { FhirProblem } from './problem';
import type { References } from './references';
import { isJsonObject } from './resource';
import type { JsonObject, StoredResource } from './resource';
import type { ResourceSearch } from './search';
import { parseSearchQuery } from './searchQuery';
import type { ResourceStore } from './store';
import type { FhirSwitches } from './switches';
import { checkId, resourceOfType, validate } from './validation';

/** Outcome of a write: the resource as it is now, or undefined after a deletion. */
export interface Written {
  readonly status: 200 | 201 | 204;
  readonly resource: StoredResource | undefined;
}

/** What an `ifNoneExist` search found: nothing, or the one resource. */
export type Lookup = StoredResource | undefined;

/**
 * The single interactions of FHIR's RESTful API over the store. Each is synchronous and checks no references,
 * so that a transaction can compose them; `complete` makes a single one whole.
 */
export class Interactions {
  private nextId = 1;

  constructor(
    readonly store: ResourceStore,
    readonly search: ResourceSearch,
    readonly references: References,
    readonly switches: FhirSwitches,
  ) {}

  /** @throws FhirProblem 404, or 410 after a deletion */
  read(type: string, id: string): StoredResource {
    const resource = this.store.get(type, id);
    if (!resource) {
      const deleted = this.store.isDeleted(type, id) && this.switches.deletedStatus === 410;
      throw new FhirProblem(deleted ? 410 : 404, deleted ? 'deleted' : 'not-found', `${type}/${id} is not here`);
    }
    return resource;
  }

  /** Versions with content, newest first; deletions leave gaps. @throws FhirProblem 404 for an id never used */
  history(type: string, id: string): readonly StoredResource[] {
    const versions = this.store.history.get(type)?.get(id) ?? [];
    if (versions.length === 0) {
      throw new FhirProblem(404, 'not-found', `${type}/${id} is not here`);
    }
    return [...versions].reverse();
  }

  newId(): string {
    return this.switches.ids === 'uuid' ? randomUUID() : String(this.nextId++);
  }

  /** The one match of a condition. @throws FhirProblem 412 when several match, 400 when the condition selects nothing */
  lookup(type: string, condition: string): Lookup {
    const { filters } = parseSearchQuery(condition.replace(/^[A-Za-z]*\?/, ''));
    if (filters.length === 0) {
      throw new FhirProblem(400, 'invalid', 'A condition needs at least one search parameter');
    }
    const matches = this.search.find(type, filters);
    if (matches.length > 1) {
      throw this.severalMatches(type, matches.length);
    }
    return matches[0];
  }

  /** @throws InvalidResource 422, or FhirProblem 400 when the resource does not satisfy its own condition */
  create(type: string, body: JsonObject, id: string, condition?: string): Written {
    const resource = this.stored(body, type, id, undefined);
    if (
      condition !== undefined &&
      !this.search.matches(resource, parseSearchQuery(condition.replace(/^[A-Za-z]*\?/, '')).filters)
    ) {
      throw new FhirProblem(400, 'processing', 'The resource does not satisfy its own ifNoneExist condition');
    }
    this.store.write(resource);
    return { status: 201, resource };
  }

  /** @throws FhirProblem 412 or 409 for a stale If-Match, 410 for a deleted id, 400 when body and id differ */
  update(type: string, id: string, body: unknown, ifMatch: string | undefined): Written {
    const content = resourceOfType(body, type);
    checkId(id);
    if (content.id !== id) {
      throw new FhirProblem(400, 'invalid', 'The id of the resource differs from the id of the request');
    }
    const before = this.store.get(type, id);
    this.checkUpdatable(type, id, before, ifMatch);
    const resource = this.stored(content, type, id, before);
    if (before && this.switches.noOpSameVersion && sameContent(before, resource)) {
      return { status: 200, resource: before };
    }
    this.store.write(resource);
    return { status: before ? 200 : 201, resource };
  }

  /** A deletion of what is not there is a success. @throws FhirProblem 412 or 409 for a stale If-Match */
  remove(type: string, id: string, ifMatch: string | undefined): Written {
    const before = this.store.get(type, id);
    if (before) {
      if (
        ifMatch !== undefined &&
        !this.switches.deleteIgnoresIfMatch &&
        versionOf(ifMatch) !== before.meta.versionId
      ) {
        throw this.stale(type, id, before);
      }
      this.store.remove(type, id);
    }
    return { status: 204, resource: undefined };
  }

  /** Runs writes whole or not at all, and checks at their end that every reference still holds. */
  complete<T>(work: (note: (written: Written) => Written, removed: (type: string, id: string) => void) => T): T {
    return this.store.atomically(() => {
      const written: StoredResource[] = [];
      const removed: (readonly [string, string])[] = [];
      const result = work(
        (each) => {
          if (each.resource) {
            written.push(each.resource);
          }
          return each;
        },
        (type, id) => removed.push([type, id]),
      );
      for (const resource of this.switches.validation ? written : []) {
        this.references.check(resource);
      }
      for (const [type, id] of this.switches.deleteOfReferenced === 'refuse409' ? removed : []) {
        this.references.checkUnreferenced(type, id);
      }
      return result;
    });
  }

  severalMatches(type: string, matches: number): FhirProblem {
    return this.switches.outcomeStyle === 'precise'
      ? new FhirProblem(412, 'multiple-matches', `The condition matches ${matches} resources of type ${type}`)
      : new FhirProblem(
          412,
          'processing',
          `HAPI-0958: Failed to CREATE ${type} with match URL because this search matched ${matches} resources`,
        );
  }

  private checkUpdatable(
    type: string,
    id: string,
    before: StoredResource | undefined,
    ifMatch: string | undefined,
  ): void {
    if (before) {
      if (ifMatch !== undefined && versionOf(ifMatch) !== before.meta.versionId) {
        throw this.stale(type, id, before);
      }
      return;
    }
    const used = this.store.isDeleted(type, id);
    if (ifMatch !== undefined) {
      const { ifMatchOnAbsent } = this.switches;
      if (ifMatchOnAbsent === 'refuse' || (ifMatchOnAbsent === 'createsUnknown' && used)) {
        throw this.stale(type, id, undefined);
      }
    } else if (used && !this.switches.putRevivesDeleted) {
      throw new FhirProblem(410, 'deleted', `${type}/${id} was deleted`);
    }
  }

  private stale(type: string, id: string, current: StoredResource | undefined): FhirProblem {
    const version = current ? `is at version ${current.meta.versionId}` : 'has no current version';
    const text = `If-Match names another version: ${type}/${id} ${version}`;
    return new FhirProblem(
      this.switches.staleIfMatchStatus,
      this.switches.outcomeStyle === 'precise' ? 'conflict' : 'processing',
      text,
    );
  }

  private stored(body: JsonObject, type: string, id: string, before: StoredResource | undefined): StoredResource {
    const given = isJsonObject(body.meta) ? body.meta : {};
    const source = this.sourceOf(given);
    const tag = this.tagsOf(given, before);
    const meta = {
      ...given,
      versionId: String(this.store.lastVersion(type, id) + 1),
      lastUpdated: new Date().toISOString(),
      ...(source === undefined ? {} : { source }),
      ...(tag.length === 0 ? {} : { tag }),
    };
    const resource = { ...body, id, meta } as unknown as StoredResource;
    if (this.switches.validation) {
      validate(resource as unknown as JsonObject);
    }
    return resource;
  }

  private sourceOf(given: JsonObject): string | undefined {
    const source = typeof given.source === 'string' ? given.source : undefined;
    if (!this.switches.sourceSuffix) {
      return source;
    }
    return `${source === undefined ? '' : withoutRequest(source)}#${randomBytes(8).toString('hex')}`;
  }

  private tagsOf(given: JsonObject, before: StoredResource | undefined): Coding[] {
    const tags = Array.isArray(given.tag) ? (given.tag as Coding[]) : [];
    const kept = this.switches.stickyTags ? (before?.meta.tag ?? []) : [];
    const lost = kept.filter((old) => !tags.some((tag) => tag.system === old.system && tag.code === old.code));
    return [...tags, ...lost];
  }
}

/** The version an If-Match names; `W/"1"`, `"1"` and `1` are all read. */
function versionOf(ifMatch: string): string {
  return ifMatch
    .trim()
    .replace(/^W\//, '')
    .replace(/^"(.*)"$/, '$1');
}

function withoutRequest(source: string): string {
  return source.replace(/#.*$/, '');
}

function sameContent(before: StoredResource, after: StoredResource): boolean {
  return isDeepStrictEqual(comparable(before), comparable(after));
}

function comparable(resource: StoredResource): unknown {
  const { source } = resource.meta;
  return {
    ...resource,
    meta: {
      ...resource.meta,
      versionId: '',
      lastUpdated: '',
      source: source === undefined ? '' : withoutRequest(source),
    },
  };
}
