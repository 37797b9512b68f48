import { join } from 'node:path';
import { useAzurite } from '../../support/azurite';
import { type HostProcess, startHostProcess } from '../../support/hostProcess';

const APP = join(__dirname, '..', '..', 'fixtures', 'host-app');
const azurite = useAzurite();
const settings = () => ({ AzureWebJobsStorage: azurite.connectionString, QUEUE: azurite.freshName() });

describe('without authentication', () => {
  let host: HostProcess;
  beforeAll(async () => {
    host = await startHostProcess({ appDirectory: APP, settings: settings() });
  });
  afterAll(async () => {
    await host.stop();
  });

  test('tells what it has loaded', async () => {
    expect(host.functions).toEqual(expect.arrayContaining(['item', 'tick', 'work', 'work-poison']));
    expect((await host.http('/admin/host/status')).json()).toMatchObject({ state: 'Running' });
    expect((await host.http('/admin/functions/tick')).json()).toMatchObject({ name: 'tick' });
  });

  test('parameters, query, headers and cookies pass both ways', async () => {
    const answer = await host.http('/api/items/12/a%20b?x=1&x=2&y=');
    expect(answer.status).toBe(200);
    expect(answer.json()).toMatchObject({ params: { id: '12', part: 'a b' }, query: { x: '1,2', y: '' } });
    expect(answer.headers.get('x-from')).toBe('function');
    expect(answer.headers.get('set-cookie')).toBe('seen=yes; httponly');
  });

  test('a body reaches the function', async () => {
    const answer = await host.http('/api/items/1', { method: 'PUT', body: 'grüezi' });
    expect(answer.json()).toMatchObject({ body: 'grüezi' });
  });

  test('values of local.settings.json reach the function', async () => {
    expect((await host.http('/api/items/1')).json()).toMatchObject({ setting: 'local' });
  });

  test('a literal segment wins over a parameter, and paths ignore case', async () => {
    expect((await host.http('/API/Items/Special')).text).toBe('special');
  });

  test('a function without a route has its name as route; a handler that returns nothing is 204', async () => {
    expect((await host.http('/api/by-name')).status).toBe(204);
  });

  test('an unknown path, a broken constraint and a missing prefix are 404', async () => {
    for (const path of ['/api/nothing', '/api/items/twelve', '/items/12', '/api/items/1/2/3']) {
      expect((await host.http(path)).status).toBe(404);
    }
  });

  test('a method that the route does not take is 404, as on the real host, not 405', async () => {
    expect((await host.http('/api/items/12', { method: 'DELETE' })).status).toBe(404);
    expect((await host.http('/api/items/12', { method: 'HEAD' })).status).toBe(404);
  });

  test('a handler that throws is 500 without a body, and the error is logged', async () => {
    const answer = await host.http('/api/throws');
    expect([answer.status, answer.text]).toEqual([500, '']);
    await host.waitForLog(/handler failed/);
  });

  test('keys are neither needed nor looked at', async () => {
    expect((await host.http('/api/secret', { headers: { 'x-functions-key': 'wrong' } })).status).toBe(200);
  });

  test('POST /admin/functions/{name} starts a timer function', async () => {
    await host.invoke('tick');
    await host.waitForLog(/tick \d+ pastDue=false status=kept/);
    expect((await host.http('/api/ticks')).json()).toMatchObject({ runs: 1 });
  });

  test('POST /admin/functions/{name} gives its input to a queue function, without a message behind it', async () => {
    await host.invoke('work', JSON.stringify({ action: 'by-hand' }));
    await host.waitForLog(/work by-hand/);
  });

  test('the admin endpoint answers 404 for an unknown function and 400 for a broken body', async () => {
    const post = async (path: string, body: unknown) => (await host.http(path, { method: 'POST', body })).status;
    expect(await post('/admin/functions/none', { input: '' })).toBe(404);
    expect(await post('/admin/functions/tick', 'no json')).toBe(400);
    expect(await post('/admin/functions/tick', { input: 5 })).toBe(400);
  });

  test('a request that is running is answered before a graceful stop ends', async () => {
    const own = await startHostProcess({ appDirectory: APP, settings: settings() });
    const answer = own.http('/api/slow?ms=600');
    await own.waitForLog(/Executing 'slow'/);
    expect(await own.stop()).toBe(0);
    expect((await answer).text).toBe('done');
  });
});

describe('with authentication', () => {
  let host: HostProcess;
  beforeAll(async () => {
    const keys = ['--master-key', 'master', '--host-key', 'every', '--function-key', 'item=own'];
    host = await startHostProcess({ appDirectory: APP, settings: settings(), commandLine: ['--enable-auth', ...keys] });
  });
  afterAll(async () => {
    await host.stop();
  });
  const status = async (path: string, key?: string) =>
    (await host.http(path, key === undefined ? {} : { headers: { 'x-functions-key': key } })).status;

  test('a missing or wrong key is 401; anonymous functions need none', async () => {
    expect(await status('/api/items/1')).toBe(401);
    expect(await status('/api/items/1', 'wrong')).toBe(401);
    expect(await status('/api/by-name')).toBe(204);
  });

  test('the function key, the host key and the master key open a function', async () => {
    for (const key of ['own', 'every', 'master']) expect(await status('/api/items/1', key)).toBe(200);
    expect(await status('/api/items/1?code=own')).toBe(200);
  });

  test('the header wins over the query', async () => {
    expect(await status('/api/items/1?code=own', 'wrong')).toBe(401);
    expect(await status('/api/items/1?code=wrong', 'own')).toBe(200);
  });

  test('only the master key opens level admin and the admin endpoints', async () => {
    for (const path of ['/api/secret', '/admin/functions']) {
      expect(await status(path, 'every')).toBe(401);
      expect(await status(path, 'master')).toBe(200);
    }
  });

  test('an unknown path is 404 before any key is asked for', async () => {
    expect(await status('/api/nothing')).toBe(404);
  });
});
