import { randomUUID } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ContainerClient } from '@azure/storage-blob';
import { createPayloadContainer } from '../../../src/payloads/container/azureContainer';
import type { PayloadStore } from '../../../src/payloads/payloadStore';
import { folderFiles, reportFiles } from '../../../src/payloads/runs/pageFiles';
import { memoryRunStore } from '../../../src/payloads/runs/memoryRunStore';
import { readReport } from '../../../src/payloads/runs/readReport';
import type { Finding } from '../../../src/payloads/runs/reportStore';
import type { RunRequest } from '../../../src/payloads/runs/run';
import { type RunView, viewRun } from '../../../src/payloads/runs/runView';
import { DEFAULT_LIMITS, type ReconcileLimits, type ReconcileServices } from '../../../src/payloads/runs/services';
import { startRun } from '../../../src/payloads/runs/startRun';
import { workThrough } from '../../../src/payloads/runs/workThrough';

export const untilTheTestEnds = new AbortController().signal;

export const limitsOfTests: ReconcileLimits = { ...DEFAULT_LIMITS, drainMs: 2000, drainPollMs: 20 };

/** Everything of a run that a test may want to replace. */
export function reconcileServices(store: PayloadStore, change: Partial<ReconcileServices> = {}): ReconcileServices {
  return {
    runs: memoryRunStore(),
    reports: reportFiles(folderFiles(mkdtempSync(join(tmpdir(), 'reconcile-report-')))),
    openStore: () => store,
    sharedContainers: () => [],
    limits: limitsOfTests,
    reporter: {},
    clock: () => new Date(),
    monotonicMs: () => performance.now(),
    newId: randomUUID,
    ...change,
  };
}

export const reportRequest: RunRequest = {
  tenantId: 'default',
  dsId: 'default',
  mode: 'report',
  graceMs: 0,
  includeTombstones: false,
  audit: false,
  overrides: {},
};

export interface FinishedRun {
  readonly view: RunView;
  readonly findings: readonly Finding[];
}

/** Starts a run and works on it until it has ended. */
export async function runToTheEnd(
  services: ReconcileServices,
  request: Partial<RunRequest> = {},
): Promise<FinishedRun> {
  const { run, followUps } = await startRun(services, { ...reportRequest, ...request });
  await workThrough(services, followUps, untilTheTestEnds);
  return finished(services, run.id);
}

export async function finished(services: ReconcileServices, runId: string): Promise<FinishedRun> {
  const run = await services.runs.read(runId, untilTheTestEnds);
  if (run === undefined) throw new Error('The run is gone');
  const shards = (await services.runs.readShards(runId, untilTheTestEnds)).map(({ value }) => value);
  const findings: Finding[] = [];
  for await (const page of readReport(services, run.value, untilTheTestEnds)) findings.push(...page.findings);
  return { view: viewRun(run.value, shards, services.clock()), findings };
}

/** Stores empty payloads of these names, many at once. */
export async function putBlobs(container: ContainerClient, names: readonly string[]): Promise<void> {
  const waiting = [...names];
  const work = async (): Promise<void> => {
    for (let name = waiting.pop(); name !== undefined; name = waiting.pop())
      await container.getBlockBlobClient(name).upload('{}', 2);
  };
  await Promise.all(Array.from({ length: 16 }, work));
}

/** Dates of the storage are whole seconds: what was stored before this returns is older than what it answers. */
export async function nextSecondOfStorage(client: ContainerClient): Promise<void> {
  const container = createPayloadContainer(client);
  const before = await container.storageDate(untilTheTestEnds);
  while ((await container.storageDate(untilTheTestEnds)) <= before)
    await new Promise((resolve) => setTimeout(resolve, 50));
}

export async function namesIn(container: ContainerClient): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const { name } of container.listBlobsFlat()) names.push(name);
  return names;
}
