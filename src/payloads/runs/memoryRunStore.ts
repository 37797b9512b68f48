import type { Run, Shard } from './run';
import type { RunStore, Versioned } from './runStore';

/** Runs of one process, such as the command line: they are gone with it. */
export function memoryRunStore(): RunStore {
  const runs = new Map<string, Versioned<Run>>();
  const shards = new Map<string, Map<string, Versioned<Shard>>>();
  let version = 0;
  const versioned = <T>(value: T): Versioned<T> => ({ value, etag: String((version += 1)) });
  const shardsOf = (runId: string): Map<string, Versioned<Shard>> => {
    const found = shards.get(runId) ?? new Map<string, Versioned<Shard>>();
    shards.set(runId, found);
    return found;
  };
  return {
    create: (run) => {
      if (runs.has(run.id)) throw new Error('A run of this id exists');
      runs.set(run.id, versioned(run));
      return Promise.resolve();
    },
    read: (runId) => Promise.resolve(runs.get(runId)),
    replace: (run, next) => Promise.resolve(replaceIn(runs, next.id, run, versioned(next))),
    list: () => Promise.resolve({ items: [...runs.values()].map(({ value }) => value).reverse() }),
    createShards: (runId, added) => {
      const known = shardsOf(runId);
      if (known.size > 0) return Promise.resolve(false);
      for (const shard of added) known.set(shard.id, versioned(shard));
      return Promise.resolve(true);
    },
    readShard: (runId, shardId) => Promise.resolve(shardsOf(runId).get(shardId)),
    readShards: (runId) =>
      Promise.resolve([...shardsOf(runId).values()].sort((left, right) => (left.value.id < right.value.id ? -1 : 1))),
    replaceShard: (runId, shard, next) => Promise.resolve(replaceIn(shardsOf(runId), next.id, shard, versioned(next))),
  };
}

function replaceIn<T>(
  values: Map<string, Versioned<T>>,
  key: string,
  before: Versioned<T>,
  next: Versioned<T>,
): Versioned<T> | undefined {
  if (values.get(key)?.etag !== before.etag) return undefined;
  values.set(key, next);
  return next;
}
