import { payloadBlobName, readBlobName, type PayloadKey } from '../blobName';
import type { ResourceType } from '../database/resourceTypes';
import type { PayloadStore } from '../payloadStore';
import type { Run, RunPlan, Shard } from './run';

/** Names with row and blob, by the name of their type. */
export type CanaryNames = Readonly<Record<string, readonly string[]>>;

const SAMPLE = 10;

/**
 * A scan that goes on behind the ok names of a type, or that ends before them, has no witness for its orphans: rows whose blobs are there
 * are as good.
 */
export async function sampleCanaries(
  { database, container }: PayloadStore,
  types: readonly ResourceType[],
  { cutoff }: RunPlan,
  signal: AbortSignal,
): Promise<CanaryNames> {
  const found: Record<string, readonly string[]> = {};
  for (const type of types) {
    const rows = await database.sampleRows(type, new Date(cutoff), SAMPLE);
    const present = await stillStored(container, rows, signal);
    if (present.length > 0) found[type.name] = present.map(payloadBlobName);
  }
  return found;
}

/** @returns those of the payloads whose blob is there: one that was erased is no witness any more, a row that is hidden still has its blob */
export async function stillStored(
  container: PayloadStore['container'],
  payloads: readonly PayloadKey[],
  signal: AbortSignal,
): Promise<readonly PayloadKey[]> {
  const heads = await Promise.all(payloads.map((payload) => container.properties(payloadBlobName(payload), signal)));
  return payloads.filter((_, place) => heads[place] !== undefined);
}

/** Over all shards: a part of a type may have no payload that is ok. */
export function canariesByType(run: Run, shards: readonly Shard[]): ReadonlyMap<number, readonly PayloadKey[]> {
  const names = [run.canaries ?? {}, ...shards.map(({ canaries }) => canaries)].flatMap((byType) =>
    Object.values(byType).flat(),
  );
  const canaries = new Map<number, PayloadKey[]>();
  for (const name of names) {
    const reading = readBlobName(name);
    if (reading.kind !== 'payload') continue;
    const { typeId } = reading.payload;
    canaries.set(typeId, [...(canaries.get(typeId) ?? []), reading.payload]);
  }
  return canaries;
}
