import type { PayloadContainer } from '../../src/payloads/container/payloadContainer';
import type { Console } from './console';

/** Creates the container of the payloads, private, unless it is there or this is a dry run. Its lines are those of the Java tool. */
export async function createContainer(
  container: Pick<PayloadContainer, 'name' | 'exists' | 'create'>,
  dryRun: boolean,
  { tell }: Console,
  signal: AbortSignal,
): Promise<void> {
  if (await container.exists(signal)) {
    tell(`Container already exists: ${container.name}`);
    return;
  }
  tell(`${dryRun ? '[dry-run] ' : ''}Creating container: ${container.name}`);
  if (dryRun) return;
  tell((await container.create(signal)) ? 'Container created' : `Container already exists: ${container.name}`);
}
