import type { TransactionEntry } from '../../../src/fhir/client';
import { failureOf, type OpenFhirClient, openFhirClient } from '../../support/fhirClient';
import { useScriptedServer } from '../../support/scriptedServer';

const never = new AbortController().signal;
const create: TransactionEntry = {
  kind: 'create',
  fullUrl: 'urn:uuid:5c1e4e5e-0001-4000-8000-000000000001',
  resource: { resourceType: 'Patient' },
  ifNoneExist: [['identifier', 'urn:x|1']],
};
const update: TransactionEntry = {
  kind: 'update',
  resource: { resourceType: 'ImagingStudy', id: 's' },
  id: 's',
  etag: 'W/"2"',
};
const remove: TransactionEntry = { kind: 'delete', type: 'Observation', id: 'o', etag: 'W/"5"' };
const answer = (...entry: unknown[]): { readonly body: object } => ({
  body: { resourceType: 'Bundle', type: 'transaction-response', entry },
});

describe('a FHIR transaction', () => {
  const scripted = useScriptedServer();
  let client: OpenFhirClient;
  beforeEach(() => {
    client = openFhirClient(`${scripted.server.url}/fhir/`);
  });
  afterEach(async () => {
    await scripted.server.stop();
    await client.close();
  });
  const send = (...entries: TransactionEntry[]): Promise<unknown> => client.transaction(entries, never);

  it('asks for nothing when there is nothing to write', async () => {
    expect(await send()).toEqual([]);
    expect(scripted.server.requests).toHaveLength(0);
  });

  it('sends creations with a condition, changes and deletions with a version', async () => {
    const ok = { response: { status: '200' } };
    scripted.server.replies(answer(ok, ok, ok));
    await send(create, update, remove);
    const [request] = scripted.server.requests;
    expect(request).toMatchObject({ method: 'POST', url: '/fhir' });
    expect(request?.headers).toMatchObject({
      prefer: 'return=minimal',
      'content-type': 'application/fhir+json; charset=utf-8',
    });
    expect(JSON.parse(request?.body ?? '')).toEqual({
      resourceType: 'Bundle',
      type: 'transaction',
      entry: [
        {
          fullUrl: 'urn:uuid:5c1e4e5e-0001-4000-8000-000000000001',
          resource: { resourceType: 'Patient' },
          request: { method: 'POST', url: 'Patient', ifNoneExist: 'identifier=urn%3Ax%7C1' },
        },
        {
          fullUrl: `${scripted.server.url}/fhir/ImagingStudy/s`,
          resource: { resourceType: 'ImagingStudy', id: 's' },
          request: { method: 'PUT', url: 'ImagingStudy/s', ifMatch: 'W/"2"' },
        },
        { request: { method: 'DELETE', url: 'Observation/o', ifMatch: 'W/"5"' } },
      ],
    });
  });

  it('tells what was created from what existed, and reads ids and versions', async () => {
    scripted.server.replies(
      answer(
        { response: { status: '201 Created', location: 'Patient/p/_history/1', etag: '1' } },
        { response: { status: '200 OK', location: 'https://other.example/fhir/Patient/q/_history/4', etag: 'W/"9"' } },
        { response: { status: '200', etag: '3' } },
        { response: { status: '204 No Content' } },
      ),
    );
    expect(await send(create, create, update, remove)).toEqual([
      { status: 201, location: 'Patient/p/_history/1', id: 'p', etag: 'W/"1"' },
      { status: 200, location: 'https://other.example/fhir/Patient/q/_history/4', id: 'q', etag: 'W/"4"' },
      { status: 200, id: 's', etag: 'W/"3"' },
      { status: 204, id: 'o' },
    ]);
  });

  it('takes the id from the resource where the server sends it instead of a location', async () => {
    scripted.server.replies(
      answer({ response: { status: '201', etag: 'W/"1"' }, resource: { resourceType: 'Patient', id: 'p' } }),
    );
    expect(await send(create)).toEqual([{ status: 201, id: 'p', etag: 'W/"1"' }]);
  });

  it.each(['404', '410 Gone'])('is content when what it deletes is gone (%s)', async (status) => {
    scripted.server.replies(answer({ response: { status } }));
    expect(await send(remove)).toMatchObject([{ id: 'o' }]);
  });

  it.each([
    ['no entries', [], 'the answer to a transaction of 2 entries has 0'],
    ['too few', [{ response: { status: '200' } }], 'the answer to a transaction of 2 entries has 1'],
    ['a null entry', [{ response: { status: '200' } }, null], 'entry 1 of a transaction has no answer'],
    ['no response', [{}, { response: { status: '200' } }], 'entry 0 of a transaction has an answer without response'],
    [
      'no status',
      [{ response: { status: '200' } }, { response: {} }],
      'entry 1 of a transaction has a response without status',
    ],
    ['an empty status', [{ response: { status: '' } }, {}], 'entry 0 of a transaction has a response without status'],
    ['404', [{ response: { status: '404 Not Found' } }, {}], 'entry 0 of a transaction has the status 404'],
    ['300', [{ response: { status: '300' } }, {}], 'entry 0 of a transaction has the status 300'],
  ])('is not confirmed by %s', async (_, entries, problem) => {
    scripted.server.replies(answer(...entries));
    expect(await failureOf(send(create, update))).toMatchObject({ code: 'InvalidFhirResponse', problem });
  });

  it.each(['10', '1000', '10a', 'OK', '200OK', ' 200'])(
    'is not confirmed by the malformed status %j',
    async (status) => {
      scripted.server.replies(answer({ response: { status } }));
      expect(await failureOf(send(create))).toMatchObject({
        code: 'InvalidFhirResponse',
        problem: 'entry 0 of a transaction has a response whose status is malformed',
      });
    },
  );

  it.each(['200', '201 Created', '204', '299'])('is confirmed by the status %j', async (status) => {
    scripted.server.replies(answer({ response: { status } }));
    expect(await send(create)).toHaveLength(1);
  });

  it.each([
    ['HTML', '<html>200 but no FHIR</html>'],
    ['half of it', '{"resourceType":"Bundle","entry":['],
    ['nothing', ''],
    ['another resource', { resourceType: 'OperationOutcome', issue: [] }],
  ])('has an unknown outcome when the answer is %s', async (_, body) => {
    scripted.server.replies({ body });
    expect(await failureOf(send(create))).toMatchObject({ code: 'InvalidFhirResponse', outcomeUnknown: true });
  });
});
