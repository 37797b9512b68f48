import type { SearchParameterDefinition } from './definitions';
import { isJsonObject } from './resource';
import type { StoredResource } from './resource';
import type { ResourceStore } from './store';
import { textsOf, tokensOf, valueReader } from './searchValues';

/** Separates the parts of a key; cannot occur in a token. */
const SEPARATOR = '\u0000';
const NO_SYSTEM = '\u0001';

/** Keys under which a token is found; each function is one form of the search value. */
export const tokenKey = {
  inSystem: (system: string, code: string): string => `s${system}${SEPARATOR}${code}`,
  withoutSystem: (code: string): string => `s${NO_SYSTEM}${SEPARATOR}${code}`,
  anySystem: (code: string): string => `c${code}`,
  anyCode: (system: string): string => `a${system}`,
};

export type KeyReader = (resource: StoredResource) => readonly string[];

interface Postings {
  readonly keysOf: KeyReader;
  readonly ids: Map<string, Set<string>>;
}

/** Key -> ids for each (type, parameter) that was asked for once; kept up to date by the store, undo included. */
export class SearchIndex {
  private readonly byType = new Map<string, Map<string, Postings>>();
  private readonly textReaders = new Map<string, KeyReader>();

  constructor(private readonly store: ResourceStore) {
    store.onChange((before, after) => this.change(before, after));
  }

  /** Ids of the resources that have the key; builds the index of this parameter at the first call. */
  ids(resourceType: string, parameter: SearchParameterDefinition, key: string): ReadonlySet<string> {
    return this.postings(resourceType, parameter).ids.get(key) ?? new Set();
  }

  /** The keys that a resource has, or would have once stored. */
  keys(resource: StoredResource, parameter: SearchParameterDefinition): readonly string[] {
    return this.postings(resource.resourceType, parameter).keysOf(resource);
  }

  /** Reads the folded texts of a string parameter; each version of a resource is read once. */
  texts(resourceType: string, parameter: SearchParameterDefinition): KeyReader {
    const name = `${resourceType}.${parameter.code}`;
    let reader = this.textReaders.get(name);
    if (!reader) {
      const read = valueReader(resourceType, parameter);
      const known = new WeakMap<StoredResource, readonly string[]>();
      reader = (resource) => {
        const texts = known.get(resource) ?? read(resource).flatMap(textsOf);
        known.set(resource, texts);
        return texts;
      };
      this.textReaders.set(name, reader);
    }
    return reader;
  }

  private postings(resourceType: string, parameter: SearchParameterDefinition): Postings {
    let parameters = this.byType.get(resourceType);
    if (!parameters) {
      parameters = new Map();
      this.byType.set(resourceType, parameters);
    }
    let postings = parameters.get(parameter.code);
    if (!postings) {
      postings = { keysOf: keyReader(resourceType, parameter), ids: new Map() };
      parameters.set(parameter.code, postings);
      for (const resource of this.store.all(resourceType)) {
        add(postings, postings.keysOf(resource), resource.id);
      }
    }
    return postings;
  }

  private change(before: StoredResource | undefined, after: StoredResource | undefined): void {
    const resource = after ?? before;
    for (const postings of (resource && this.byType.get(resource.resourceType)?.values()) ?? []) {
      const oldKeys = before ? postings.keysOf(before) : [];
      const newKeys = after ? postings.keysOf(after) : [];
      if (resource && !sameKeys(oldKeys, newKeys)) {
        remove(postings, oldKeys, resource.id);
        add(postings, newKeys, resource.id);
      }
    }
  }
}

function keyReader(resourceType: string, parameter: SearchParameterDefinition): KeyReader {
  const read = valueReader(resourceType, parameter);
  const keysOfValue = parameter.type === 'reference' ? referenceKeys : tokenKeys;
  return (resource) => read(resource).flatMap(keysOfValue);
}

function tokenKeys(value: unknown): string[] {
  return tokensOf(value).flatMap(({ system, code }) => [
    system === undefined ? tokenKey.withoutSystem(code) : tokenKey.inSystem(system, code),
    tokenKey.anySystem(code),
    ...(system === undefined ? [] : [tokenKey.anyCode(system)]),
  ]);
}

/** `Type/id`, the bare id, and canonical or external addresses whole. */
function referenceKeys(value: unknown): string[] {
  const reference = isJsonObject(value) ? value.reference : value;
  if (typeof reference !== 'string') {
    return [];
  }
  const unversioned = reference.replace(/\/_history\/.*$/, '');
  return /^[A-Z][A-Za-z]*\/[^/]+$/.test(unversioned)
    ? [unversioned, unversioned.slice(unversioned.indexOf('/') + 1)]
    : [unversioned];
}

function add(postings: Postings, keys: readonly string[], id: string): void {
  for (const key of keys) {
    const ids = postings.ids.get(key);
    if (ids) {
      ids.add(id);
    } else {
      postings.ids.set(key, new Set([id]));
    }
  }
}

function remove(postings: Postings, keys: readonly string[], id: string): void {
  for (const key of keys) {
    const ids = postings.ids.get(key);
    ids?.delete(id);
    if (ids?.size === 0) {
      postings.ids.delete(key);
    }
  }
}

function sameKeys(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((key, at) => key === b[at]);
}
