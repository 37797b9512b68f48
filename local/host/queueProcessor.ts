import type { QueueClient } from '@azure/storage-queue';
import { storageErrorCode } from './errors';
import type { QueueSettings } from './hostSettings';
import type { InvocationOutcome } from './invocation';
import type { HostLogger } from './logs';
import { decodeMessage } from './messageEncoding';
import { isLostReceipt, keepLeased } from './messageLease';
import type { LeasedMessage } from './queueTriggerMetadata';
import type { StatisticsCounter } from './statistics';

const POISON_SUFFIX = '-poison';
const QUEUE_NAME_MAX_LENGTH = 63;

/** Name of the poison queue; none for a poison queue itself, or when the name would be too long for the service. */
export function poisonQueueName(queueName: string): string | undefined {
  const name = queueName + POISON_SUFFIX;
  return queueName.endsWith(POISON_SUFFIX) || name.length > QUEUE_NAME_MAX_LENGTH ? undefined : name;
}

export interface QueueProcessorParts {
  readonly queue: QueueClient;
  readonly poisonQueue: QueueClient | undefined;
  readonly settings: QueueSettings;
  readonly leaseSeconds: number;
  readonly invoke: (body: string, message: LeasedMessage) => Promise<InvocationOutcome>;
  /** True when the host was killed: whatever is running is not completed. */
  readonly isAbandoned: () => boolean;
  readonly onPoisoned: (poisonQueueName: string) => void;
  readonly statistics: StatisticsCounter;
  readonly logger: HostLogger;
}

/** What the host does with one message, before and after the function. */
export class QueueProcessor {
  constructor(private readonly parts: QueueProcessorParts) {}

  /** Never rejects: a message whose completion fails stays in the queue and comes back when its lease ends. */
  async process(message: LeasedMessage): Promise<void> {
    const { queue, settings, statistics, logger, isAbandoned } = this.parts;
    if (isAbandoned()) return;
    statistics.count(queue.name, 'received');
    try {
      const body = decodeMessage(message.messageText, settings.messageEncoding);
      if (body === undefined || message.dequeueCount > settings.maxDequeueCount) {
        await this.moveToPoison(message);
        return;
      }
      await this.run(body, message);
    } catch (error) {
      const problem = storageErrorCode(error) ?? 'no answer from the queue service';
      logger.write(
        'error',
        'Host.Queues',
        `Message ${message.messageId} of ${queue.name} is not completed: ${problem}`,
      );
    }
  }

  private async run(body: string, message: LeasedMessage): Promise<void> {
    const lease = keepLeased(this.parts.queue, message, this.parts.leaseSeconds);
    let outcome: InvocationOutcome;
    try {
      outcome = await this.parts.invoke(body, message);
    } finally {
      lease.stop();
    }
    if (this.parts.isAbandoned()) return;
    if (outcome.kind === 'succeeded') await this.delete(message);
    else await this.afterFailure(message);
  }

  private async afterFailure(message: LeasedMessage): Promise<void> {
    const { poisonQueue, settings } = this.parts;
    // Without a poison queue the message keeps its lease, so that a failing function does not run in a tight loop.
    if (poisonQueue === undefined) return;
    if (message.dequeueCount >= settings.maxDequeueCount) await this.moveToPoison(message);
    else await this.release(message);
  }

  /** The copy holds the text alone: a new id, a new life of 7 days, and nothing about the error. */
  private async moveToPoison(message: LeasedMessage): Promise<void> {
    const { queue, poisonQueue, statistics, logger } = this.parts;
    if (poisonQueue === undefined) return;
    const line = `Message has reached MaxDequeueCount of ${this.parts.settings.maxDequeueCount} or cannot be decoded. Moving message to queue '${poisonQueue.name}'.`;
    logger.write('warning', 'Host.Queues', line);
    await poisonQueue.createIfNotExists();
    await poisonQueue.sendMessage(message.messageText);
    statistics.count(queue.name, 'poisoned');
    this.parts.onPoisoned(poisonQueue.name);
    await this.delete(message);
  }

  private async delete(message: LeasedMessage): Promise<void> {
    const { queue, statistics } = this.parts;
    await this.unlessLost(async () => {
      await queue.deleteMessage(message.messageId, message.popReceipt);
      statistics.count(queue.name, 'deleted');
    });
  }

  private async release(message: LeasedMessage): Promise<void> {
    const { queue, settings, statistics } = this.parts;
    await this.unlessLost(async () => {
      await queue.updateMessage(message.messageId, message.popReceipt, undefined, settings.visibilityTimeoutSeconds);
      statistics.count(queue.name, 'released');
    });
  }

  private async unlessLost(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      if (!isLostReceipt(error)) throw error;
      this.parts.statistics.count(this.parts.queue.name, 'lostReceipts');
      this.parts.logger.write('debug', 'Host.Queues', 'The message receipt was lost; this may be expected');
    }
  }
}
