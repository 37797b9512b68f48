interface CachedSearch {
  readonly ids: readonly string[];
  readonly foundAt: number;
}

/** Reuses the ids of an equal search for a while, as HAPI does for a minute, unless the client forbids it. */
export class SearchCache {
  private readonly found = new Map<string, CachedSearch>();

  constructor(private readonly reuseMs: number) {}

  find(key: string, cacheControl: string | undefined, search: () => readonly string[]): readonly string[] {
    if (this.reuseMs <= 0) {
      return search();
    }
    const cached = this.found.get(key);
    const now = Date.now();
    if (cached && now - cached.foundAt < this.reuseMs && !/no-cache|no-store/.test(cacheControl ?? '')) {
      return cached.ids;
    }
    const ids = search();
    this.found.set(key, { ids, foundAt: now });
    return ids;
  }
}
