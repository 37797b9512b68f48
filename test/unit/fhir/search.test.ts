import type { Patient } from 'fhir/r4';
import { createFhirClient, type FhirRequestKind } from '../../../src/fhir/client';
import { FhirResourceInvalid, InvalidFhirResponse } from '../../../src/fhir/errors';
import { tokenValue } from '../../../src/fhir/query';
import { MAX_SEARCH_PAGES } from '../../../src/fhir/search';
import type { HttpClient } from '../../../src/http/httpClient';
import { failureOf, type OpenFhirClient, openFhirClient } from '../../support/fhirClient';
import { useScriptedServer } from '../../support/scriptedServer';
import { everyPartIsLong, OtherWork } from '../../support/turns';

const never = new AbortController().signal;
const patient = (id: string, more: object = {}): object => ({
  resourceType: 'Patient',
  id,
  meta: { versionId: '1' },
  ...more,
});
const searchset = (resources: readonly object[], next?: string): object => ({
  resourceType: 'Bundle',
  type: 'searchset',
  entry: resources.map((resource) => ({ resource, search: { mode: 'match' } })),
  ...(next !== undefined && {
    link: [
      { relation: 'self', url: 'x' },
      { relation: 'next', url: next },
    ],
  }),
});

describe('a FHIR search', () => {
  const scripted = useScriptedServer();
  let kinds: FhirRequestKind[];
  let client: OpenFhirClient;
  beforeEach(() => {
    kinds = [];
    client = openFhirClient(`${scripted.server.url}/base/fhir/`, {
      around: ({ kind }, send) => {
        kinds.push(kind);
        return send();
      },
    });
  });
  afterEach(async () => {
    await scripted.server.stop();
    await client.close();
  });
  const search = (value = '1'): Promise<readonly unknown[]> =>
    client.search<Patient>('Patient', [['identifier', tokenValue('http://h.example/mrn', value)]], never);

  it('keeps the path of the base URL, escapes values and asks for fresh results', async () => {
    scripted.server.replies({ body: searchset([]) });
    expect(await search('A,B&C')).toEqual([]);
    const [request] = scripted.server.requests;
    expect(request?.url).toBe('/base/fhir/Patient?identifier=http%3A%2F%2Fh.example%2Fmrn%7CA%5C%2CB%26C');
    expect(request?.headers).toMatchObject({ accept: 'application/fhir+json', 'cache-control': 'no-cache' });
    expect(request?.headers.authorization).toBeUndefined();
  });

  it('returns matches with the ETag of the version that was read', async () => {
    scripted.server.replies({ body: searchset([patient('a', { meta: { versionId: '7' } })]) });
    expect(await search()).toEqual([{ id: 'a', etag: 'W/"7"', resource: patient('a', { meta: { versionId: '7' } }) }]);
  });

  it('takes an answer without entries as no match', async () => {
    scripted.server.replies({ body: { resourceType: 'Bundle', type: 'searchset', total: 0 } });
    expect(await search()).toEqual([]);
  });

  it('follows next links, relative and absolute, and counts each page', async () => {
    const { url } = scripted.server;
    scripted.server.replies(
      { body: searchset([patient('a')], '?page=2') },
      { body: searchset([patient('b')], `${url}/elsewhere?page=3`) },
      { body: searchset([patient('c')]) },
    );
    expect(await search()).toMatchObject([{ id: 'a' }, { id: 'b' }, { id: 'c' }]);
    expect(scripted.server.requests.map((request) => request.url).slice(1)).toEqual([
      '/base/fhir/Patient?page=2',
      '/elsewhere?page=3',
    ]);
    expect(kinds).toEqual(['search', 'search', 'search']);
  });

  it('returns a resource once although a page repeats it', async () => {
    scripted.server.replies({ body: searchset([patient('a')], '?page=2') }, { body: searchset([patient('a')]) });
    expect(await search()).toHaveLength(1);
  });

  it.each(['https://evil.example/fhir?page=2', '//evil.example/x', 'http://127.0.0.1:1/x'])(
    'does not follow a next link to another origin (%s)',
    async (next) => {
      scripted.server.replies({ body: searchset([patient('a')], next) });
      expect(await failureOf(search())).toBeInstanceOf(InvalidFhirResponse);
      expect(scripted.server.requests).toHaveLength(1);
    },
  );

  it('gives up when pages do not end', async () => {
    scripted.server.script(() => ({ body: searchset([patient('a')], '?again') }));
    expect(await failureOf(search())).toMatchObject({ code: 'InvalidFhirResponse' });
    expect(scripted.server.requests).toHaveLength(MAX_SEARCH_PAGES);
  });

  it('leaves out outcomes and included resources', async () => {
    scripted.server.replies({
      body: {
        resourceType: 'Bundle',
        entry: [
          { search: { mode: 'outcome' }, resource: { resourceType: 'OperationOutcome', issue: [] } },
          { search: { mode: 'include' }, resource: { resourceType: 'Organization', id: 'o' } },
          { resource: patient('a') },
        ],
      },
    });
    expect(await search()).toMatchObject([{ id: 'a' }]);
  });

  it.each([
    ['id', { resourceType: 'Patient', meta: { versionId: '1' } }],
    ['id', patient('')],
    ['id', patient('..')],
    ['versionId', patient('a', { meta: undefined })],
    ['versionId', patient('a', { meta: { versionId: ' ' } })],
    ['versionId', patient('a', { meta: { versionId: '1"' } })],
  ])('refuses a match without a usable %s', async (missing, resource) => {
    scripted.server.replies({ body: searchset([resource]) });
    const error = await failureOf(search());
    expect(error).toBeInstanceOf(FhirResourceInvalid);
    expect(error).toMatchObject({ code: 'FhirResourceInvalid', type: 'Patient', missing });
  });

  it.each([
    [
      'a match that is not complete',
      searchset([patient('a', { meta: { versionId: '1', tag: [{ code: 'SUBSETTED' }] } })]),
    ],
    ['a match of another type', searchset([{ resourceType: 'Group', id: 'a', meta: { versionId: '1' } }])],
    ['an entry without resource', { resourceType: 'Bundle', entry: [{ search: { mode: 'match' } }] }],
    ['a null entry', { resourceType: 'Bundle', entry: [null] }],
    ['another resource than a Bundle', patient('a')],
    ['an unreadable next link', { resourceType: 'Bundle', link: [{ relation: 'next' }] }],
    ['an HTML page', '<html>please log in</html>'],
    ['nothing', ''],
    ['half of an answer', '{"resourceType":"Bundle","entry":['],
  ])('refuses %s', async (_, body) => {
    scripted.server.replies({ body });
    expect(await failureOf(search())).toMatchObject({ code: 'InvalidFhirResponse', outcomeUnknown: false });
  });

  it('refuses a body that is longer than the client may hold', async () => {
    await client.close();
    client = openFhirClient(scripted.server.url, { maxBodyBytes: 100 });
    scripted.server.replies({ body: ' '.repeat(200) });
    expect(await failureOf(search())).toMatchObject({ code: 'InvalidFhirResponse' });
  });
});

