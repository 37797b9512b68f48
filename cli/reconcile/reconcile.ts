import { randomUUID } from 'node:crypto';
import { mkdtemp, open, rm, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GuardFinding } from '../../src/payloads/guards/guards';
import type { PayloadStore } from '../../src/payloads/payloadStore';
import { InvalidToken } from '../../src/payloads/runs/continuationToken';
import { memoryRunStore } from '../../src/payloads/runs/memoryRunStore';
import { findingLines, folderFiles, reportFiles } from '../../src/payloads/runs/pageFiles';
import { readReport } from '../../src/payloads/runs/readReport';
import type { RunRequest } from '../../src/payloads/runs/run';
import { viewRun, type RunView } from '../../src/payloads/runs/runView';
import { DEFAULT_LIMITS, type ReconcileServices } from '../../src/payloads/runs/services';
import { cancelRun, startRun } from '../../src/payloads/runs/startRun';
import type { ReconcileAction } from './commandLine';
import { CommandFailure, type Console, type ExitCode } from './console';
import { createContinuation, type Continuation } from './continuation';
import { tellProgress } from './progress';
import { exitCodeOf, tellEnd } from './runEnd';
import { UsageError } from './usageError';
import { workPersistently } from './workPersistently';

export interface ReconcileDependencies {
  readonly store: PayloadStore;
  /** datasources of the configuration that use the container too */
  readonly sharedContainers: readonly GuardFinding[];
  readonly console: Console;
  /** a first interrupt: stop after the page */
  readonly stop: AbortSignal;
  /** a second one: stop now */
  readonly abort: AbortSignal;
}

/**
 * Runs one reconciliation in this process, page after page, and prints its result as JSON.
 * @throws UsageError when the token cannot be continued from
 * @throws CommandFailure
 */
export async function reconcile(
  dependencies: ReconcileDependencies,
  action: ReconcileAction,
  dryRun: boolean,
): Promise<ExitCode> {
  const { store, console } = dependencies;
  const report = action.reportFile === undefined ? undefined : await openReport(action.reportFile);
  const folder = await mkdtemp(join(tmpdir(), 'reconcile-'));
  try {
    const request = requestOf(store, action, dryRun);
    const continuation = createContinuation(action.continuationToken);
    const { services, view } = await runToItsEnd(dependencies, request, {
      folder,
      continuation,
      pageSize: action.pageSize,
    });
    if (report !== undefined) await writeReport(services, view.runId, report, dependencies.abort);
    tellEnd(view, console.tell);
    const continuationToken = view.state === 'complete' ? undefined : continuation.last();
    console.print(`${JSON.stringify({ ...view, continuationToken }, undefined, 2)}\n`);
    return exitCodeOf(view);
  } finally {
    await report?.close();
    await rm(folder, { recursive: true, force: true });
  }
}

function requestOf({ tenantId, dsId }: PayloadStore, action: ReconcileAction, dryRun: boolean): RunRequest {
  const deleting = action.quarantine === undefined ? 'delete' : 'quarantine';
  const { includeTombstones, audit, overrides, resourceTypes, continuationToken, maxScanSeconds } = action;
  return {
    tenantId,
    dsId,
    mode: dryRun ? 'report' : deleting,
    graceMs: action.minAgeHours * 3_600_000,
    maxScanMs: maxScanSeconds === undefined ? undefined : maxScanSeconds * 1000,
    resourceTypes: resourceTypes === undefined ? undefined : [...new Set(resourceTypes)].sort(),
    ...{ includeTombstones, audit, overrides, continuationToken },
  };
}

async function runToItsEnd(
  { store, sharedContainers, console, stop, abort }: ReconcileDependencies,
  request: RunRequest,
  {
    folder,
    continuation,
    pageSize,
  }: { readonly folder: string; readonly continuation: Continuation; readonly pageSize: number },
): Promise<{ readonly services: ReconcileServices; readonly view: RunView }> {
  const progress = tellProgress({
    runs: memoryRunStore(),
    reports: reportFiles(folderFiles(folder)),
    continuation,
    tell: console.tell,
    signal: abort,
  });
  const services: ReconcileServices = {
    ...progress,
    openStore: () => store,
    sharedContainers: () => sharedContainers,
    // One shard, so that a token means what it meant to the Java tool: everything before it is done.
    limits: { ...DEFAULT_LIMITS, fanOut: false, pageSize },
    clock: () => new Date(),
    monotonicMs: () => performance.now(),
    newId: randomUUID,
  };
  const { run } = await startRun(services, request).catch((error: unknown) => {
    if (error instanceof InvalidToken) throw new UsageError(`--continuation-token: ${error.message}`);
    throw error;
  });
  const cancel = (): void => {
    console.tell('Stopping after this page; once more to stop at once');
    // The memory cannot fail, and a run that has just ended stays as it is.
    void cancelRun(services, run.id, abort);
  };
  stop.addEventListener('abort', cancel, { once: true });
  if (stop.aborted) cancel();
  try {
    await workPersistently(services, run.id, console.tell, abort);
  } finally {
    stop.removeEventListener('abort', cancel);
    await progress.told();
  }
  const ended = await services.runs.read(run.id, abort);
  if (ended === undefined) throw new CommandFailure('The run is lost');
  const shards = (await services.runs.readShards(run.id, abort)).map(({ value }) => value);
  return { services, view: viewRun(ended.value, shards, services.clock()) };
}

async function openReport(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'w');
  } catch {
    throw new CommandFailure(`--report: expected a file that can be written, but ${path} cannot`);
  }
}

async function writeReport(
  services: ReconcileServices,
  runId: string,
  report: FileHandle,
  signal: AbortSignal,
): Promise<void> {
  const run = await services.runs.read(runId, signal);
  if (run === undefined) return;
  for await (const page of readReport(services, run.value, signal)) await report.write(findingLines(page.findings));
}
