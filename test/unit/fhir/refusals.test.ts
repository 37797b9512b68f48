import { inspect } from 'node:util';
import { FhirError } from '../../../src/fhir/errors';
import { failureOf, type OpenFhirClient, openFhirClient } from '../../support/fhirClient';
import { useScriptedServer } from '../../support/scriptedServer';

const never = new AbortController().signal;
const outcome = (code: string, diagnostics: string): object => ({
  resourceType: 'OperationOutcome',
  issue: [{ severity: 'error', code, diagnostics }],
});

describe('a refusal of a FHIR server', () => {
  const scripted = useScriptedServer();
  let client: OpenFhirClient;
  beforeEach(() => {
    client = openFhirClient(scripted.server.url, { timeoutMs: 2000 });
  });
  afterEach(async () => {
    await scripted.server.stop();
    await client.close();
  });
  const search = (signal = never): Promise<unknown> => client.search('Patient', [['identifier', '|secret-id']], signal);
  const create = (): Promise<unknown> => client.create({ resourceType: 'Patient' }, [['identifier', '|1']], never);
  const transaction = (): Promise<unknown> =>
    client.transaction(
      [{ kind: 'update', resource: { resourceType: 'Patient', id: 'a' }, id: 'a', etag: 'W/"1"' }],
      never,
    );

  it.each([400, 401, 403, 404, 422, 429, 500, 502, 503])('is an error with its status (%d)', async (status) => {
    scripted.server.replies({ status, body: outcome('processing', 'no') });
    expect(await failureOf(search())).toMatchObject({
      code: 'FhirStatusError',
      status,
      outcome: outcome('processing', 'no'),
    });
  });

  it.each([
    ['HTML', '<html><body>502</body></html>'],
    ['nothing', ''],
    ['other JSON', '{"error":"x"}'],
    ['a broken OperationOutcome', '{"resourceType":"OperationOutcome"}'],
    ['half an OperationOutcome', '{"resourceType":"OperationOutcome","issue":['],
  ])('has no outcome when the body is %s', async (_, body) => {
    scripted.server.replies({ status: 401, body });
    const error = await failureOf(search());
    expect(error).toMatchObject({ code: 'FhirStatusError', status: 401 });
    expect((error as FhirError).outcome).toBeUndefined();
  });

  it('says how long to wait', async () => {
    scripted.server.replies({ status: 429, headers: { 'retry-after': '3' } }, { status: 503 });
    expect(await failureOf(search())).toMatchObject({ retryAfterMs: 3000 });
    expect(await failureOf(search())).toMatchObject({ retryAfterMs: undefined });
  });

  it('shows neither the words of the server nor the values of the query', async () => {
    scripted.server.replies({ status: 400, body: outcome('invalid', 'Doe^Jane is wrong') });
    const error = await failureOf(search());
    expect(error).toBeInstanceOf(FhirError);
    const shown = inspect(error, { showHidden: true }) + String(error) + JSON.stringify(error);
    expect(shown).not.toMatch(/Doe|secret-id/);
  });

  it('does not follow a redirect, and says so', async () => {
    scripted.server.replies({ status: 302, headers: { location: `${scripted.server.url}/login` } });
    expect(String(await failureOf(search()))).toMatch(/302 \(a redirect, which is not followed/);
    expect(scripted.server.requests).toHaveLength(1);
  });

  it.each([
    [409, undefined],
    [412, undefined],
    [409, outcome('conflict', 'HAPI-0550: The operation has failed with a version constraint failure')],
    [412, outcome('conflict', 'Version 1 was expected')],
    [412, '<html>Precondition Failed</html>'],
  ])('is a version conflict for a %d that says nothing else (%j)', async (status, body) => {
    scripted.server.replies({ status, body }, { status, body });
    expect(await failureOf(transaction())).toMatchObject({ code: 'VersionConflict', status });
    expect(await failureOf(create())).toMatchObject({ code: 'VersionConflict', status });
  });

  it.each([
    [412, outcome('multiple-matches', '')],
    [
      412,
      outcome(
        'processing',
        'HAPI-0958: Failed to CREATE resource with match URL "x" because this search matched 2 resources',
      ),
    ],
    [412, outcome('processing', 'Invalid match URL "x" - Multiple resources match this search')],
    [412, outcome('conflict', 'The conditional criteria were not selective enough to be certain')],
    [409, outcome('conflict', 'more than one match')],
  ])('is several matches when a %d says so (%j)', async (status, body) => {
    scripted.server.replies({ status, body }, { status, body });
    expect(await failureOf(create())).toMatchObject({ code: 'MultipleMatches', outcome: body });
    expect(await failureOf(transaction())).toMatchObject({ code: 'MultipleMatches' });
  });

  it('is a version conflict when a resource that was read before is gone', async () => {
    scripted.server.replies({ status: 410 }, { status: 404, body: outcome('deleted', '') });
    expect(await failureOf(transaction())).toMatchObject({ code: 'VersionConflict', status: 410 });
    expect(await failureOf(transaction())).toMatchObject({ code: 'VersionConflict', status: 404 });
  });

  it('is no conflict when nothing is known of a deletion', async () => {
    scripted.server.replies({ status: 404, body: '<html>no such site</html>' }, { status: 410 });
    expect(await failureOf(transaction())).toMatchObject({ code: 'FhirStatusError', status: 404 });
    expect(await failureOf(create())).toMatchObject({ code: 'FhirStatusError', status: 410 });
  });

  it('is told from a connection that breaks', async () => {
    scripted.server.replies({ fault: 'reset' }, { body: '{"resourceType":', missingBytes: 50 });
    expect(await failureOf(transaction())).toMatchObject({ code: 'ConnectionError', requestSent: true });
    expect(await failureOf(transaction())).toMatchObject({ code: 'ConnectionError', requestSent: true });
    await scripted.server.stop();
    expect(await failureOf(transaction())).toMatchObject({ code: 'ConnectionError', requestSent: false });
  });

  it("is told from the caller's own end", async () => {
    scripted.server.replies({ fault: 'hang' });
    const abort = new AbortController();
    const reason = new Error('shutting down');
    const failing = failureOf(search(abort.signal));
    await scripted.server.received(1);
    abort.abort(reason);
    expect(await failing).toBe(reason);
  });
});
