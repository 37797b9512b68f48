import type { QueueClient } from '@azure/storage-queue';
import { readStudyMessage, type StudyChange } from '../../../src/study/message';
import { studyQueue } from '../../../src/study/studyQueue';
import { useAzurite } from '../../support/azurite';

const signal = new AbortController().signal;
const STUDY = { partition: 'Microsoft.Default', uid: '1.2.3' };
const changes = (count: number): readonly StudyChange[] =>
  Array.from({ length: count }, (_, index) => ({
    sequence: index + 1,
    action: 'Create',
    series: '1.2.3.4',
    instance: `1.2.3.4.${index + 1}`,
  }));

describe('the queue study-changes', () => {
  const azurite = useAzurite();

  const receive = async (client: QueueClient) => {
    const { receivedMessageItems } = await client.receiveMessages({ numberOfMessages: 32, visibilityTimeout: 600 });
    return receivedMessageItems;
  };
  const decoded = (text: string): string => Buffer.from(text, 'base64').toString('utf8');

  it('is made when it is missing, and holds the text in base64, as the host reads it', async () => {
    const client = azurite.queueClient(azurite.freshName());
    const queue = studyQueue(client);
    expect(await queue.send({ study: STUDY, changes: changes(2) }, { signal })).toBe(1);
    const [message] = await receive(client);
    const text = message?.messageText ?? '';
    expect(text).toMatch(/^[A-Za-z0-9+/]+={0,2}$/);
    expect(JSON.parse(decoded(text))).toEqual({ study: STUDY, changes: changes(2) });
  });

  it('keeps a message for ever, also one that waits: TTL -1', async () => {
    const client = await azurite.queue();
    await studyQueue(client).send({ study: STUDY, changes: [] }, { signal });
    const [message] = await receive(client);
    const years = ((message?.expiresOn.getTime() ?? 0) - Date.now()) / (365 * 86_400_000);
    expect(years).toBeGreaterThan(1000);
  });

  it('keeps a deferred message invisible, at most for the seven days that the service takes', async () => {
    const client = await azurite.queue();
    const queue = studyQueue(client);
    await queue.send({ study: STUDY, changes: [] }, { delayMs: 600_000, signal });
    await queue.send({ study: STUDY, changes: [] }, { delayMs: 30 * 86_400_000, signal });
    expect(await receive(client)).toEqual([]);
    expect(await queue.depth(signal)).toBe(2);
  });

  it('takes the changes of a whole round in one message that Azure takes, deflated', async () => {
    const client = await azurite.queue();
    const all = changes(1000);
    expect(await studyQueue(client).send({ study: STUDY, changes: all }, { signal })).toBe(1);
    const [message] = await receive(client);
    const text = message?.messageText ?? '';
    expect(Buffer.byteLength(decoded(text))).toBeLessThanOrEqual(48 * 1024);
    expect(text.length).toBeLessThanOrEqual(64 * 1024);
    expect(readStudyMessage(JSON.parse(decoded(text)))).toEqual({ study: STUDY, changes: all });
  });

  it('takes a list that just fits as it is, and one that does not even fit deflated in several messages', async () => {
    const client = await azurite.queue();
    const queue = studyQueue(client);
    const random = (index: number): string =>
      Array.from({ length: 4 }, (_, part) =>
        String(((index + 1) * 7919 * (part + 13) * 104_729) % 999_999_999_989),
      ).join('.');
    const many = changes(6000).map((change, index) => ({
      ...change,
      series: random(index),
      instance: random(index + 9000),
    }));
    const sent = await queue.send({ study: STUDY, changes: many }, { signal });
    expect(sent).toBeGreaterThan(1);
    const received = await receive(client);
    expect(received).toHaveLength(sent);
    const read = received.flatMap(({ messageText }) => readStudyMessage(JSON.parse(decoded(messageText))).changes);
    expect([...read].sort((a, b) => a.sequence - b.sequence)).toEqual(many);
  });

  it('makes a received message invisible for longer, and refuses a receipt that is stale', async () => {
    const client = await azurite.queue();
    const queue = studyQueue(client);
    await queue.send({ study: STUDY, changes: changes(1) }, { signal });
    const [message] = (await client.receiveMessages({ visibilityTimeout: 1 })).receivedMessageItems;
    if (message === undefined) throw new Error('no message');
    const receipt = { messageId: message.messageId, popReceipt: message.popReceipt };
    await queue.postpone(receipt, 300_000, signal);
    await expect(queue.postpone(receipt, 300_000, signal)).rejects.toMatchObject({ name: 'RestError' });
    expect(await receive(client)).toEqual([]);
  });

  it('can be made later when the service was away at first', async () => {
    const client = azurite.queueClient(azurite.freshName());
    const queue = studyQueue(client);
    await expect(queue.send({ study: STUDY, changes: [] }, { signal: AbortSignal.abort() })).rejects.toBeDefined();
    expect(await queue.send({ study: STUDY, changes: [] }, { signal })).toBe(1);
  });
});
