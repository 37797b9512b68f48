import type { QuarantineContainer } from './container/payloadContainer';

export interface RestoreRequest {
  readonly runId: string;
  /** names of payloads; undefined: all of the run */
  readonly names?: readonly string[] | undefined;
  /** whether no scan shall take them for orphans again */
  readonly keep: boolean;
  readonly dryRun: boolean;
  readonly timeLimitMs: number;
}

export interface RestoreSummary {
  readonly dryRun: boolean;
  /** of a dry run: those that would be restored */
  readonly restored: number;
  /** there is a payload of the name, which is never written over */
  readonly occupied: readonly string[];
  readonly failed: readonly { readonly name: string; readonly code: string }[];
  /** false: the time was up; send the same request again */
  readonly complete: boolean;
}

/** Brings payloads of a run back from quarantine. A repeat goes on where it was. */
export async function restorePayloads(
  quarantine: QuarantineContainer,
  request: RestoreRequest,
  signal: AbortSignal,
): Promise<RestoreSummary> {
  const startedMs = performance.now();
  const wanted = request.names === undefined ? undefined : new Set(request.names);
  const occupied: string[] = [];
  const failed: { name: string; code: string }[] = [];
  let restored = 0;
  const summary = (complete: boolean): RestoreSummary => ({
    dryRun: request.dryRun,
    restored,
    occupied,
    failed,
    complete,
  });
  for await (const payload of quarantine.list(request.runId, signal)) {
    if (wanted?.has(payload.name) === false) continue;
    if (performance.now() - startedMs > request.timeLimitMs) return summary(false);
    if (request.dryRun) {
      restored += 1;
      continue;
    }
    const outcome = await quarantine.restore(payload, request.keep, signal);
    switch (outcome.kind) {
      case 'restored':
        restored += 1;
        break;
      case 'occupied':
        occupied.push(payload.name);
        break;
      case 'failed':
        failed.push({ name: payload.name, code: outcome.code });
        break;
      // Somebody else restored it meanwhile.
      case 'gone':
    }
  }
  return summary(true);
}
