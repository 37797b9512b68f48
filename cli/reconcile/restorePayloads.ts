import type { QuarantineContainer, RestoreOutcome } from '../../src/payloads/container/payloadContainer';
import type { RestoreAction } from './commandLine';
import { exitCodes, type Console, type ExitCode } from './console';

/**
 * Brings back what a run has put into quarantine, marked to be kept by later runs. A payload that is there is never written over.
 * @returns failure when something that was asked for is not back
 */
export async function restorePayloads(
  quarantine: Pick<QuarantineContainer, 'name' | 'list' | 'restore'>,
  { runId, payloadName }: Pick<RestoreAction, 'runId' | 'payloadName'>,
  dryRun: boolean,
  { tell, print }: Console,
  signal: AbortSignal,
): Promise<ExitCode> {
  const counts: Record<RestoreOutcome['kind'] | 'found', number> = {
    found: 0,
    restored: 0,
    occupied: 0,
    gone: 0,
    failed: 0,
  };
  for await (const payload of quarantine.list(runId, signal)) {
    if (payloadName !== undefined && payload.name !== payloadName) continue;
    counts.found += 1;
    if (dryRun) {
      tell(`Would restore payload ${payload.name}`);
      continue;
    }
    const outcome = await quarantine.restore(payload, true, signal);
    counts[outcome.kind] += 1;
    tell(lineOf(payload.name, outcome));
  }
  if (counts.found === 0) tell(`The quarantine ${quarantine.name} holds nothing of that from the run ${runId}`);
  print(`${JSON.stringify({ runId, quarantine: quarantine.name, dryRun, ...counts })}\n`);
  const isBack = counts.found > 0 && counts.occupied + counts.failed + counts.gone === 0;
  return isBack ? exitCodes.clean : exitCodes.failure;
}

function lineOf(name: string, outcome: RestoreOutcome): string {
  switch (outcome.kind) {
    case 'restored':
      return `Restored payload ${name}`;
    case 'occupied':
      return `[FAILED] ${name}: there is a payload of this name, which is never written over`;
    case 'gone':
      return `[FAILED] ${name}: it has left the quarantine meanwhile`;
    case 'failed':
      return `[FAILED] ${name}: ${outcome.code}`;
  }
}
