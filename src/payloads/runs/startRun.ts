import { readToken } from './continuationToken';
import { tokenTarget } from './cutShards';
import type { Run, RunRequest } from './run';
import type { ReconcileServices } from './services';
import { runSlice, type FollowUp } from './steps';

/** Deletes need a grace that no request outlasts. */
export const LEAST_GRACE_OF_DELETES_MS = 15 * 60_000;

/** A request cannot be run as it is; the message names the field and what was expected. */
export class InvalidRunRequest extends Error {
  readonly code = 'InvalidRunRequest';
  override readonly name = 'InvalidRunRequest';
  constructor(
    readonly field: string,
    readonly expected: string,
  ) {
    super(`${field}: expected ${expected}`);
  }
}

/**
 * Writes the row of a run; the first slice plans it.
 * @throws InvalidRunRequest
 * @throws UnknownStore
 * @throws InvalidToken
 */
export async function startRun(
  services: Pick<ReconcileServices, 'runs' | 'openStore' | 'clock' | 'newId'>,
  request: RunRequest,
): Promise<{ readonly run: Run; readonly followUps: readonly FollowUp[] }> {
  const store = services.openStore(request.tenantId, request.dsId);
  if (request.mode === 'quarantine' && store.quarantine === undefined)
    throw new InvalidRunRequest('quarantine', 'a quarantine container in the configuration');
  if (request.audit && (request.resourceTypes !== undefined || request.continuationToken !== undefined))
    throw new InvalidRunRequest('audit', 'a scan of everything, without resourceTypes and continuationToken');
  const startedAt = services.clock();
  const run: Run = {
    id: `${startedAt.toISOString().replace(/[-:]|\.\d+/g, '')}-${services.newId().slice(0, 8)}`,
    request,
    account: store.container.account,
    container: store.container.name,
    state: 'scanning',
    startedAt: startedAt.toISOString(),
    cancelRequested: false,
    stoppedByGuard: false,
    reserved: {},
    deleteBound: 0,
    guards: [],
    warnings: [],
    unprovenTypes: [],
  };
  if (request.continuationToken !== undefined) readToken(request.continuationToken, tokenTarget(run));
  await services.runs.create(run);
  return { run, followUps: [runSlice(run.id)] };
}

/** @returns false when there is no such run. One that has ended stays as it is. */
export async function cancelRun(
  { runs }: Pick<ReconcileServices, 'runs'>,
  runId: string,
  signal: AbortSignal,
): Promise<boolean> {
  for (;;) {
    const run = await runs.read(runId, signal);
    if (run === undefined) return false;
    if (run.value.endedAt !== undefined || run.value.cancelRequested) return true;
    if ((await runs.replace(run, { ...run.value, cancelRequested: true })) !== undefined) return true;
  }
}
