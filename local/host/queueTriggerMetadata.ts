import { randomUUID } from 'node:crypto';
import type { TypedData } from './functionsCore';

/** The host's own copy of a message; its receipt moves on when the lease is renewed. */
export interface LeasedMessage {
  readonly messageId: string;
  popReceipt: string;
  readonly dequeueCount: number;
  readonly insertedOn: Date;
  readonly expiresOn: Date;
  readonly nextVisibleOn: Date;
  readonly messageText: string;
}

/**
 * Trigger metadata of a queue message, under the host's names. When the body is a JSON object, its top-level properties
 * that are neither arrays nor null are laid over it, whatever their case: a payload field `id` hides the message's id.
 */
export function queueTriggerMetadata(
  functionName: string,
  body: string,
  message: LeasedMessage | undefined,
): Record<string, TypedData> {
  const metadata: Record<string, TypedData> = {
    QueueTrigger: { string: body },
    DequeueCount: { json: String(message?.dequeueCount ?? 0) },
    ExpirationTime: { json: JSON.stringify(message?.expiresOn ?? null) },
    Id: { string: message?.messageId ?? '' },
    InsertionTime: { json: JSON.stringify(message?.insertedOn ?? null) },
    NextVisibleTime: { json: JSON.stringify(message?.nextVisibleOn ?? null) },
    PopReceipt: { string: message?.popReceipt ?? '' },
    sys: { json: JSON.stringify({ MethodName: functionName, UtcNow: new Date(), RandGuid: randomUUID() }) },
  };
  for (const [name, value] of Object.entries(topLevelProperties(body))) {
    const lower = name.toLowerCase();
    const shadowed = Object.keys(metadata).find((existing) => existing.toLowerCase() === lower) ?? name;
    metadata[shadowed] = value;
  }
  return metadata;
}

function topLevelProperties(body: string): Record<string, TypedData> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return {};
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return {};
  const properties: Record<string, TypedData> = {};
  for (const [name, value] of Object.entries(parsed) as [string, unknown][]) {
    if (value === null || Array.isArray(value)) continue;
    properties[name] = typeof value === 'object' ? { json: JSON.stringify(value) } : { string: dotNetText(value) };
  }
  return properties;
}

/** The host turns scalars into .NET strings: `True`, not `true`. */
function dotNetText(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  return String(value);
}
