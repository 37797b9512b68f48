import type { Patient } from 'fhir/r4';
import { startFhirServer } from '../../../local/fhir';
import { startTestServer, patient } from './support';

describe('a scripted fault', () => {
  const fhir = startTestServer();

  it('answers in place of the server, which never sees the request', async () => {
    fhir().server.intercept = () => ({
      status: 503,
      headers: { 'retry-after': '7' },
      body: { resourceType: 'OperationOutcome', issue: [] },
    });
    const answer = await fhir().request('POST', 'Patient', patient('1'));
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '7']);
    expect(fhir().server.counts).toEqual({});
    expect(fhir().server.requests.count('create')).toBe(1);
    fhir().server.intercept = undefined;
    expect((await fhir().request('POST', 'Patient', patient('1'))).status).toBe(201);
  });

  it('cuts the connection before anything is done', async () => {
    fhir().server.intercept = () => ({ destroy: 'before' });
    await expect(fhir().request('POST', 'Patient', patient('1'))).rejects.toThrow();
    expect(fhir().server.counts).toEqual({});
  });

  it('loses the reply of what was committed', async () => {
    fhir().server.intercept = ({ kind }) => (kind === 'transaction' ? { destroy: 'after' } : undefined);
    await expect(fhir().transaction([{ create: patient('1') }])).rejects.toThrow();
    expect(fhir().server.counts).toEqual({ Patient: 1 });
    expect((await fhir().search('Patient', 'identifier=1')).total).toBe(1);
  });

  it('sees kind, address, body and number of each request', async () => {
    const seen: unknown[] = [];
    fhir().server.intercept = ({ kind, method, path, body, sequence }) => {
      seen.push([kind, method, path, body === '' ? '' : (JSON.parse(body) as Patient).resourceType, sequence]);
      return undefined;
    };
    await fhir().request('GET', 'Patient?identifier=1');
    await fhir().request('PUT', 'Patient/p', { ...patient('1'), id: 'p' });
    await fhir().request('GET', 'Patient/p');
    await fhir().request('DELETE', 'Patient/p');
    await fhir().request('GET', 'metadata');
    expect(seen).toEqual([
      ['search', 'GET', '/Patient?identifier=1', '', 1],
      ['update', 'PUT', '/Patient/p', 'Patient', 2],
      ['read', 'GET', '/Patient/p', '', 3],
      ['delete', 'DELETE', '/Patient/p', '', 4],
      ['capabilities', 'GET', '/metadata', '', 5],
    ]);
  });

  it('holds a request before it, or between commit and reply', async () => {
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    let committed: () => void = () => undefined;
    const afterCommit = new Promise<void>((resolve) => (committed = resolve));
    fhir().server.intercept = ({ method }) =>
      method !== 'POST'
        ? undefined
        : {
            beforeReply: () => {
              committed();
              return held;
            },
          };
    const pending = fhir().request('POST', 'Patient', patient('1'));
    await afterCommit;
    expect((await fhir().search('Patient', 'identifier=1')).total).toBe(1);
    release();
    expect((await pending).status).toBe(201);
  });

  it('delays', async () => {
    fhir().server.intercept = () => ({ delayMs: 60 });
    const started = performance.now();
    await fhir().request('GET', 'metadata');
    expect(performance.now() - started).toBeGreaterThan(55);
  });
});

describe('the server process', () => {
  it('says which port is taken', async () => {
    const first = await startFhirServer();
    try {
      await expect(startFhirServer({ port: first.port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    } finally {
      await first.stop();
    }
  });

  it('stops at once, even with connections open, and frees its port', async () => {
    const first = await startFhirServer({ basePath: '/r4/' });
    const answer = await fetch(`${first.url}/metadata`);
    expect([answer.status, new URL(first.url).pathname]).toEqual([200, '/r4']);
    await answer.text();
    await first.stop();
    const second = await startFhirServer({ port: first.port });
    await second.stop();
  });
});
