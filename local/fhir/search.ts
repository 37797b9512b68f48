import { matchesSearchRequest, parseSearchRequest } from '@medplum/core';
import { searchParameterOf } from './definitions';
import type { MedplumResource, SearchParameterDefinition } from './definitions';
import { FhirProblem } from './problem';
import type { StoredResource } from './resource';
import { SearchIndex, tokenKey } from './searchIndex';
import { splitUnescaped, unescape } from './searchQuery';
import type { QueryParameter } from './searchQuery';
import { foldText } from './searchValues';
import type { ResourceStore } from './store';

type Predicate = (resource: StoredResource) => boolean;
/** What one parameter asks: ids from an index, or a test for each candidate. */
type Condition =
  { readonly kind: 'ids'; readonly ids: ReadonlySet<string> } | { readonly kind: 'test'; readonly test: Predicate };

/** Type search over the store: tokens and references by index, texts by a scan, everything else by Medplum's matcher. */
export class ResourceSearch {
  private readonly index: SearchIndex;

  constructor(
    private readonly store: ResourceStore,
    private readonly baseUrl: () => string,
    private readonly refuseUnknown: boolean,
  ) {
    this.index = new SearchIndex(store);
  }

  /** All matches in the order in which they were first stored. Parameters are ANDed, commas inside a value ORed. */
  find(resourceType: string, filters: readonly QueryParameter[]): StoredResource[] {
    const idSets: ReadonlySet<string>[] = [];
    const tests: Predicate[] = [];
    for (const filter of filters) {
      const condition = this.condition(resourceType, filter);
      if (condition?.kind === 'ids') {
        idSets.push(condition.ids);
      } else if (condition) {
        tests.push(condition.test);
      }
    }
    return this.candidates(resourceType, idSets).filter((resource) => tests.every((test) => test(resource)));
  }

  /** Whether a resource that is not stored yet would be found by these filters. */
  matches(resource: StoredResource, filters: readonly QueryParameter[]): boolean {
    return filters.every((filter) => {
      const parameter = this.parameter(resource.resourceType, filter.code);
      if (!parameter) {
        return true;
      }
      const alternatives = this.alternativeKeys(parameter, filter);
      if (alternatives) {
        const keys = new Set(this.index.keys(resource, parameter));
        return alternatives.some((key) => keys.has(key));
      }
      return this.testOf(resource.resourceType, parameter, filter)(resource);
    });
  }

  private candidates(resourceType: string, idSets: ReadonlySet<string>[]): StoredResource[] {
    const [smallest, ...others] = idSets.sort((a, b) => a.size - b.size);
    if (!smallest) {
      return [...this.store.all(resourceType)];
    }
    return [...smallest]
      .filter((id) => others.every((ids) => ids.has(id)))
      .map((id) => this.store.get(resourceType, id))
      .filter((resource) => resource !== undefined);
  }

  private condition(resourceType: string, filter: QueryParameter): Condition | undefined {
    if (filter.code === '_id' && filter.modifier === undefined) {
      return { kind: 'ids', ids: new Set(splitUnescaped(filter.value, ',').map(unescape)) };
    }
    const parameter = this.parameter(resourceType, filter.code);
    if (!parameter) {
      return undefined;
    }
    const keys = this.alternativeKeys(parameter, filter);
    if (!keys) {
      return { kind: 'test', test: this.testOf(resourceType, parameter, filter) };
    }
    const sets = keys.map((key) => this.index.ids(resourceType, parameter, key));
    const [only] = sets;
    return { kind: 'ids', ids: sets.length === 1 && only ? only : new Set(sets.flatMap((ids) => [...ids])) };
  }

  /** undefined: unknown, and unknown parameters are ignored. */
  private parameter(resourceType: string, code: string): SearchParameterDefinition | undefined {
    const parameter = searchParameterOf(resourceType, code);
    if (!parameter && this.refuseUnknown) {
      throw new FhirProblem(400, 'not-supported', `${resourceType} has no search parameter "${code}"`);
    }
    return parameter;
  }

  private alternativeKeys(parameter: SearchParameterDefinition, filter: QueryParameter): string[] | undefined {
    if (parameter.type === 'token' && filter.modifier === undefined) {
      return splitUnescaped(filter.value, ',').map(tokenSearchKey);
    }
    if (parameter.type === 'reference' && (filter.modifier === undefined || /^[A-Z]/.test(filter.modifier))) {
      return splitUnescaped(filter.value, ',').map((value) =>
        this.referenceSearchKey(parameter, filter, unescape(value)),
      );
    }
    return undefined;
  }

  private referenceSearchKey(parameter: SearchParameterDefinition, filter: QueryParameter, value: string): string {
    const base = `${this.baseUrl()}/`;
    const local = value.startsWith(base) ? value.slice(base.length) : value;
    const type = filter.modifier ?? (parameter.code === 'patient' ? 'Patient' : undefined);
    return type !== undefined && !local.includes('/') ? `${type}/${local}` : local;
  }

  private testOf(resourceType: string, parameter: SearchParameterDefinition, filter: QueryParameter): Predicate {
    const { modifier } = filter;
    if (parameter.type === 'string' && (modifier === undefined || modifier === 'contains')) {
      const wanted = splitUnescaped(filter.value, ',').map((value) => foldText(unescape(value)));
      const textsIn = this.index.texts(resourceType, parameter);
      const fits = (text: string, part: string): boolean =>
        modifier === 'contains' ? text.includes(part) : text.startsWith(part);
      return (resource) => textsIn(resource).some((text) => wanted.some((part) => fits(text, part)));
    }
    const name = modifier === undefined ? filter.code : `${filter.code}:${modifier}`;
    const request = parseSearchRequest(resourceType, { [name]: filter.value });
    return (resource) => matchesSearchRequest(resource as unknown as MedplumResource, request);
  }
}

function tokenSearchKey(text: string): string {
  const parts = splitUnescaped(text, '|');
  const [first = '', second] = parts.map(unescape);
  if (parts.length > 2) {
    throw new FhirProblem(400, 'invalid', 'A token holds more than one | that is not escaped');
  }
  if (second === undefined) {
    return tokenKey.anySystem(first);
  }
  if (first === '') {
    return tokenKey.withoutSystem(second);
  }
  return second === '' ? tokenKey.anyCode(first) : tokenKey.inSystem(first, second);
}
