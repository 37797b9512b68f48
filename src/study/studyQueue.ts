import type { QueueClient } from '@azure/storage-queue';
import { hostQueue, toDelaySeconds } from '../queues/hostQueue';
import type { Telemetry } from '../telemetry/telemetry';
import type { StudyMessage } from './message';
import { writeSharedMessages, writeStudyMessages } from './message';

/** Where one received message can be found again: needed to make it invisible for longer. */
export interface MessageReceipt {
  readonly messageId: string;
  readonly popReceipt: string;
}

/** The queue `study-changes`. */
export interface StudyQueue {
  readonly name: string;
  /** Sends a message, in several parts if it must be; returns how many. It never expires: a delayed message that expires is gone silently. */
  send(message: StudyMessage, options: { readonly delayMs?: number; readonly signal: AbortSignal }): Promise<number>;
  /** Sends one message about several studies; where it does not fit, several. @returns how many */
  sendShared(messages: readonly StudyMessage[], signal: AbortSignal): Promise<number>;
  /**
   * Makes a received message invisible for longer.
   * @throws RestError 400 PopReceiptMismatch or 404 when the receipt is stale (the host renewed the lease, or the message is gone)
   */
  postpone(receipt: MessageReceipt, delayMs: number, signal: AbortSignal): Promise<void>;
  /** Messages in the queue, visible or not; approximate, as the service gives it. */
  depth(signal: AbortSignal): Promise<number>;
}

/** The same queue; messages that do not know yet where they come from are sent with the position in the trace. */
export function tracedQueue(queue: StudyQueue, telemetry: Pick<Telemetry, 'traceParent'>): StudyQueue {
  const traced = (message: StudyMessage): StudyMessage => {
    const parent = message.trace === undefined ? telemetry.traceParent() : undefined;
    return parent === undefined ? message : { ...message, trace: { parent } };
  };
  return {
    name: queue.name,
    send: (message, options) => queue.send(traced(message), options),
    sendShared: (messages, signal) => queue.sendShared(messages.map(traced), signal),
    postpone: (receipt, delayMs, signal) => queue.postpone(receipt, delayMs, signal),
    depth: (signal) => queue.depth(signal),
  };
}

/** The queue on Azure Storage. */
export function studyQueue(client: QueueClient): StudyQueue {
  const queue = hostQueue(client);
  const sendAll = async (texts: readonly string[], delayMs: number, signal: AbortSignal): Promise<number> => {
    for (const text of texts) await queue.send(text, delayMs, signal);
    return texts.length;
  };
  return {
    name: client.name,
    send: (message, { delayMs = 0, signal }) => sendAll(writeStudyMessages(message), delayMs, signal),
    sendShared: (messages, signal) => sendAll(writeSharedMessages(messages), 0, signal),
    async postpone({ messageId, popReceipt }, delayMs, signal) {
      await client.updateMessage(messageId, popReceipt, undefined, toDelaySeconds(delayMs), { abortSignal: signal });
    },
    depth: (signal) => queue.depth(signal),
  };
}
