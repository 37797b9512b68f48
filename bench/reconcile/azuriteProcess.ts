import { randomUUID } from 'node:crypto';
import { BlobServiceClient } from '@azure/storage-blob';
import { startAzurite } from '../../local/azurite/azurite';
import { inParallel } from '../../src/payloads/container/inParallel';

/** What this process tells its parent when all payloads are stored. */
export interface SeededAzurite {
  readonly connectionString: string;
  readonly container: string;
}

const PAYLOAD = Buffer.alloc(129, '{');
const TYPES = [97, 104, 62];

/** A blob service of its own process, so that its CPU is in no figure, with so many payloads; it ends with its parent. */
async function main(): Promise<void> {
  const count = Number(process.argv[2]);
  const { connectionString } = await startAzurite();
  const container = 'payloads';
  const client = BlobServiceClient.fromConnectionString(connectionString).getContainerClient(container);
  await client.create();
  await inParallel(Array.from({ length: count }, nameOf), 16, (name) =>
    client.getBlockBlobClient(name).upload(PAYLOAD, PAYLOAD.length),
  );
  process.on('disconnect', () => process.exit());
  process.send?.({ connectionString, container } satisfies SeededAzurite);
}

/** Ids as the FHIR server makes them: the time in hexadecimal and a UUID. */
function nameOf(_: unknown, index: number): string {
  const type = TYPES[index % TYPES.length];
  return `${type ?? 97}/${(0x19b00000000 + index).toString(16)}-${randomUUID()}/1/${randomUUID()}`;
}

void main();
