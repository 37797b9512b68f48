import { z } from 'zod';
import type { PayloadKey } from '../blobName';
import type { ResourceType } from './resourceTypes';

export const payloadColumns = { id: z.string(), version: z.int(), key: z.string() };

export function payloadOf(
  type: ResourceType,
  row: { readonly id: string; readonly version: number; readonly key: string },
): PayloadKey {
  return { typeId: type.id, logicalId: row.id, version: row.version, key: row.key };
}
