import { Buffer } from 'node:buffer';
import { storageErrorCode } from './errors';
import type { FunctionDefinition, QueueOutput } from './functionDefinitions';
import type { InvocationResponse, TypedData } from './functionsCore';
import type { QueueSettings } from './hostSettings';
import { encodeMessage } from './messageEncoding';
import type { StorageQueues } from './storageQueues';

/** The queue output bindings: what a function returned or set becomes messages. */
export class QueueOutputs {
  constructor(
    private readonly queues: StorageQueues,
    private readonly encoding: QueueSettings['messageEncoding'],
    private readonly onSent: (queueName: string) => void,
  ) {}

  /** Sends everything that the run put out. A queue is created when it is missing; the service's 7 days of life apply. */
  async send(definition: FunctionDefinition, response: InvocationResponse): Promise<void> {
    for (const output of definition.queueOutputs) {
      const data =
        output.bindingName === '$return'
          ? response.returnValue
          : response.outputData?.find((entry) => entry.name === output.bindingName)?.data;
      if (data === null || data === undefined) continue;
      for (const body of messageBodies(data)) await this.sendOne(output, body);
      this.onSent(output.queueName);
    }
  }

  private async sendOne(output: QueueOutput, body: Buffer): Promise<void> {
    const queue = this.queues.queue(output.connection, output.queueName);
    const text = encodeMessage(body, this.encoding);
    try {
      await queue.sendMessage(text);
    } catch (error) {
      if (storageErrorCode(error) !== 'QueueNotFound') throw error;
      await queue.createIfNotExists();
      await queue.sendMessage(text);
    }
  }
}

/** A JSON array is one message per item; text stays as it is, everything else is JSON. */
function messageBodies(data: TypedData): readonly Buffer[] {
  if (data.bytes != null) return [Buffer.from(data.bytes)];
  if (data.string != null) return [Buffer.from(data.string)];
  if (data.json != null) {
    const value: unknown = JSON.parse(data.json);
    const items: readonly unknown[] = Array.isArray(value) ? value : [value];
    return items.map((item) => Buffer.from(typeof item === 'string' ? item : JSON.stringify(item)));
  }
  const number = data.int ?? data.double;
  return number == null ? [] : [Buffer.from(String(number))];
}
