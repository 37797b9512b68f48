import { z } from 'zod';
import type { Delivery } from './syncStudy';

/** What the host tells of a queue message (Azure Functions: metadata of the queue trigger, camel-cased by the Node library). */
const metadataSchema = z.object({
  id: z.string().min(1),
  popReceipt: z.string().min(1),
  dequeueCount: z.coerce.number().int().positive(),
});

/** The host gave a delivery without the metadata that back-off needs. */
export class UnreadableDelivery extends Error {
  readonly code = 'UnreadableDelivery';
  constructor(problems: readonly string[]) {
    super(`The trigger metadata of the queue message is incomplete: ${problems.join(', ')}`);
    this.name = 'UnreadableDelivery';
  }
}

/** @throws UnreadableDelivery */
export function readDelivery(triggerMetadata: unknown, invocationId: string): Delivery {
  const result = metadataSchema.safeParse(triggerMetadata);
  if (!result.success) throw new UnreadableDelivery(result.error.issues.map((issue) => issue.path.join('.')));
  const { id, popReceipt, dequeueCount } = result.data;
  return { messageId: id, popReceipt, dequeueCount, invocationId };
}
