import type { Run, Shard } from './run';

/** A value as it was read, with the version that a replacement must name. */
export interface Versioned<T> {
  readonly value: T;
  readonly etag: string;
}

/** The rows of the runs. Each is replaced as a whole, and only if nobody did in between. */
export interface RunStore {
  create(run: Run): Promise<void>;
  read(runId: string, signal: AbortSignal): Promise<Versioned<Run> | undefined>;
  /** @returns undefined when somebody else replaced it first */
  replace(run: Versioned<Run>, next: Run): Promise<Versioned<Run> | undefined>;
  /** Newest first. */
  list(request: ListRuns, signal: AbortSignal): Promise<RunPage>;
  /**
   * Writes all of the shards, at most 100, or none of them: two plans of one run must not mix.
   * @returns false when there are shards already
   */
  createShards(runId: string, shards: readonly Shard[], signal: AbortSignal): Promise<boolean>;
  readShard(runId: string, shardId: string, signal: AbortSignal): Promise<Versioned<Shard> | undefined>;
  /** In the order of their ids. */
  readShards(runId: string, signal: AbortSignal): Promise<readonly Versioned<Shard>[]>;
  /** @returns undefined when somebody else replaced it first */
  replaceShard(runId: string, shard: Versioned<Shard>, next: Shard): Promise<Versioned<Shard> | undefined>;
}

export interface ListRuns {
  readonly top: number;
  readonly continuationToken?: string | undefined;
}

export interface RunPage {
  readonly items: readonly Run[];
  readonly continuationToken?: string;
}
