import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ContainerClient } from '@azure/storage-blob';
import { createPayloadContainer } from '../../src/payloads/container/azureContainer';
import { openPostgres } from '../../src/payloads/database/postgresDatabase';
import { createPostgresFhirDatabase } from '../../src/payloads/database/postgresFhirDatabase';
import type { FhirDatabase } from '../../src/payloads/database/fhirDatabase';
import { advance } from '../../src/payloads/runs/advance';
import { memoryRunStore } from '../../src/payloads/runs/memoryRunStore';
import { folderFiles, reportFiles } from '../../src/payloads/runs/pageFiles';
import type { RunRequest } from '../../src/payloads/runs/run';
import { viewRun } from '../../src/payloads/runs/runView';
import { DEFAULT_LIMITS, type ReconcileServices } from '../../src/payloads/runs/services';
import { startRun } from '../../src/payloads/runs/startRun';
import type { FollowUp } from '../../src/payloads/runs/steps';
import { workThrough } from '../../src/payloads/runs/workThrough';
import type { DatabaseAddress } from './payloadDatabases';
import type { WorkDone } from './javaToolsWay';

export interface OurRunOptions {
  readonly mode: 'report' | 'delete';
  /** 1: one slice after another over all names, as the command line works; more: over shards, as the workers of the queue do. */
  readonly workers: number;
  readonly deletes: 'single' | 'batch';
}

const GRACE_MS = 3_600_000;
const EVERYTHING = { 'orphan-share': 100, 'orphan-count': Number.MAX_SAFE_INTEGER };

/** A run of Reconcile from its start to its end, guards and report included, with everything of the product but the queue and its table. */
export async function ourRun(
  client: ContainerClient,
  address: DatabaseAddress,
  { mode, workers, deletes }: OurRunOptions,
): Promise<WorkDone> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-reconcile-'));
  const database = openDatabase(address);
  const container = createPayloadContainer(client, { deletes });
  const services: ReconcileServices = {
    runs: memoryRunStore(),
    reports: reportFiles(folderFiles(folder)),
    openStore: (tenantId, dsId) => ({ tenantId, dsId, container, database }),
    sharedContainers: () => [],
    limits: { ...DEFAULT_LIMITS, fanOut: workers > 1 },
    reporter: {},
    clock: () => new Date(),
    monotonicMs: () => performance.now(),
    newId: randomUUID,
  };
  const { signal } = new AbortController();
  const request: RunRequest = {
    ...{ tenantId: 'default', dsId: 'default', mode, graceMs: GRACE_MS },
    ...{ includeTombstones: false, audit: false, overrides: EVERYTHING },
  };
  try {
    const { run, followUps } = await startRun(services, request);
    if (workers === 1) await workThrough(services, followUps, signal);
    else await workTogether(services, followUps, workers, signal);
    return await workDone(services, run.id, signal);
  } finally {
    await database.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

export function openDatabase(address: DatabaseAddress): FhirDatabase {
  const connection = { ...address, sslMode: 'disable' } as const;
  return createPostgresFhirDatabase(openPostgres({ connection }), { schema: 'fhirdata', description: 'a benchmark' });
}

async function workDone(services: ReconcileServices, runId: string, signal: AbortSignal): Promise<WorkDone> {
  const run = await services.runs.read(runId, signal);
  if (run === undefined) throw new Error('The run is gone');
  const shards = (await services.runs.readShards(runId, signal)).map(({ value }) => value);
  const { state, guards, problem, totals } = viewRun(run.value, shards, services.clock());
  if (state !== 'complete') throw new Error(`The run ended ${state}: ${JSON.stringify({ problem, guards })}`);

  return { names: totals.listed ?? 0, orphans: totals.orphans, deleted: totals.deleted ?? 0 };
}

/** Slices at once, each as a worker of the queue takes it. A delay is waited for by the worker, because nothing else is to be done. */
async function workTogether(
  services: ReconcileServices,
  first: readonly FollowUp[],
  workers: number,
  signal: AbortSignal,
): Promise<void> {
  const waiting = [...first];
  const working = new Set<Promise<void>>();
  const work = async ({ message, delayMs }: FollowUp): Promise<void> => {
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
    waiting.push(...(await advance(services, message, signal)));
  };
  while (waiting.length > 0 || working.size > 0) {
    for (const next of waiting.splice(0, workers - working.size)) {
      const slice: Promise<void> = work(next).finally(() => working.delete(slice));
      working.add(slice);
    }
    await Promise.race(working);
  }
}
