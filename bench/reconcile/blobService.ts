import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { BlobServiceClient, type ContainerClient } from '@azure/storage-blob';
import type { SeededAzurite } from './azuriteProcess';

export interface BlobService {
  readonly container: ContainerClient;
  stop(): Promise<void>;
}

/** Azurite in a process of its own with so many payloads. */
export async function startBlobService(payloads: number): Promise<BlobService> {
  const hook = join(__dirname, '..', '..', 'test', 'support', 'typescriptHook.cjs');
  const child = fork(join(__dirname, 'azuriteProcess.ts'), [String(payloads)], { execArgv: ['--require', hook] });
  const exited = once(child, 'exit');
  const [first] = (await Promise.race([once(child, 'message'), exited])) as unknown[];
  if (typeof first !== 'object' || first === null) throw new Error('The blob service ended before it was ready');
  const { connectionString, container } = first as SeededAzurite;
  return {
    container: BlobServiceClient.fromConnectionString(connectionString).getContainerClient(container),
    async stop() {
      child.disconnect();
      await exited;
    },
  };
}
