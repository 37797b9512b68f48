import type { QuarantineContainer } from '../../src/payloads/container/payloadContainer';
import { restorePayloads } from '../../src/payloads/restorePayloads';
import type { RestoreAction } from './commandLine';
import { exitCodes, type Console, type ExitCode } from './console';

/**
 * Brings back what a run has put into quarantine, marked to be kept by later runs, and prints a summary as JSON.
 * @returns failure when something that was asked for is not back, or not there
 */
export async function restore(
  quarantine: QuarantineContainer,
  { runId, payloadName }: Pick<RestoreAction, 'runId' | 'payloadName'>,
  dryRun: boolean,
  { tell, print }: Console,
  signal: AbortSignal,
): Promise<ExitCode> {
  const names = payloadName === undefined ? undefined : [payloadName];
  const request = { runId, names, keep: true, dryRun, timeLimitMs: Number.POSITIVE_INFINITY };
  const summary = await restorePayloads(quarantine, request, signal);
  const { restored, occupied, failed } = summary;
  for (const name of occupied) tell(`[FAILED] ${name}: there is a payload of this name, which is never written over`);
  for (const { name, code } of failed) tell(`[FAILED] ${name}: ${code}`);
  const left = occupied.length + failed.length;
  if (restored + left === 0) tell(`The quarantine ${quarantine.name} holds nothing of that from the run ${runId}`);
  print(`${JSON.stringify({ runId, quarantine: quarantine.name, ...summary }, undefined, 2)}\n`);
  return restored > 0 && left === 0 ? exitCodes.clean : exitCodes.failure;
}
