import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { BlobServiceClient, type ContainerClient } from '@azure/storage-blob';
import { sampleHeap } from '../processes/heapSamples';
import { serveParent } from '../processes/serveParent';
import type { ContainerAddress } from './azuriteStore';
import { generatedPayloads } from './generatedPayloads';
import { javaToolsWay, type JavaToolsOptions, type WorkDone } from './javaToolsWay';
import { ourListing, sdkListing } from './listings';
import { orLookup, ourLookup } from './lookups';
import { ourRun, type OurRunOptions } from './ourRun';
import type { DatabaseAddress } from './payloadDatabases';

/** One contestant in a process of its own: its CPU time and memory are those of its work alone. */

export type Task =
  | { readonly kind: 'our listing' | 'SDK listing'; readonly store: ContainerAddress }
  | ({ readonly kind: 'our run'; readonly store: ContainerAddress; readonly database: DatabaseAddress } & OurRunOptions)
  | ({
      readonly kind: 'old way';
      readonly store: ContainerAddress;
      readonly database: DatabaseAddress;
    } & JavaToolsOptions)
  | { readonly kind: 'our lookup' | 'OR lookup'; readonly payloads: number; readonly database: DatabaseAddress };

export interface Figures extends WorkDone {
  readonly wallMs: number;
  /** of this process */
  readonly cpuMs: number;
  /** the most that the process held during the work, of what the machine has */
  readonly peakMemoryMb: number;
  /** what it held in the last quarter of the time, of what it held in the second: 1 where that is flat */
  readonly memoryGrowth: number;
}

const SAMPLE_MS = 20;
const MEGABYTE = 1024 * 1024;

setFlagsFromString('--expose-gc');
/** So that nobody pays for what the work before left behind. */
const collectGarbage = runInNewContext('gc') as () => void;

function work(task: Task): () => Promise<WorkDone> {
  switch (task.kind) {
    case 'our listing':
      return listing(task.store, ourListing);
    case 'SDK listing':
      return listing(task.store, sdkListing);
    case 'our run':
      return () => ourRun(clientOf(task.store), task.database, task);
    case 'old way':
      return () => javaToolsWay(clientOf(task.store), task.database, task);
    case 'our lookup':
    case 'OR lookup': {
      const lookUp = task.kind === 'our lookup' ? ourLookup : orLookup;
      const payloads = generatedPayloads(task.payloads);
      return () => lookUp({ database: task.database, payloads });
    }
  }
}

function listing(store: ContainerAddress, list: (container: ContainerClient) => Promise<number>) {
  return async () => ({ names: await list(clientOf(store)), orphans: 0, deleted: 0 });
}

function clientOf({ connectionString, container }: ContainerAddress): ContainerClient {
  return BlobServiceClient.fromConnectionString(connectionString).getContainerClient(container);
}

const mostOf = (bytes: readonly number[]): number => bytes.reduce((most, each) => Math.max(most, each), 0) / MEGABYTE;

const operations = {
  async work(task: Task): Promise<Figures> {
    const begin = work(task);
    collectGarbage();
    const held = [process.memoryUsage.rss()];
    const sampling = setInterval(() => held.push(process.memoryUsage.rss()), SAMPLE_MS);
    const heapFigures = sampleHeap();
    const cpu = process.cpuUsage();
    const started = performance.now();
    const done = await begin();
    const wallMs = performance.now() - started;
    const { user, system } = process.cpuUsage(cpu);
    clearInterval(sampling);
    return {
      ...{ ...done, wallMs, cpuMs: (user + system) / 1000 },
      ...{ peakMemoryMb: mostOf(held), memoryGrowth: heapFigures().growth },
    };
  },
  /** Looks up every payload and collects garbage after each page. */
  async heapOfLookup({
    payloads: count,
    database,
  }: {
    payloads: number;
    database: DatabaseAddress;
  }): Promise<HeapGrowth> {
    const payloads = generatedPayloads(count);
    const live: number[] = [];
    const onPage = (): void => {
      collectGarbage();
      live.push(process.memoryUsage().heapUsed / MEGABYTE);
    };
    await ourLookup({ payloads, database, onPage });
    return { pages: live.length, firstMb: live[1] ?? Number.NaN, lastMb: live.at(-1) ?? Number.NaN };
  },
};

export interface HeapGrowth {
  readonly pages: number;
  /** what lived after the second page and after the last one, once garbage was collected */
  readonly firstMb: number;
  readonly lastMb: number;
}

export type Contestant = typeof operations;

serveParent(operations);
