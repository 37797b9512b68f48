import { readBlobName } from '../../src/payloads/blobName';
import type { PayloadContainer } from '../../src/payloads/container/payloadContainer';
import type { ResourceType } from '../../src/payloads/database/resourceTypes';
import { blobNameOrPrefix, type PayloadPath } from '../../src/payloads/payloadPath';
import { CommandFailure, exitCodes, type Console, type ExitCode } from './console';

export interface ReadDependencies {
  readonly container: Pick<PayloadContainer, 'name' | 'list' | 'read'>;
  /** undefined: no database was given, so types are shown by their id */
  readonly types: ReadonlyMap<number, ResourceType> | undefined;
  readonly console: Console;
}

const PAGE_SIZE = 1000;

/**
 * Prints each payload as `Type/id/version/key: payload`, as the Java tool does. A payload that is not there does not keep later ones from being read.
 * @returns failure when a payload that was named in full is not there
 * @throws CommandFailure when the database has no such type
 */
export async function readPayloads(
  dependencies: ReadDependencies,
  paths: readonly PayloadPath[],
  signal: AbortSignal,
): Promise<ExitCode> {
  let code: ExitCode = exitCodes.clean;
  for (const path of paths) {
    const { kind, text } = blobNameOrPrefix(typeIdOf(path, dependencies.types), path);
    if (kind === 'prefix') await printAll(dependencies, text, signal);
    else if (!(await printOne(dependencies, text, signal))) {
      dependencies.console.tell(`blob fetch failed: ${dependencies.container.name}:${text}`);
      code = exitCodes.failure;
    }
  }
  return code;
}

function typeIdOf({ type }: PayloadPath, types: ReadDependencies['types']): number {
  if (type.kind === 'id') return type.id;
  const found = [...(types?.values() ?? [])].find(({ name }) => name === type.name);
  if (found === undefined) throw new CommandFailure(`--read: the database has no resource type ${type.name}`);
  return found.id;
}

async function printAll(dependencies: ReadDependencies, prefix: string, signal: AbortSignal): Promise<void> {
  const { container, console } = dependencies;
  console.tell(`Scanning all entries with prefix: '${prefix}'`);
  let marker: string | undefined;
  do {
    const page = await container.list({ prefix, marker, pageSize: PAGE_SIZE }, signal);
    for (const { name } of page.blobs) await printOne(dependencies, name, signal);
    marker = page.nextMarker;
  } while (marker !== undefined);
}

async function printOne(
  { container, types, console }: ReadDependencies,
  name: string,
  signal: AbortSignal,
): Promise<boolean> {
  const body = await container.read(name, signal);
  if (body === undefined) return false;
  console.print(Buffer.concat([Buffer.from(`${shownName(name, types)}: `), body, Buffer.from('\n')]));
  return true;
}

/** Names that the server does not write are shown as they are. */
function shownName(name: string, types: ReadDependencies['types']): string {
  const reading = readBlobName(name);
  if (reading.kind !== 'payload') return name;
  const { typeId, logicalId, version, key } = reading.payload;
  return `${types?.get(typeId)?.name ?? typeId}/${logicalId}/${version}/${key}`;
}
