import { decodeMessage, encodeMessage } from '../../../local/host/messageEncoding';
import { PollingDelay } from '../../../local/host/pollingDelay';
import { poisonQueueName } from '../../../local/host/queueProcessor';
import { queueTriggerMetadata } from '../../../local/host/queueTriggerMetadata';

describe('polling', () => {
  test('waits 100 ms after a message, then 100 ms + a doubling wait up to the maximum', () => {
    const delay = new PollingDelay(2_000, () => 0.5);
    expect(delay.nextMs(true)).toBe(100);
    const empty = Array.from({ length: 7 }, () => delay.nextMs(false));
    expect(empty).toEqual([200, 300, 500, 900, 1_700, 2_000, 2_000]);
    expect(delay.nextMs(true)).toBe(100);
    expect(delay.nextMs(false)).toBe(200);
  });

  test('spreads the wait by a fifth either way', () => {
    expect(new PollingDelay(60_000, () => 0).nextMs(false)).toBe(180);
    expect(new PollingDelay(60_000, () => 1).nextMs(false)).toBe(220);
  });

  test('never passes the maximum, however long the queue stays empty', () => {
    const delay = new PollingDelay(60_000);
    for (let poll = 0; poll < 2_000; poll += 1) expect(delay.nextMs(false)).toBeLessThanOrEqual(60_000);
  });
});

test('a poison queue has no poison queue, nor has a queue whose name would become too long', () => {
  expect(poisonQueueName('work')).toBe('work-poison');
  expect(poisonQueueName('work-poison')).toBeUndefined();
  expect(poisonQueueName('q'.repeat(56))).toHaveLength(63);
  expect(poisonQueueName('q'.repeat(57))).toBeUndefined();
});

test('text that is no base64 is not decoded; without encoding everything passes', () => {
  expect(decodeMessage(encodeMessage(Buffer.from('grüezi'), 'base64'), 'base64')).toBe('grüezi');
  expect(decodeMessage('{"a":1}', 'base64')).toBeUndefined();
  expect(decodeMessage('abc', 'base64')).toBeUndefined();
  expect(decodeMessage('', 'base64')).toBe('');
  expect(decodeMessage('{"a":1}', 'none')).toBe('{"a":1}');
});

test('scalars of a payload become .NET text in the metadata; arrays and null leave it alone', () => {
  const metadata = queueTriggerMetadata('f', '{"ID":5,"flag":true,"popReceipt":null,"list":[1],"child":{"a":1}}', {
    messageId: 'message',
    popReceipt: 'receipt',
    dequeueCount: 2,
    insertedOn: new Date(0),
    expiresOn: new Date(0),
    nextVisibleOn: new Date(0),
    messageText: '',
  });
  expect(metadata).toMatchObject({
    Id: { string: '5' },
    flag: { string: 'True' },
    PopReceipt: { string: 'receipt' },
    DequeueCount: { json: '2' },
    child: { json: '{"a":1}' },
  });
  expect(metadata).not.toHaveProperty('list');
});
