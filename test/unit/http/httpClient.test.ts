import { inspect } from 'node:util';
import { ConnectionError, ForeignOrigin, HttpStatusError, ResponseTooLarge } from '../../../src/http/errors';
import { createHttpClient, type HttpClientOptions, type StreamingHttpClient } from '../../../src/http/httpClient';
import { requireSuccess } from '../../../src/http/success';
import { startScriptedServer, useScriptedServer } from '../../support/scriptedServer';

const never = new AbortController().signal;

describe('the HTTP client', () => {
  const scripted = useScriptedServer();
  const clients: StreamingHttpClient[] = [];
  const client = (options: Partial<HttpClientOptions> = {}): StreamingHttpClient => {
    const made = createHttpClient({ origin: scripted.server.url, timeoutMs: 5000, maxConnections: 2, ...options });
    clients.push(made);
    return made;
  };
  const failureOf = (work: Promise<unknown>): Promise<unknown> =>
    work.then(
      () => undefined,
      (error: unknown) => error,
    );
  const get = (path = '/', signal = never, timeoutMs?: number) => ({
    method: 'GET',
    url: scripted.server.url + path,
    signal,
    ...(timeoutMs !== undefined && { timeoutMs }),
  });

  afterEach(async () => {
    await scripted.server.stop();
    await Promise.all(clients.splice(0).map((made) => made.close()));
  });

  it('sends method, path, query, headers and body as they are', async () => {
    scripted.server.replies({ status: 201, headers: { 'X-Thing': 'a' }, body: 'grüße' });
    const url = `${scripted.server.url}/a%2Fb?q=1%7C2`;
    const response = await client().send({
      method: 'POST',
      url,
      headers: { accept: 'text/plain' },
      body: 'ä',
      signal: never,
    });
    expect(response).toMatchObject({ status: 201, body: 'grüße', headers: { 'x-thing': 'a' } });
    const [request] = scripted.server.requests;
    expect(request).toMatchObject({ method: 'POST', url: '/a%2Fb?q=1%7C2', body: 'ä' });
    expect(request?.headers.accept).toBe('text/plain');
  });

  it('drops a byte order mark', async () => {
    scripted.server.replies({ body: '\ufeff[]' });
    expect((await client().send(get())).body).toBe('[]');
  });

  it('answers with a redirect instead of following it', async () => {
    scripted.server.replies({ status: 302, headers: { location: '/login' } });
    const response = await client().send(get());
    expect(response.status).toBe(302);
    expect(scripted.server.requests).toHaveLength(1);
    expect(() => requireSuccess('GET', response)).toThrow(/302 \(a redirect, which is not followed/);
  });

  it('sends its token with every request', async () => {
    scripted.server.replies({}, {});
    let asked = 0;
    const tokens = { token: () => Promise.resolve(`t${(asked += 1)}`) };
    const http = client({ tokens });
    await http.send(get());
    await http.send(get());
    expect(scripted.server.requests.map(({ headers }) => headers.authorization)).toEqual(['Bearer t1', 'Bearer t2']);
  });

  it('sends nothing to another origin', async () => {
    const other = await startScriptedServer();
    try {
      const tokens = { token: () => Promise.resolve('secret') };
      const error = await failureOf(client({ tokens }).send({ method: 'GET', url: `${other.url}/x`, signal: never }));
      expect(error).toBeInstanceOf(ForeignOrigin);
      expect(other.requests).toHaveLength(0);
    } finally {
      await other.stop();
    }
  });

  it('passes on the error of a token source as it is', async () => {
    const broken = Object.assign(new Error('no identity'), { name: 'CredentialUnavailableError' });
    const error = await failureOf(client({ tokens: { token: () => Promise.reject(broken) } }).send(get()));
    expect(error).toBe(broken);
  });

  it('says that nothing was sent when the connection is refused', async () => {
    const { url } = scripted.server;
    await scripted.server.stop();
    const error = await failureOf(client().send({ method: 'POST', url, body: 'x', signal: never }));
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error).toMatchObject({
      code: 'ConnectionError',
      requestSent: false,
      timedOut: false,
      causeCode: 'ECONNREFUSED',
    });
  });

  it('says that nothing was sent when the host name is unknown', async () => {
    const origin = 'http://unknown.invalid';
    const error = await failureOf(client({ origin }).send({ method: 'GET', url: origin, signal: never }));
    expect(error).toMatchObject({ code: 'ConnectionError', requestSent: false, timedOut: false });
  });

  it('says that the request was sent when the connection breaks without an answer', async () => {
    scripted.server.replies({ fault: 'reset' });
    const error = await failureOf(client().send({ ...get(), method: 'POST', body: 'x' }));
    expect(error).toMatchObject({ code: 'ConnectionError', requestSent: true, timedOut: false });
  });

  it('says so when the connection breaks within the answer', async () => {
    scripted.server.replies({ body: '{"a":', missingBytes: 10 });
    const error = await failureOf(client().send(get()));
    expect(error).toMatchObject({ code: 'ConnectionError', requestSent: true, timedOut: false });
  });

  it.each(['hang', 'hangBody'] as const)('ends a request whose answer does not end in time (%s)', async (fault) => {
    scripted.server.replies({ fault, body: 'x' });
    const error = await failureOf(client({ timeoutMs: 200 }).send(get()));
    expect(error).toMatchObject({ code: 'ConnectionError', requestSent: true, timedOut: true });
  });

  it('lets a request have a time-out of its own', async () => {
    scripted.server.replies({ fault: 'hang' });
    expect(await failureOf(client().send(get('/', never, 100)))).toMatchObject({ timedOut: true });
  });

  it('ends a request that waits for a connection in time, and knows that it was not sent', async () => {
    scripted.server.script(() => ({ fault: 'hang' }));
    const http = client({ maxConnections: 1 });
    const abort = new AbortController();
    const first = failureOf(http.send(get('/first', abort.signal)));
    await scripted.server.received(1);
    const second = await failureOf(http.send({ ...get('/second', never, 100), method: 'POST', body: 'x' }));
    expect(second).toMatchObject({ code: 'ConnectionError', requestSent: false, timedOut: true });
    expect(scripted.server.requests.map(({ url }) => url)).toEqual(['/first']);
    abort.abort();
    await first;
  });

  it('never sends a request that was given up while it waited for a connection', async () => {
    scripted.server.script(({ url }) => (url === '/first' ? { fault: 'hang' } : { body: 'ok' }));
    const http = client({ maxConnections: 1 });
    const abort = new AbortController();
    const first = failureOf(http.send(get('/first', abort.signal)));
    await scripted.server.received(1);
    expect(await failureOf(http.send({ ...get('/given-up', never, 50), method: 'POST', body: 'x' }))).toBeInstanceOf(
      ConnectionError,
    );
    abort.abort();
    await first;
    expect((await http.send(get('/third'))).body).toBe('ok');
    expect(scripted.server.requests.map(({ url }) => url)).toEqual(['/first', '/third']);
  });

  it("throws the caller's own reason when the caller aborts", async () => {
    scripted.server.replies({ fault: 'hang' });
    const abort = new AbortController();
    const reason = new Error('the run is over');
    const failing = failureOf(client().send(get('/', abort.signal)));
    await scripted.server.received(1);
    abort.abort(reason);
    expect(await failing).toBe(reason);
  });

  it('sends nothing when the caller has aborted before', async () => {
    const reason = new Error('too late');
    expect(await failureOf(client().send(get('/', AbortSignal.abort(reason))))).toBe(reason);
    expect(scripted.server.requests).toHaveLength(0);
  });

  it('does not wait for a token source that does not listen', async () => {
    const tokens = { token: () => new Promise<string>(() => undefined) };
    const error = await failureOf(client({ tokens, timeoutMs: 100 }).send(get()));
    expect(error).toMatchObject({ code: 'ConnectionError', requestSent: false, timedOut: true });
  });

  it('does not hold a body that is longer than its limit, and works on', async () => {
    scripted.server.replies({ body: 'x'.repeat(1001) }, { body: 'x'.repeat(1000) });
    const http = client({ maxBodyBytes: 1000 });
    expect(await failureOf(http.send(get()))).toBeInstanceOf(ResponseTooLarge);
    expect((await http.send(get())).body).toHaveLength(1000);
  });

  it('lets a reader leave a long body', async () => {
    scripted.server.replies({ body: Buffer.alloc(20_000_000, 'x') }, { body: 'next' });
    const http = client({ maxConnections: 1 });
    const { chunks } = await http.stream(get());
    for await (const chunk of chunks) {
      expect(chunk.byteLength).toBeGreaterThan(0);
      break;
    }
    expect((await http.send(get())).body).toBe('next');
  });

  it('works at the same time on no more connections than it may', async () => {
    scripted.server.script(({ url }) => ({ body: url }));
    const http = client({ maxConnections: 2 });
    const bodies = await Promise.all(
      Array.from({ length: 50 }, async (_, index) => (await http.send(get(`/${index}`))).body),
    );
    expect(bodies).toEqual(Array.from({ length: 50 }, (_, index) => `/${index}`));
  });

  it('keeps what a service said out of every printed form of the error', () => {
    const response = { status: 400, headers: { 'retry-after': '7' }, body: 'Doe^Jane' };
    const error = (() => {
      try {
        requireSuccess('GET', response);
        return undefined;
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(error).toBeInstanceOf(HttpStatusError);
    expect(error).toMatchObject({ status: 400, retryAfterMs: 7000, body: 'Doe^Jane' });
    expect(inspect(error, { showHidden: true }) + JSON.stringify(error) + String(error)).not.toContain('Doe');
  });
});
