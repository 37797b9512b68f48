import type { StoredResource } from './resource';

export type ChangeListener = (before: StoredResource | undefined, after: StoredResource | undefined) => void;

/**
 * Every version of every resource, in memory.
 *
 * All of it is synchronous, so a piece of work that does not yield is isolated from every other request;
 * `atomically` adds that it either happens whole or leaves no trace, indexes and version numbers included.
 */
export class ResourceStore {
  /** Shared with the Medplum repository, which only reads it. */
  readonly current = new Map<string, Map<string, StoredResource>>();
  readonly history = new Map<string, Map<string, StoredResource[]>>();
  private readonly lastVersions = new Map<string, number>();
  private readonly listeners: ChangeListener[] = [];
  private undo: (() => void)[] | undefined;
  private versionsCreated = 0;

  /** Number of versions made, deletions included; undone ones do not count. */
  get writes(): number {
    return this.versionsCreated;
  }

  onChange(listener: ChangeListener): void {
    this.listeners.push(listener);
  }

  get(type: string, id: string): StoredResource | undefined {
    return this.current.get(type)?.get(id);
  }

  all(type: string): Iterable<StoredResource> {
    return this.current.get(type)?.values() ?? [];
  }

  /** 0 for an id that was never used. */
  lastVersion(type: string, id: string): number {
    return this.lastVersions.get(`${type}/${id}`) ?? 0;
  }

  isDeleted(type: string, id: string): boolean {
    return this.lastVersion(type, id) > 0 && this.get(type, id) === undefined;
  }

  /** Stores a version whose number must be the one after `lastVersion`; `seed` keeps it out of `writes`. */
  write(resource: StoredResource, seed = false): void {
    const { resourceType, id } = resource;
    const versions = entryOf(entryOf(this.history, resourceType, newMap<StoredResource[]>), id, newList);
    versions.push(resource);
    this.undo?.push(() => versions.pop());
    this.bump(resourceType, id, Number(resource.meta.versionId), seed ? 0 : 1);
    this.replace(resourceType, id, resource);
  }

  remove(type: string, id: string): void {
    this.bump(type, id, this.lastVersion(type, id) + 1, 1);
    this.replace(type, id, undefined);
  }

  /** Runs the work whole or not at all: when it throws, everything it did is taken back. */
  atomically<T>(work: () => T): T {
    if (this.undo) {
      return work();
    }
    this.undo = [];
    try {
      return work();
    } catch (error) {
      const steps = this.undo;
      this.undo = undefined;
      for (const step of steps.reverse()) {
        step();
      }
      throw error;
    } finally {
      this.undo = undefined;
    }
  }

  private bump(type: string, id: string, version: number, counted: number): void {
    const key = `${type}/${id}`;
    const before = this.lastVersions.get(key);
    this.lastVersions.set(key, version);
    this.versionsCreated += counted;
    this.undo?.push(() => {
      this.versionsCreated -= counted;
      if (before === undefined) {
        this.lastVersions.delete(key);
      } else {
        this.lastVersions.set(key, before);
      }
    });
  }

  private replace(type: string, id: string, after: StoredResource | undefined): void {
    const resources = entryOf(this.current, type, newMap<StoredResource>);
    const before = resources.get(id);
    if (after) {
      resources.set(id, after);
    } else {
      resources.delete(id);
    }
    for (const listener of this.listeners) {
      listener(before, after);
    }
    this.undo?.push(() => this.replace(type, id, before));
  }
}

function newMap<T>(): Map<string, T> {
  return new Map();
}

function newList(): StoredResource[] {
  return [];
}

function entryOf<T>(map: Map<string, T>, key: string, make: () => T): T {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}
