import { join } from 'node:path';
import type { QueueClient } from '@azure/storage-queue';
import { queuesDrained } from '../../../local/host/drained';
import { useAzurite } from '../../support/azurite';
import { eventually } from '../../support/eventually';
import { type HostProcess, startHostProcess } from '../../support/hostProcess';

const APP = join(__dirname, '..', '..', 'fixtures', 'host-app');

interface Seen {
  readonly message: unknown;
  readonly type: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly at: number;
  readonly phase?: 'start' | 'end';
  readonly from?: 'poison';
  readonly updateError?: string;
}

const azurite = useAzurite();

const base64 = (body: unknown): string =>
  Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)).toString('base64');

/** A queue of a test's own, and the hosts that it starts on it: the tests mostly wait, so several run at once. */
class Scene {
  private readonly hosts: HostProcess[] = [];

  private constructor(
    readonly queue: QueueClient,
    readonly poison: QueueClient,
  ) {}

  /** @returns a test that plays in a scene of its own */
  static with(play: (scene: Scene) => Promise<void>): () => Promise<void> {
    return async () => {
      const queue = await azurite.queue();
      const scene = new Scene(queue, azurite.queueClient(`${queue.name}-poison`));
      try {
        await play(scene);
      } finally {
        await Promise.all(scene.hosts.map((host) => host.kill()));
      }
    };
  }

  readonly send = (body: unknown) => this.queue.sendMessage(base64(body));

  readonly start = async (
    settings: Record<string, string> = {},
    commandLine: readonly string[] = [],
  ): Promise<HostProcess> => {
    const host = await startHostProcess({
      appDirectory: APP,
      settings: { AzureWebJobsStorage: azurite.connectionString, QUEUE: this.queue.name, ...settings },
      commandLine,
    });
    this.hosts.push(host);
    return host;
  };

  /** Starts a host whose poison function is off, so that the poison queue can be looked at. */
  readonly startWithoutPoisonFunction = (settings: Record<string, string> = {}, commandLine: readonly string[] = []) =>
    this.start({ 'AzureWebJobs.work-poison.Disabled': 'true', ...settings }, commandLine);

  /** What the function has told of its runs. */
  readonly records = () => azurite.queueClient(`${this.queue.name}-seen`);

  readonly seen = async (count: number): Promise<readonly Seen[]> =>
    eventually(async () => {
      if (!(await this.records().exists())) return undefined;
      const { peekedMessageItems } = await this.records().peekMessages({ numberOfMessages: 32 });
      if (peekedMessageItems.length < count) return undefined;
      return peekedMessageItems.map((item) => JSON.parse(item.messageText) as Seen);
    }, 15_000);

  readonly poisonTexts = async (count: number): Promise<readonly string[]> =>
    eventually(async () => {
      if (!(await this.poison.exists())) return undefined;
      const { peekedMessageItems } = await this.poison.peekMessages({ numberOfMessages: 32 });
      return peekedMessageItems.length < count ? undefined : peekedMessageItems.map((item) => item.messageText);
    }, 15_000);

  readonly drained = () => queuesDrained([this.queue], AbortSignal.timeout(15_000));
}

