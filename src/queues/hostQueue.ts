import type { QueueClient } from '@azure/storage-queue';

/** A queue whose messages the host's queue trigger delivers. */
export interface HostQueue {
  /** Sends a text. It never expires: a delayed message that expires is gone silently. */
  send(text: string, delayMs: number, signal: AbortSignal): Promise<void>;
  /** Messages in the queue, visible or not; approximate, as the service gives it. */
  depth(signal: AbortSignal): Promise<number>;
}

/** Longest delay that Queue Storage takes: seven days. */
const MAX_DELAY_SECONDS = 604_800;

/** The queue on Azure Storage, with the base64 text that the host's queue trigger expects (host.json messageEncoding). */
export function hostQueue(client: QueueClient): HostQueue {
  let created: Promise<unknown> | undefined;
  const ensure = async (signal: AbortSignal): Promise<void> => {
    created ??= client.createIfNotExists({ abortSignal: signal });
    try {
      await created;
    } catch (error) {
      created = undefined;
      throw error;
    }
  };
  return {
    depth: async (signal) => {
      await ensure(signal);
      return (await client.getProperties({ abortSignal: signal })).approximateMessagesCount ?? 0;
    },
    send: async (text, delayMs, signal) => {
      await ensure(signal);
      await client.sendMessage(Buffer.from(text, 'utf8').toString('base64'), {
        messageTimeToLive: -1,
        visibilityTimeout: toDelaySeconds(delayMs),
        abortSignal: signal,
      });
    },
  };
}

export function toDelaySeconds(delayMs: number): number {
  return Math.min(MAX_DELAY_SECONDS, Math.ceil(delayMs / 1000));
}
