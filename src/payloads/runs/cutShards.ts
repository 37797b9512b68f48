import type { ResourceType } from '../database/resourceTypes';
import { isDeepStrictEqual } from 'node:util';
import { readToken } from './continuationToken';
import { newShard, type Run, type Shard } from './run';
import {
  continueFrom,
  cutIntoShards,
  EVERY_NAME,
  lowWater,
  shardsOfTypes,
  type StartedRange,
  type TypeSize,
} from './shardRanges';
import type { RunWork } from './steps';

/** A request names a resource type that the database does not have. */
export class UnknownResourceType extends Error {
  readonly code = 'UnknownResourceType';
  override readonly name = 'UnknownResourceType';
  constructor(type: string) {
    super(`The database has no resource type ${type}`);
  }
}

/**
 * The shards of a run. One that continues an earlier run takes over its unfinished shards with their cursors,
 * or cuts the names anew and leaves out what was judged.
 * @throws InvalidToken
 * @throws UnknownResourceType
 */
export async function cutShards(work: RunWork, types: ReadonlyMap<number, ResourceType>): Promise<readonly Shard[]> {
  const run = work.run.value;
  const { continuationToken } = run.request;
  if (continuationToken === undefined)
    return numbered((await rangesOf(work, types)).map((range) => ({ range, cursor: {} })));
  const point = readToken(continuationToken, tokenTarget(run));
  const before = await work.services.runs.readShards(point.runId, work.signal);
  const unfinished = before.filter(({ value }) => !value.scanned);
  if (unfinished.length > 0) return numbered(unfinished.map(({ value }) => value));
  return numbered(continueFrom(await rangesOf(work, types), point));
}

export function tokenTarget({ account, container, request }: Run) {
  const { tenantId, dsId, mode, resourceTypes } = request;
  return { account, container, tenantId, dsId, mode, resourceTypes };
}

/** Those that begin at the lowest name get on in any case: more than one may, because the names between types are a shard too. */
function numbered(ranges: readonly StartedRange[]): readonly Shard[] {
  const shards = ranges.map(({ range, cursor }, place) => newShard(String(place).padStart(4, '0'), range, cursor));
  const lowest = lowWater(shards);
  return shards.map((shard) => ({ ...shard, isLowest: isDeepStrictEqual(lowWater([shard]), lowest) }));
}

async function rangesOf({ services, store, run, signal }: RunWork, types: ReadonlyMap<number, ResourceType>) {
  const { resourceTypes } = run.value.request;
  const canFanOut = services.limits.fanOut && (await store.container.canStartFrom(signal));
  if (resourceTypes !== undefined) {
    const wanted = resourceTypes.map((name) => typeNamed(types, name));
    return shardsOfTypes(await sizesOf(store, wanted, canFanOut));
  }
  if (!canFanOut) return [EVERY_NAME];
  const present = new Set(await store.container.rootSegments(signal));
  const inContainer = [...types.values()].filter(({ id }) => present.has(`${id}/`));
  return cutIntoShards(await sizesOf(store, inContainer, true));
}

function typeNamed(types: ReadonlyMap<number, ResourceType>, name: string): ResourceType {
  const found = [...types.values()].find((type) => type.name === name);
  if (found === undefined) throw new UnknownResourceType(name);
  return found;
}

async function sizesOf(
  { database }: RunWork['store'],
  types: readonly ResourceType[],
  canSplit: boolean,
): Promise<readonly TypeSize[]> {
  const rows = canSplit ? await database.estimatedRows() : new Map<number, number>();
  return Promise.all(
    types.map(async (type) => {
      const size = rows.get(type.id);
      return {
        typeId: type.id,
        rows: size,
        bounds: size === undefined ? [] : await database.logicalIdBounds(type),
      };
    }),
  );
}