describe('what the function gets', () => {
  test.concurrent(
    'a JSON body arrives as an object, with the metadata of its message',
    Scene.with(async ({ send, start, seen }) => {
      const sent = await send({ action: 'ok' });
      await start();
      const [run] = await seen(1);
      expect(run?.message).toEqual({ action: 'ok' });
      expect(run?.metadata).toMatchObject({
        id: sent.messageId,
        dequeueCount: 1,
        popReceipt: expect.any(String) as string,
        queueTrigger: { action: 'ok' },
        insertionTime: expect.stringMatching(/^\d{4}-/) as string,
        expirationTime: expect.stringMatching(/^\d{4}-/) as string,
        nextVisibleTime: expect.stringMatching(/^\d{4}-/) as string,
      });
    }),
  );

  test.concurrent(
    'a body that looks like a number arrives as a number, other text as text',
    Scene.with(async ({ send, start, seen }) => {
      await send('123');
      await send('plain words');
      await start();
      const runs = await seen(2);
      expect(new Set(runs.map((run) => run.message))).toEqual(new Set([123, 'plain words']));
    }),
  );

  test.concurrent(
    'a payload field shadows the trigger metadata of the same name, whatever its case',
    Scene.with(async ({ send, start, seen }) => {
      await send({
        id: 'mine',
        DequeueCount: 7,
        popReceipt: null,
        queueTrigger: ['array'],
        nested: { Id: 'kept apart' },
      });
      await start();
      const [run] = await seen(1);
      expect(run?.metadata).toMatchObject({ id: 'mine', dequeueCount: 7, nested: { id: 'kept apart' } });
      expect(run?.metadata.popReceipt).toEqual(expect.any(String));
      expect(run?.metadata.queueTrigger).toMatchObject({ id: 'mine' });
    }),
  );

  test.concurrent(
    'a shadowed id makes the update of the message fail with 404',
    Scene.with(async ({ send, startWithoutPoisonFunction, seen }) => {
      await send({ id: 'mine', action: 'delay-then-throw' });
      await startWithoutPoisonFunction();
      const [run] = await seen(1);
      expect(run?.updateError).toBe('MessageNotFound');
    }),
  );

  test.concurrent(
    'messages are read and written as plain text when the encoding is none',
    Scene.with(async ({ queue, start, seen }) => {
      await queue.sendMessage('{"action":"ok","plain":true}');
      await start({ AzureFunctionsJobHost__extensions__queues__messageEncoding: 'none' });
      const [run] = await seen(1);
      expect(run?.message).toEqual({ action: 'ok', plain: true });
    }),
  );
});

describe('success', () => {
  test.concurrent(
    'deletes the message',
    Scene.with(async ({ send, start, seen, drained }) => {
      await send({ action: 'ok' });
      await start();
      await drained();
      expect(await seen(1)).toHaveLength(1);
    }),
  );

  test.concurrent(
    'a delayed message runs when its time has come, not before',
    Scene.with(async ({ queue, start, seen }) => {
      await start();
      const sentAt = Date.now();
      await queue.sendMessage(base64({ action: 'ok' }), { visibilityTimeout: 2 });
      const [run] = await seen(1);
      expect((run?.at ?? 0) - sentAt).toBeGreaterThan(900);
      expect(run?.metadata.dequeueCount).toBe(1);
    }),
  );

  test.concurrent(
    'a queue that does not exist yet is picked up when it appears',
    Scene.with(async ({ queue, send, start, seen }) => {
      await queue.delete();
      await start();
      await queue.create();
      await send({ action: 'ok' });
      expect(await seen(1)).toHaveLength(1);
    }),
  );

  test.concurrent(
    'a run longer than half of the lease keeps its message by renewing it',
    Scene.with(async ({ send, start, seen, drained }) => {
      await send({ action: 'sleep', ms: 4_500 });
      await start({}, ['--message-lease-seconds', '3']);
      await seen(2);
      await drained();
      expect((await seen(2)).map((run) => run.phase)).toEqual(['start', 'end']);
    }),
  );
});