describe('the answer to a FHIR search', () => {
  /** Turns that others have until the JSON of an answer is read, and between that and the result. */
  async function turnsAround(body: string): Promise<{ readonly before: number; readonly after: number }> {
    const others = new OtherWork();
    let before = 0;
    const parse = JSON.parse;
    jest.spyOn(JSON, 'parse').mockImplementation((text: string) => {
      before += others.takeTurns();
      return parse(text) as unknown;
    });
    const http: HttpClient = {
      send: () => Promise.resolve({ status: 200, headers: {}, body }),
      close: () => Promise.resolve(),
    };
    const fhir = createFhirClient({ http, baseUrl: 'https://fhir.example' });
    await fhir.search<Patient>('Patient', [['identifier', 'urn:x|1']], never);
    const after = others.takeTurns();
    others.stop();
    jest.restoreAllMocks();
    return { before, after };
  }

  it('gives way while it is read where it is long', async () => {
    everyPartIsLong();
    const long = searchset(
      Array.from({ length: 4 }, (_, index) => patient(`p${index}`, { text: { div: 'x'.repeat(400_000) } })),
    );
    const { before, after } = await turnsAround(JSON.stringify(long));
    expect(before).toBeGreaterThanOrEqual(3);
    // What follows has a turn for itself.
    expect(after).toBeGreaterThan(0);
  });

  it('is read at once where it is not', async () => {
    expect(await turnsAround(JSON.stringify(searchset([patient('a')])))).toEqual({ before: 0, after: 0 });
  });
});
