import type { PayloadContainer } from '../../src/payloads/container/payloadContainer';
import {
  InvalidPayloadPath,
  parsePayloadPath,
  payloadLine,
  PayloadNotFound,
  blobNameOf,
  readPayloads,
  type PayloadPath,
  type TypeNames,
} from '../../src/payloads/readPayload';
import { exitCodes, type Console, type ExitCode } from './console';
import { UsageError } from './usageError';

/**
 * @param types undefined: no database was given, so that types are known by their id only
 * @throws UsageError
 */
export function parseReadPaths(texts: readonly string[], types: TypeNames): readonly PayloadPath[] {
  return texts.map((text) => {
    try {
      return parsePayloadPath(text, types);
    } catch (error) {
      if (error instanceof InvalidPayloadPath) throw new UsageError(`--read: ${error.message}`);
      throw error;
    }
  });
}

/**
 * Prints each payload in a line as the Java tool does. One that is not there does not keep later ones from being read.
 * @returns failure when a payload that was named in full is not there
 */
export async function printPayloads(
  container: PayloadContainer,
  paths: readonly PayloadPath[],
  types: TypeNames,
  { tell, print }: Console,
  signal: AbortSignal,
): Promise<ExitCode> {
  let code: ExitCode = exitCodes.clean;
  for (const path of paths) {
    if (path.key === undefined) tell(`Scanning all entries with prefix: '${blobNameOf(path)}'`);
    try {
      for await (const payload of readPayloads(container, path, signal)) print(`${payloadLine(payload, types)}\n`);
    } catch (error) {
      if (!(error instanceof PayloadNotFound)) throw error;
      tell(error.message);
      code = exitCodes.failure;
    }
  }
  return code;
}