describe('failure', () => {
  test.concurrent(
    'runs the message again until maxDequeueCount, then leaves one copy of its text in the poison queue',
    Scene.with(async ({ poison, send, startWithoutPoisonFunction, seen, poisonTexts, drained }) => {
      const sent = await send({ action: 'fail' });
      await startWithoutPoisonFunction();
      const texts = await poisonTexts(1);
      expect(texts).toEqual([base64({ action: 'fail' })]);
      expect((await seen(3)).map((run) => run.metadata.dequeueCount)).toEqual([1, 2, 3]);
      await drained();
      const { receivedMessageItems } = await poison.receiveMessages();
      expect(receivedMessageItems[0]).toMatchObject({ dequeueCount: 1 });
      expect(receivedMessageItems[0]?.messageId).not.toBe(sent.messageId);
    }),
  );

  test.concurrent(
    'waits the constant visibilityTimeout before it runs again',
    Scene.with(async ({ send, startWithoutPoisonFunction, seen }) => {
      await send({ action: 'fail' });
      await startWithoutPoisonFunction({ AzureFunctionsJobHost__extensions__queues__visibilityTimeout: '00:00:01' });
      const runs = await seen(3);
      const gaps = runs.slice(1).map((run, index) => run.at - (runs[index]?.at ?? 0));
      for (const gap of gaps) expect(gap).toBeGreaterThan(800);
    }),
  );

  test.concurrent(
    'a function that delays its own message and throws keeps its own delay: the release of the host is swallowed',
    Scene.with(async ({ send, startWithoutPoisonFunction, seen, poisonTexts, drained }) => {
      await send({ action: 'guarded', seconds: 1 });
      await startWithoutPoisonFunction();
      const runs = await seen(3);
      expect(runs.every((run) => run.updateError === undefined)).toBe(true);
      for (const [index, run] of runs.slice(1).entries()) expect(run.at - (runs[index]?.at ?? 0)).toBeGreaterThan(900);
      expect(await poisonTexts(1)).toHaveLength(1);
      await drained();
      expect(await poisonTexts(1)).toHaveLength(1);
    }),
  );

  test.concurrent(
    'without the guard on the last attempt the message is poisoned twice',
    Scene.with(async ({ send, startWithoutPoisonFunction, seen, poisonTexts, drained }) => {
      await send({ action: 'delay-then-throw' });
      await startWithoutPoisonFunction();
      expect(await poisonTexts(2)).toHaveLength(2);
      await drained();
      expect(await seen(3)).toHaveLength(3);
    }),
  );

  test.concurrent(
    'a function keeps the receipt it was started with: after a renewal it is stale',
    Scene.with(async ({ send, startWithoutPoisonFunction, seen }) => {
      await send({ action: 'sleep-then-delay-then-throw', ms: 3_000 });
      await startWithoutPoisonFunction({}, ['--message-lease-seconds', '3']);
      const [run] = await seen(1);
      expect(run?.updateError).toBe('PopReceiptMismatch');
    }),
  );

  test.concurrent(
    'a run longer than functionTimeout has failed',
    Scene.with(async ({ send, startWithoutPoisonFunction, poisonTexts }) => {
      await send({ action: 'sleep', ms: 3_000 });
      const host = await startWithoutPoisonFunction({
        AzureFunctionsJobHost__functionTimeout: '00:00:01',
        AzureFunctionsJobHost__extensions__queues__maxDequeueCount: '1',
      });
      expect(await poisonTexts(1)).toHaveLength(1);
      expect(host.logs.some((line) => line.includes('Timeout value of 1000 ms exceeded by function: work'))).toBe(true);
    }),
  );
});

describe('poison', () => {
  test.concurrent(
    'the function of the poison queue gets the copy, with a new id and dequeue count',
    Scene.with(async ({ queue, poison, send, start, seen }) => {
      const sent = await send({ action: 'fail' });
      await start();
      const runs = await seen(4);
      const last = runs.find((run) => run.from === 'poison');
      expect(last).toMatchObject({ message: { action: 'fail' }, metadata: { dequeueCount: 1 } });
      expect(last?.metadata.id).not.toBe(sent.messageId);
      await queuesDrained([queue, poison], AbortSignal.timeout(10_000));
    }),
  );

  test.concurrent(
    'a failing message of a poison queue is not released and not copied: it idles until its lease ends',
    Scene.with(async ({ poison, start, seen }) => {
      await poison.create();
      await poison.sendMessage(base64({ a: 1 }));
      await start({ POISON_FAILS: 'true' }, ['--message-lease-seconds', '1']);
      const runs = await seen(3);
      for (const [index, run] of runs.slice(1).entries()) expect(run.at - (runs[index]?.at ?? 0)).toBeGreaterThan(400);
      expect(await azurite.queueClient(`${poison.name}-poison`).exists()).toBe(false);
    }),
  );

  test.concurrent(
    'a message above maxDequeueCount is moved without running the function',
    Scene.with(async ({ queue, send, startWithoutPoisonFunction, records, poisonTexts, drained }) => {
      await send({ action: 'ok' });
      for (let count = 0; count < 4; count += 1) {
        const { receivedMessageItems } = await queue.receiveMessages({ visibilityTimeout: 30 });
        const [taken] = receivedMessageItems;
        await queue.updateMessage(taken!.messageId, taken!.popReceipt, undefined, 0);
      }
      await startWithoutPoisonFunction();
      expect(await poisonTexts(1)).toEqual([base64({ action: 'ok' })]);
      await drained();
      expect(await records().exists()).toBe(false);
    }),
  );

  test.concurrent(
    'a message that is no base64 is moved at once, as it is, and the function never sees it',
    Scene.with(async ({ queue, startWithoutPoisonFunction, records, poisonTexts, drained }) => {
      await queue.sendMessage('{"action":"ok"}');
      await startWithoutPoisonFunction();
      expect(await poisonTexts(1)).toEqual(['{"action":"ok"}']);
      await drained();
      expect(await records().exists()).toBe(false);
    }),
  );
});

