import { getDataType } from '@medplum/core';
import { FhirProblem } from './problem';
import { isJsonObject } from './resource';
import type { JsonObject, StoredResource } from './resource';
import type { ResourceStore } from './store';

const LOCAL = /^([A-Z][A-Za-z]*)\/([A-Za-z0-9.-]{1,64})(?:\/_history\/[A-Za-z0-9.-]+)?$/;

/** A literal reference inside a resource. */
export interface FoundReference {
  readonly element: string;
  readonly holder: JsonObject;
  readonly reference: string;
}

/** All literal references, with the top-level element that holds each. */
export function findReferences(resource: JsonObject): FoundReference[] {
  const found: FoundReference[] = [];
  for (const element of Object.keys(resource)) {
    collect(resource[element], element, found);
  }
  return found;
}

function collect(value: unknown, element: string, found: FoundReference[]): void {
  if (Array.isArray(value)) {
    for (const item of value) {
      collect(item, element, found);
    }
  } else if (isJsonObject(value)) {
    const reference = value.reference;
    if (typeof reference === 'string') {
      found.push({ element, holder: value, reference });
    }
    for (const key in value) {
      const inner = value[key];
      if (typeof inner === 'object') {
        collect(inner, element, found);
      }
    }
  }
}

function containedIds(resource: JsonObject): ReadonlySet<unknown> {
  const contained = Array.isArray(resource.contained) ? resource.contained : [];
  return new Set(contained.map((each: unknown) => (isJsonObject(each) ? each.id : undefined)));
}

/** Who refers to whom, and whether a reference may stand. */
export class References {
  private readonly referrers = new Map<string, Set<string>>();
  private readonly targetsOf = new WeakMap<StoredResource, ReadonlySet<string>>();

  constructor(
    private readonly store: ResourceStore,
    private readonly baseUrl: () => string,
    private readonly allowExternal: boolean,
  ) {
    store.onChange((before, after) => {
      for (const target of before ? this.targets(before) : []) {
        this.referrers.get(target)?.delete(`${before?.resourceType ?? ''}/${before?.id ?? ''}`);
      }
      for (const target of after ? this.targets(after) : []) {
        const sources = this.referrers.get(target) ?? new Set<string>();
        sources.add(`${after?.resourceType ?? ''}/${after?.id ?? ''}`);
        this.referrers.set(target, sources);
      }
    });
  }

  /** @throws FhirProblem 409 when another resource refers to it */
  checkUnreferenced(type: string, id: string): void {
    const key = `${type}/${id}`;
    const other = [...(this.referrers.get(key) ?? [])].find((source) => source !== key);
    if (other !== undefined) {
      throw new FhirProblem(409, 'conflict', `${key} cannot be deleted: ${other} refers to it`);
    }
  }

  /** @throws FhirProblem 400 for a missing target or a foreign server, 422 for a target of the wrong type */
  check(resource: StoredResource): void {
    const contained = containedIds(resource as unknown as JsonObject);
    for (const { element, reference } of findReferences(resource as unknown as JsonObject)) {
      const expression = `${resource.resourceType}.${element}`;
      const local = LOCAL.exec(this.relative(reference));
      if (local?.[1] && local[2]) {
        this.checkTarget(resource.resourceType, element, local[1], local[2]);
      } else if (reference.startsWith('#')) {
        if (reference !== '#' && !contained.has(reference.slice(1))) {
          throw new FhirProblem(400, 'not-found', 'A contained resource that is referred to is missing', expression);
        }
      } else if (!this.allowExternal || !/^https?:\/\//.test(reference)) {
        throw new FhirProblem(400, 'value', 'The reference cannot be resolved on this server', expression);
      }
    }
  }

  private checkTarget(sourceType: string, element: string, type: string, id: string): void {
    const expression = `${sourceType}.${element}`;
    if (!this.store.get(type, id)) {
      throw new FhirProblem(
        400,
        'not-found',
        `Resource ${type}/${id}, specified in ${expression}, was not found`,
        expression,
      );
    }
    const allowed = targetTypes(sourceType, element);
    if (allowed && !allowed.has(type)) {
      throw new FhirProblem(422, 'invalid', `${expression} must not refer to ${type}`, expression);
    }
  }

  private relative(reference: string): string {
    const base = `${this.baseUrl()}/`;
    return reference.startsWith(base) ? reference.slice(base.length) : reference;
  }

  private targets(resource: StoredResource): ReadonlySet<string> {
    let targets = this.targetsOf.get(resource);
    if (!targets) {
      targets = new Set(
        findReferences(resource as unknown as JsonObject).flatMap(({ reference }) => {
          const local = LOCAL.exec(this.relative(reference));
          return local?.[1] && local[2] ? [`${local[1]}/${local[2]}`] : [];
        }),
      );
      this.targetsOf.set(resource, targets);
    }
    return targets;
  }
}

const knownTargets = new Map<string, ReadonlySet<string> | undefined>();

/** Types that a top-level reference element may point at; undefined where any may, or where the element is nested. */
function targetTypes(resourceType: string, element: string): ReadonlySet<string> | undefined {
  const key = `${resourceType}.${element}`;
  if (!knownTargets.has(key)) {
    const types = getDataType(resourceType).elements[element]?.type ?? [];
    const profiles = types.every((type) => type.code === 'Reference')
      ? types.flatMap((type) => type.targetProfile ?? [])
      : [];
    const names = profiles.map((profile) => profile.slice(profile.lastIndexOf('/') + 1));
    knownTargets.set(key, names.length === 0 || names.includes('Resource') ? undefined : new Set(names));
  }
  return knownTargets.get(key);
}
