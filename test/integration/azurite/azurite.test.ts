import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { QueueServiceClient } from '@azure/storage-queue';
import { startAzurite } from '../../../local/azurite/azurite';
import { useAzurite } from '../../support/azurite';

const azurite = useAzurite();

test('serves queues, tables and blobs to the current SDKs', async () => {
  const queue = await azurite.queue();
  await queue.sendMessage('aGVsbG8=');
  const table = await azurite.table();
  await table.createEntity({ partitionKey: 'a', rowKey: 'b', value: 1 });
  const container = await azurite.container();
  await container.getBlockBlobClient('x').upload('abc', 3);

  const received = await queue.receiveMessages();
  expect(received.receivedMessageItems[0]?.messageText).toBe('aGVsbG8=');
  expect((await table.getEntity('a', 'b')).value).toBe(1);
  expect((await container.getBlockBlobClient('x').downloadToBuffer()).toString()).toBe('abc');
});

test('two of them in one process share nothing', async () => {
  const other = await startAzurite();
  try {
    const queue = await azurite.queue();
    const twin = QueueServiceClient.fromConnectionString(other.connectionString).getQueueClient(queue.name);
    expect(await twin.exists()).toBe(false);
  } finally {
    await other.stop();
  }
});

test('a directory keeps its content over a restart', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'azurite-'));
  try {
    const first = await startAzurite({ persistence: { kind: 'directory', directory } });
    const queueOf = (connectionString: string) =>
      QueueServiceClient.fromConnectionString(connectionString).getQueueClient('kept');
    await queueOf(first.connectionString).create();
    await queueOf(first.connectionString).sendMessage('still here');
    await first.stop();

    const second = await startAzurite({ persistence: { kind: 'directory', directory } });
    const received = await queueOf(second.connectionString).receiveMessages();
    await second.stop();
    expect(received.receivedMessageItems[0]?.messageText).toBe('still here');
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('a busy port is named and nothing is left running', async () => {
  const busy = Number(new URL(azurite.running.queueUrl).port);
  await expect(startAzurite({ ports: { queue: busy } })).rejects.toThrow(`Port ${busy} is in use`);
});