describe('how many at once', () => {
  async function mostAtOnce(
    { send, start, seen }: Scene,
    messages: number,
    settings: Record<string, string>,
  ): Promise<number> {
    for (let count = 0; count < messages; count += 1) await send({ action: 'sleep', ms: 300 });
    await start(settings);
    const runs = [...(await seen(messages * 2))].sort((a, b) => a.at - b.at || (a.phase === 'end' ? -1 : 1));
    let running = 0;
    return Math.max(...runs.map((run) => (running += run.phase === 'start' ? 1 : -1)));
  }

  test.concurrent(
    'batchSize 1 with threshold 0 runs messages one after the other',
    Scene.with(async (scene) => {
      const settings = {
        AzureFunctionsJobHost__extensions__queues__batchSize: '1',
        AzureFunctionsJobHost__extensions__queues__newBatchThreshold: '0',
      };
      expect(await mostAtOnce(scene, 4, settings)).toBe(1);
    }),
  );

  test.concurrent(
    'never more than batchSize + newBatchThreshold',
    Scene.with(async (scene) => {
      const most = await mostAtOnce(scene, 14, {});
      expect(most).toBeLessThanOrEqual(6);
      expect(most).toBeGreaterThan(3);
    }),
  );
});

describe('stopping', () => {
  test.concurrent(
    'a graceful stop lets running messages end and takes no new ones',
    Scene.with(async ({ queue, send, start, seen }) => {
      await send({ action: 'sleep', ms: 1_000 });
      const running = await start({ AzureFunctionsJobHost__extensions__queues__batchSize: '1' });
      await seen(1);
      const stopped = running.stop();
      await running.waitForLog(/Executed 'work' \(Succeeded/);
      expect(await stopped).toBe(0);
      await send({ action: 'ok' });
      expect((await seen(2)).map((run) => run.phase)).toEqual(['start', 'end']);
      expect((await queue.getProperties()).approximateMessagesCount).toBe(1);
    }),
  );

  test.concurrent(
    'a stop abandons what does not end within its limit; the message comes back',
    Scene.with(async ({ send, start, seen }) => {
      await send({ action: 'sleep', ms: 4_000 });
      const first = await start({}, ['--stop-grace-ms', '300', '--message-lease-seconds', '2']);
      await seen(1);
      expect(await first.stop()).toBe(0);
      await start();
      const runs = await seen(2);
      expect(runs.at(-1)).toMatchObject({ phase: 'start', metadata: { dequeueCount: 2 } });
    }),
  );

  test.concurrent(
    'a killed host completes nothing: the message comes back with a higher dequeue count',
    Scene.with(async ({ send, start, seen, drained }) => {
      await send({ action: 'sleep', ms: 1_000 });
      const first = await start({}, ['--message-lease-seconds', '2']);
      await seen(1);
      await first.kill();
      await start();
      await drained();
      expect((await seen(3)).map((run) => run.metadata.dequeueCount)).toEqual([1, 2, 2]);
    }),
  );
});

test.concurrent(
  'output bindings send one message per item of an array',
  Scene.with(async ({ start, seen }) => {
    const running = await start();
    const answer = await running.http('/api/fan-out', {
      method: 'POST',
      body: [
        { action: 'ok', n: 1 },
        { action: 'ok', n: 2 },
      ],
    });
    expect(answer.status).toBe(202);
    const runs = await seen(2);
    expect(new Set(runs.map((run) => (run.message as { n: number }).n))).toEqual(new Set([1, 2]));
  }),
);
