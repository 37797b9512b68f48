import type { Patient } from 'fhir/r4';
import { failureOf, type OpenFhirClient, openFhirClient } from '../../support/fhirClient';
import { useScriptedServer } from '../../support/scriptedServer';

const never = new AbortController().signal;
const jane: Patient = { resourceType: 'Patient', gender: 'female' };

describe('writing one resource', () => {
  const scripted = useScriptedServer();
  let client: OpenFhirClient;
  beforeEach(() => {
    client = openFhirClient(`${scripted.server.url}/fhir`);
  });
  afterEach(async () => {
    await scripted.server.stop();
    await client.close();
  });
  const create = (): Promise<unknown> => client.create(jane, [['identifier', 'urn:x|A,B']], never);
  const searchset = (...ids: string[]): object => ({
    resourceType: 'Bundle',
    entry: ids.map((id) => ({ resource: { resourceType: 'Patient', id, meta: { versionId: '4' } } })),
  });

  it('creates conditionally', async () => {
    scripted.server.replies({ status: 201, headers: { location: `${scripted.server.url}/fhir/Patient/7/_history/1` } });
    expect(await create()).toEqual({ outcome: 'created', id: '7', etag: 'W/"1"' });
    const [request] = scripted.server.requests;
    expect(request).toMatchObject({ method: 'POST', url: '/fhir/Patient' });
    expect(request?.headers).toMatchObject({
      'if-none-exist': 'identifier=urn%3Ax%7CA%2CB',
      'content-type': 'application/fhir+json; charset=utf-8',
      prefer: 'return=minimal',
    });
    expect(JSON.parse(request?.body ?? '')).toEqual(jane);
  });

  it('tells a resource that existed from one that was created', async () => {
    scripted.server.replies({ status: 200, headers: { location: 'Patient/7/_history/3' } });
    expect(await create()).toEqual({ outcome: 'existed', id: '7', etag: 'W/"3"' });
  });

  it('takes the id from the body, and the version from the ETag, where there is no location', async () => {
    scripted.server.replies({ status: 200, headers: { etag: 'W/"3"' }, body: { ...jane, id: '7' } });
    expect(await create()).toEqual({ outcome: 'existed', id: '7', etag: 'W/"3"' });
  });

  it('asks the condition itself when the answer does not say which resource it is', async () => {
    scripted.server.replies({ status: 200 }, { body: searchset('9') });
    expect(await create()).toMatchObject({ outcome: 'existed', id: '9', etag: 'W/"4"' });
    expect(scripted.server.requests[1]?.url).toBe('/fhir/Patient?identifier=urn%3Ax%7CA%2CB');
  });

  it('does not guess when the condition matches none or several', async () => {
    scripted.server.replies({ status: 201 }, { body: searchset() }, { status: 200 }, { body: searchset('8', '9') });
    expect(await failureOf(create())).toMatchObject({ code: 'InvalidFhirResponse' });
    expect(await failureOf(create())).toMatchObject({ code: 'MultipleMatches', type: 'Patient', ids: ['8', '9'] });
  });

  it('updates exactly the version that was found', async () => {
    scripted.server.replies({ status: 200, body: '' });
    const found = { resource: { ...jane, id: '7' }, id: '7', etag: 'W/"3"' };
    await client.update<Patient>(found, { ...jane, active: true }, never);
    const [request] = scripted.server.requests;
    expect(request).toMatchObject({ method: 'PUT', url: '/fhir/Patient/7' });
    expect(request?.headers['if-match']).toBe('W/"3"');
    expect(JSON.parse(request?.body ?? '')).toEqual({ ...jane, active: true, id: '7' });
  });

  it.each([409, 410, 412])('reports a conflict when the version is no longer the newest (%d)', async (status) => {
    scripted.server.replies({ status });
    const found = { resource: { ...jane, id: '7' }, id: '7', etag: 'W/"3"' };
    expect(await failureOf(client.update(found, jane, never))).toMatchObject({ code: 'VersionConflict', status });
  });

  it.each([200, 202, 204, 404, 410])('is done with a deletion that is answered %d', async (status) => {
    scripted.server.replies({ status });
    await client.delete('Patient', '7', 'W/"3"', never);
    expect(scripted.server.requests[0]).toMatchObject({ method: 'DELETE', url: '/fhir/Patient/7' });
    expect(scripted.server.requests[0]?.headers['if-match']).toBe('W/"3"');
  });

  it('deletes without a version when none is given, and reports a refusal', async () => {
    scripted.server.replies({ status: 409 }, { status: 403 });
    expect(await failureOf(client.delete('Patient', '7', undefined, never))).toMatchObject({ code: 'VersionConflict' });
    expect(scripted.server.requests[0]?.headers['if-match']).toBeUndefined();
    expect(await failureOf(client.delete('Patient', '7', undefined, never))).toMatchObject({ code: 'FhirStatusError' });
  });
});
