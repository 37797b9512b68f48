import type { HostSettings } from './hostSettings';
import type { FunctionInvoker } from './invocation';
import type { HostLogger } from './logs';
import type { StatisticsCounter } from './statistics';
import type { StorageQueues } from './storageQueues';

/** What the listeners of one host share. */
export interface HostContext {
  readonly settings: HostSettings;
  readonly storage: StorageQueues;
  readonly statistics: StatisticsCounter;
  readonly logger: HostLogger;
  readonly invoker: FunctionInvoker;
  readonly leaseSeconds: number;
  /** True when what is running must not be completed any more. */
  readonly isAbandoned: () => boolean;
  readonly wake: (queueName?: string) => void;
}
