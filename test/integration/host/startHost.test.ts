import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type HostOptions, type RunningHost, startHost } from '../../../local/host/host';
import type { HostLog } from '../../../local/host/logs';
import { useAzurite } from '../../support/azurite';
import { eventually } from '../../support/eventually';
import { startHostProcess } from '../../support/hostProcess';

const APP = join(__dirname, '..', '..', 'fixtures', 'host-app');
const azurite = useAzurite();
let host: RunningHost | undefined;
let logs: HostLog[] = [];

async function start(settings: Record<string, string> = {}, options: Partial<HostOptions> = {}): Promise<RunningHost> {
  logs = [];
  host = await startHost({
    appDirectory: APP,
    settings: { AzureWebJobsStorage: azurite.connectionString, QUEUE: azurite.freshName(), ...settings },
    onLog: (entry) => logs.push(entry),
    ...options,
  });
  return host;
}
const ticks = async (running: RunningHost) =>
  (await (await fetch(`${running.url}/api/ticks`)).json()) as { runs: number; most: number };
const messages = () => logs.map((entry) => entry.message).join('\n');

afterEach(async () => {
  await host?.stop();
  host = undefined;
});

test('the app is loaded afresh each time, with its settings in process.env only while it runs', async () => {
  const first = await start();
  await first.invokeTimer('tick');
  expect((await ticks(first)).runs).toBe(1);
  await first.stop();
  const second = await start();
  expect((await ticks(second)).runs).toBe(0);
  await second.stop();
  expect(process.env.TICK_SCHEDULE).toBeUndefined();
});

test('there is one host per process', async () => {
  await start();
  await expect(startHost({ appDirectory: APP })).rejects.toThrow('already runs a functions host');
});

test('invokeTimer rejects with the error of the function', async () => {
  const running = await start({ TICK_FAILS: 'true' });
  await expect(running.invokeTimer('tick')).rejects.toThrow('tick failed');
  await expect(running.invokeTimer('work')).rejects.toThrow('no timer function');
  expect(running.statistics.functions.tick).toEqual({ started: 1, succeeded: 0, failed: 1, running: 0 });
});

test('a timer fires by its schedule, never overlaps, and goes on after an error', async () => {
  const running = await start({ TICK_SCHEDULE: '* * * * * *', TICK_MS: '1300', TICK_FAILS: 'true' });
  await new Promise((resolve) => setTimeout(resolve, 3_900));
  const { runs, most } = await ticks(running);
  expect(runs).toBeGreaterThanOrEqual(2);
  expect(most).toBe(1);
  expect(messages()).toContain('status=none');
});

test('a disabled function is not triggered but can be run by hand', async () => {
  const running = await start({ TICK_SCHEDULE: '* * * * * *', 'AzureWebJobs.tick.Disabled': 'true' });
  await running.invokeTimer('tick');
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  expect((await ticks(running)).runs).toBe(1);
});

test('drained waits for visible, delayed and running messages; statistics count what the host did', async () => {
  const queue = await azurite.queue();
  const send = (body: object, visibilityTimeout = 0) =>
    queue.sendMessage(Buffer.from(JSON.stringify(body)).toString('base64'), { visibilityTimeout });
  await send({ action: 'sleep', ms: 300 });
  await send({ action: 'ok' }, 1);
  const running = await start({ QUEUE: queue.name });
  await running.drained([queue.name, 'no-such-queue'], AbortSignal.timeout(10_000));
  expect(running.statistics.functions.work).toEqual({ started: 2, succeeded: 2, failed: 0, running: 0 });
  expect(running.statistics.queues[queue.name]).toMatchObject({ received: 2, deleted: 2, lostReceipts: 0 });
});

test('drained gives up when its signal aborts', async () => {
  const queue = await azurite.queue();
  await queue.sendMessage('aGk=', { visibilityTimeout: 60 });
  const running = await start({ QUEUE: queue.name });
  await expect(running.drained([queue.name], AbortSignal.timeout(200))).rejects.toThrow();
});

test('wake makes a listener poll at once', async () => {
  const queue = await azurite.queue();
  const running = await start({
    QUEUE: queue.name,
    AzureFunctionsJobHost__extensions__queues__maxPollingInterval: '00:05:00',
  });
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  await queue.sendMessage(Buffer.from('{"action":"ok"}').toString('base64'));
  running.wake(queue.name);
  // Far below the five minutes that the listener would wait by itself.
  await running.drained([queue.name], AbortSignal.timeout(10_000));
});

test('kill completes nothing that is running', async () => {
  const queue = await azurite.queue();
  await queue.sendMessage(Buffer.from('{"action":"nap","ms":300}').toString('base64'));
  const running = await start({ QUEUE: queue.name });
  const runs = (count: number) =>
    eventually(async () => Promise.resolve(running.statistics.functions.work?.running === count || undefined));
  await runs(1);
  running.kill();
  await runs(0);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect((await queue.getProperties()).approximateMessagesCount).toBe(1);
});

describe('what cannot start says why, in one line', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'host-'));
  });
  afterEach(async () => {
    await rm(directory, { recursive: true });
  });
  const write = (name: string, value: unknown) => writeFile(join(directory, name), JSON.stringify(value));

  test.each([
    ['a missing setting in a binding', { QUEUE: '' }, "'%QUEUE%' does not resolve to a value"],
    ['a missing connection', { AzureWebJobsStorage: '' }, "Connection string 'AzureWebJobsStorage' does not exist"],
    ['a bad schedule', { TICK_SCHEDULE: 'often' }, "The schedule expression 'often' was not recognized"],
    [
      'a bad queue setting',
      { AzureFunctionsJobHost__extensions__queues__batchSize: '33' },
      'extensions.queues.batchsize',
    ],
  ])('%s', async (_name, settings, message) => {
    await expect(start(settings)).rejects.toThrow(message);
  });

  test('a missing host.json, an app that was not built, a file that throws', async () => {
    await expect(startHost({ appDirectory: directory })).rejects.toThrow('host.json not found');
    await write('host.json', { version: '2.0' });
    await write('package.json', { main: 'dist/*.js' });
    await expect(startHost({ appDirectory: directory })).rejects.toThrow('has the app been built?');
    await write('package.json', { main: 'index.js' });
    await writeFile(join(directory, 'index.js'), 'throw new Error("no good")');
    await expect(startHost({ appDirectory: directory })).rejects.toThrow(/unable to load entry point.*no good/);
  });

  test('a busy port', async () => {
    const running = await start();
    const port = new URL(running.url).port;
    const started = startHostProcess({
      appDirectory: APP,
      settings: { AzureWebJobsStorage: azurite.connectionString },
      commandLine: ['--port', port],
    });
    await expect(started).rejects.toThrow(`Port ${port} for the functions is in use; choose another with --port N`);
  });
});
