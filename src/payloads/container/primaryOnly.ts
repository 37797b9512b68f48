import { ContainerClient, type StoragePipelineOptions } from '@azure/storage-blob';

/** Options under which no read goes to the secondary endpoint of the account, whose lists and dates are old. */
export function withoutSecondary(options: StoragePipelineOptions = {}): StoragePipelineOptions {
  return { ...options, retryOptions: { ...options.retryOptions, secondaryHost: '' } };
}

/** @returns a client for the same container with the same credential */
export function primaryOnly(client: ContainerClient, options: StoragePipelineOptions = {}): ContainerClient {
  return new ContainerClient(client.url, client.credential, withoutSecondary(options));
}
