import type { PayloadContainer } from '../../src/payloads/container/payloadContainer';
import type { Database } from '../../src/payloads/database/database';
import type { FhirDatabase } from '../../src/payloads/database/fhirDatabase';
import { createPostgresFhirDatabase } from '../../src/payloads/database/postgresFhirDatabase';
import { reportFiles, type TextFiles } from '../../src/payloads/runs/pageFiles';
import type { ReportStore } from '../../src/payloads/runs/reportStore';
import type { RunStore } from '../../src/payloads/runs/runStore';
import type { StorageClock } from './clock';
import { DRAIN, type Slice } from './gates';
import { SCHEMA, type World } from './world';

/** The engine's surroundings as one slice meets them. */
export interface Surroundings {
  readonly container: PayloadContainer;
  readonly database: FhirDatabase;
}

/** What the engine deletes, as the storage has answered it. */
export type OnDelete = (name: string) => void;

/** Takes the storage's dates from the clock of the race. ETags, lists and deletes are real ones. */
export function containerOnClock(
  { container }: World,
  clock: StorageClock,
  metadata: Map<string, string>,
  onDelete: OnDelete,
): PayloadContainer {
  return {
    ...container,
    exists: () => Promise.resolve(true),
    undo: () => Promise.resolve({ softDeleteDays: 7, versioning: undefined }),
    storageDate: () => Promise.resolve(clock.date()),
    list: async (request, signal) => {
      const page = await container.list(request, signal);
      return {
        ...page,
        blobs: page.blobs.map((blob) => ({ ...blob, lastModified: clock.lastModified(blob.etag) })),
      };
    },
    deleteManyUnchanged: async (blobs, signal) => {
      const outcomes = await container.deleteManyUnchanged(blobs, signal);
      outcomes.forEach(({ kind }, place) => {
        if (kind === 'deleted') onDelete(blobs[place]!.name);
      });
      return outcomes;
    },
    metadata: () => Promise.resolve(Object.fromEntries(metadata)),
    setMetadata: (next) => {
      metadata.clear();
      for (const [name, value] of Object.entries(next)) metadata.set(name, value);
      return Promise.resolve();
    },
  };
}

/** What does not change during a race is asked once. */
export function postgresOf(database: Database, once: Pick<FhirDatabase, 'resourceTypes'>): FhirDatabase {
  return {
    ...createPostgresFhirDatabase(database, { schema: SCHEMA, description: 'race' }),
    resourceTypes: once.resourceTypes,
    otherSchemas: () => Promise.resolve([]),
  };
}

/** A gate before each request to the storage. */
export function gatedContainer(slice: Slice, inner: PayloadContainer): PayloadContainer {
  return {
    ...inner,
    storageDate: (signal) => slice.pass('reads the date of the storage', () => inner.storageDate(signal)),
    list: (request, signal) => slice.pass('lists', () => inner.list(request, signal)),
    properties: (name, signal) => slice.pass('asks for a blob', () => inner.properties(name, signal)),
    deleteManyUnchanged: (blobs, signal) => slice.pass('deletes', () => inner.deleteManyUnchanged(blobs, signal)),
  };
}

/** A gate before each deciding question, and before each turn of the drain. */
export function gatedDatabase(slice: Slice, inner: FhirDatabase, database: Database): FhirDatabase {
  const turnByTurn: Database = {
    ...database,
    readOnly: (work, timeoutMs) => slice.pass(DRAIN, () => database.readOnly(work, timeoutMs)),
  };
  return {
    ...inner,
    drain: postgresOf(turnByTurn, inner).drain,
    state: () => slice.pass('reads the state of the database', inner.state),
    look: (query) => slice.pass('looks', () => inner.look(query)),
    sampleRows: (...asked) => slice.pass('samples rows', () => inner.sampleRows(...asked)),
  };
}

export function gatedRuns(slice: Slice, inner: RunStore): RunStore {
  return {
    ...inner,
    read: (id, signal) => slice.pass('reads the run', () => inner.read(id, signal)),
    replace: (run, next) => slice.pass('saves the run', () => inner.replace(run, next)),
    createShards: (id, shards, signal) => slice.pass('saves shards', () => inner.createShards(id, shards, signal)),
    readShard: (id, shard, signal) => slice.pass('reads a shard', () => inner.readShard(id, shard, signal)),
    readShards: (id, signal) => slice.pass('reads shards', () => inner.readShards(id, signal)),
    replaceShard: (id, shard, next) => slice.pass('saves a shard', () => inner.replaceShard(id, shard, next)),
  };
}

export function reportsInMemory(): ReportStore {
  const texts = new Map<string, string>();
  const files: TextFiles = {
    write: (name, text) => Promise.resolve(void texts.set(name, text)),
    read: (name) => Promise.resolve(texts.get(name)),
  };
  return reportFiles(files);
}
