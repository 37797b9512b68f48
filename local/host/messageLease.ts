import type { QueueClient } from '@azure/storage-queue';
import { storageErrorCode, storageErrorStatus } from './errors';
import type { LeasedMessage } from './queueTriggerMetadata';

/** The host takes messages for ten minutes, whatever host.json says. */
export const MESSAGE_LEASE_SECONDS = 600;

/** True when the receipt is stale or the message is gone: somebody else has it now, or it was updated by the function. */
export function isLostReceipt(error: unknown): boolean {
  return storageErrorStatus(error) === 404 || storageErrorCode(error) === 'PopReceiptMismatch';
}

/**
 * Extends the message's invisibility at half of its lease, again and again, until stopped. The new receipt goes into the
 * host's copy only: the function keeps the receipt it was started with. Ends for good when the receipt is lost.
 */
export function keepLeased(queue: QueueClient, message: LeasedMessage, leaseSeconds: number): { stop(): void } {
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const schedule = (delayMs: number): void => {
    timer = setTimeout(() => void renew(), delayMs);
  };
  const renew = async (): Promise<void> => {
    try {
      const updated = await queue.updateMessage(message.messageId, message.popReceipt, undefined, leaseSeconds);
      if (updated.popReceipt !== undefined) message.popReceipt = updated.popReceipt;
      if (!stopped) schedule((leaseSeconds * 1000) / 2);
    } catch (error) {
      if (!stopped && !isLostReceipt(error)) schedule((leaseSeconds * 1000) / 10);
    }
  };
  schedule((leaseSeconds * 1000) / 2);
  return {
    stop: () => {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
