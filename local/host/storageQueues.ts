import { type QueueClient, QueueServiceClient } from '@azure/storage-queue';
import type { Environment } from './appSettings';
import { HostStartError } from './errors';

/** Short, so that a service that is down shows in the log and does not hold up a stop. */
const RETRIES = { maxTries: 3, retryDelayInMs: 200, maxRetryDelayInMs: 1_000 };

/** Queue clients by connection name, each service client made once. */
export class StorageQueues {
  private readonly services = new Map<string, QueueServiceClient>();

  constructor(private readonly environment: Environment) {}

  /**
   * A connection is the setting `AzureWebJobs<name>` or `<name>`, as in the real host; only connection strings are served.
   *
   * @throws {HostStartError} when there is no such setting, or it is no connection string.
   */
  queue(connection: string, queueName: string): QueueClient {
    const service = this.services.get(connection) ?? this.connect(connection);
    this.services.set(connection, service);
    return service.getQueueClient(queueName);
  }

  private connect(connection: string): QueueServiceClient {
    const value = this.environment[`AzureWebJobs${connection}`] ?? this.environment[connection];
    if (value === undefined || value === '') {
      throw new HostStartError(`Connection string '${connection}' does not exist: set the app setting ${connection}`);
    }
    try {
      return QueueServiceClient.fromConnectionString(value, { retryOptions: RETRIES });
    } catch {
      throw new HostStartError(`The setting ${connection} is not a valid storage connection string`);
    }
  }
}
