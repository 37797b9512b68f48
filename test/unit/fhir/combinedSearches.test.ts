import type { Identifier, Patient } from 'fhir/r4';
import type { Found } from '../../../src/fhir/client';
import { FhirStatusError, InvalidFhirResponse } from '../../../src/fhir/errors';
import { type FhirQuery, tokenValue } from '../../../src/fhir/query';
import { failureOf, type OpenFhirClient, openFhirClient } from '../../support/fhirClient';
import { useScriptedServer } from '../../support/scriptedServer';

const never = new AbortController().signal;
const MRN = 'http://h.example/mrn';

type Request = Parameters<Parameters<ReturnType<typeof useScriptedServer>['server']['script']>[0]>[0];
type Reply = ReturnType<Parameters<ReturnType<typeof useScriptedServer>['server']['script']>[0]>;

const patient = (id: string, ...identifier: readonly unknown[]): object => ({
  resourceType: 'Patient',
  id,
  meta: { versionId: '1' },
  identifier,
});
const searchset = (resources: readonly object[], next?: string): Reply => ({
  body: {
    resourceType: 'Bundle',
    type: 'searchset',
    entry: resources.map((resource) => ({ resource, search: { mode: 'match' } })),
    ...(next !== undefined && { link: [{ relation: 'next', url: next }] }),
  },
});
const asked = ({ url }: Request): readonly string[] =>
  new URL(url, 'http://x').searchParams.get('identifier')?.match(/(?:[^\\,]|\\.)+/g) ?? [];

describe('searches for one identifier each that meet', () => {
  const scripted = useScriptedServer();
  let client: OpenFhirClient;
  /** Two searches that the server does not answer: those that come meanwhile meet. */
  let ahead: readonly Promise<unknown>[];
  const stopAhead = new AbortController();
  /** Answers to what is asked after those. */
  let answer: (request: Request) => Reply;
  /** What was asked after those. */
  const requests = (): readonly (readonly string[])[] => scripted.server.requests.slice(2).map(asked);

  const search = (identifier: Identifier, signal = never): Promise<readonly Found<Patient>[]> =>
    client.search<Patient>('Patient', [['identifier', tokenValue(identifier.system, identifier.value ?? '')]], signal);
  const mrn = (value: string): Identifier => ({ system: MRN, value });
  const ids = (found: readonly Found<Patient>[]): readonly string[] => found.map(({ id }) => id);
  const idsOf = async (identifiers: readonly Identifier[]): Promise<readonly (readonly string[])[]> =>
    (await Promise.all(identifiers.map((one) => search(one)))).map(ids);

  beforeEach(async () => {
    client = openFhirClient(`${scripted.server.url}/fhir`, { together: 20 });
    answer = () => ({ status: 500 });
    scripted.server.script((request) => (request.url.includes('ahead') ? { fault: 'hang' } : answer(request)));
    ahead = ['ahead-1', 'ahead-2'].map((value) => failureOf(search(mrn(value), stopAhead.signal)));
    await scripted.server.received(2);
  });
  afterEach(async () => {
    await scripted.server.stop();
    await Promise.all(ahead);
    await client.close();
  });

  /** A server as it should be, with these patients. */
  const holding =
    (...patients: readonly { readonly resource: object; readonly tokens: readonly string[] }[]) =>
    (request: Request): Reply => {
      const wanted = new Set(asked(request));
      return searchset(
        patients.filter(({ tokens }) => tokens.some((token) => wanted.has(token))).map(({ resource }) => resource),
      );
    };
  const known = (id: string, ...identifiers: readonly Identifier[]) => ({
    resource: patient(id, ...identifiers),
    tokens: identifiers.map(({ system, value }) => tokenValue(system, value ?? '')),
  });

  it('share a request, and each gets the matches that carry its identifier', async () => {
    answer = holding(known('b', mrn('2')), known('a', mrn('1')), known('ab', mrn('2'), mrn('1')));
    expect(await idsOf([mrn('1'), mrn('2')])).toEqual([
      ['a', 'ab'],
      ['b', 'ab'],
    ]);
    expect(requests()).toEqual([[`${MRN}|1`, `${MRN}|2`]]);
    expect(scripted.server.requests[2]).toMatchObject({
      url: `/fhir/Patient?identifier=${encodeURIComponent(`${MRN}|1,${MRN}|2`)}&_count=100`,
      headers: { 'cache-control': 'no-cache' },
    });
  });

  it('are answered alike when two ask for the same', async () => {
    answer = holding(known('a', mrn('1')));
    expect(await idsOf([mrn('1'), mrn('1'), mrn('1')])).toEqual([['a'], ['a'], ['a']]);
    expect(requests()).toEqual([[`${MRN}|1`]]);
  });

  it('ask once when there is nothing of any', async () => {
    answer = holding();
    expect(await idsOf([mrn('1'), mrn('2'), mrn('3')])).toEqual([[], [], []]);
    expect(requests()).toHaveLength(1);
  });

  it('tell commas, bars, dollars and backslashes in identifiers from those between them, and identifiers without system from those with', async () => {
    const identifiers = [
      mrn('A,B'),
      mrn('A'),
      mrn('B\\'),
      mrn('B\\,C|$'),
      { value: 'A' },
      { system: 'urn:a,b|c', value: 'A' },
    ];
    answer = holding(...identifiers.map((one, index) => known(`${index}`, one)));
    expect(await idsOf(identifiers)).toEqual([['0'], ['1'], ['2'], ['3'], ['4'], ['5']]);
    expect(requests()).toHaveLength(1);
  });

  it('read all pages of a server that gives them in pages', async () => {
    answer = ({ url }) =>
      url.includes('page=2') ? searchset([patient('b', mrn('2'))]) : searchset([patient('a', mrn('1'))], '?page=2');
    expect(await idsOf([mrn('1'), mrn('2')])).toEqual([['a'], ['b']]);
  });

  it('go with those of their own resource type only', async () => {
    answer = () => searchset([]);
    const other = client.search('Device', [['identifier', 'urn:x|1']], never);
    await Promise.all([search(mrn('1')), search(mrn('2')), other]);
    expect(scripted.server.requests.slice(2).map(({ url }) => url.split('?')[0])).toEqual(
      expect.arrayContaining(['/fhir/Patient', '/fhir/Device']),
    );
    expect(requests()).toHaveLength(2);
  });

  it.each<readonly [string, FhirQuery]>([
    [
      'more than an identifier',
      [
        ['identifier', 'urn:x|1'],
        ['_tag', 'urn:y|2'],
      ],
    ],
    ['two identifiers', [['identifier', 'urn:x|1,urn:x|2']]],
    ['two identifiers, the first of which ends with a backslash', [['identifier', 'urn:x|1\\\\,urn:x|2']]],
    ['an identifier of any system', [['identifier', '1']]],
    ['any identifier of a system', [['identifier', 'urn:x|']]],
    ['something else', [['_id', 'a']]],
  ])('do not take a search for %s with them', async (_name, query) => {
    answer = () => searchset([]);
    await Promise.all([client.search('Patient', query, never), client.search('Patient', query, never)]);
    expect(scripted.server.requests).toHaveLength(4);
    expect(scripted.server.requests[3]?.url).not.toContain('_count');
  });

  it('keep their address short', async () => {
    answer = () => searchset([]);
    const values = Array.from({ length: 12 }, (_, index) => `${index}`.repeat(600));
    await idsOf(values.map(mrn));
    const lengths = scripted.server.requests.slice(2).map(({ url }) => url.length);
    expect(lengths.length).toBeLessThan(12);
    expect(Math.max(...lengths.filter((_, index) => (requests()[index] ?? []).length > 1))).toBeLessThan(4100);
  });

  describe('and a server that says too much', () => {
    it('fail alone where it gives strangers: no one gets the record of another', async () => {
      answer = () => searchset([patient('stranger', mrn('9'))]);
      expect(await idsOf([mrn('1'), mrn('2')])).toEqual([['stranger'], ['stranger']]);
      // Each has what the server says to it alone, for the caller to refuse.
      expect(requests().map(({ length }) => length)).toEqual([2, 1, 1]);
    });

    it.each([
      ['does not look at the identifier', [mrn('1'), mrn('2')]],
      ['does not look at case', [mrn('abc'), mrn('ABC')]],
      ['does not look at the system', [mrn('1'), { system: 'urn:other', value: '1' }]],
    ])('believe no absence where the record of another would hide that it %s', async (_name, identifiers) => {
      answer = () => searchset([patient('a', identifiers[0])]);
      expect(await idsOf(identifiers)).toEqual([['a'], ['a']]);
      expect(requests()).toHaveLength(2);
    });

    it('ask once more for all that had no match together', async () => {
      answer = holding(known('a', mrn('1')), known('b', mrn('4')));
      expect(await idsOf(['1', '2', '3', '4'].map(mrn))).toEqual([['a'], [], [], ['b']]);
      expect(requests()[1]).toEqual([`${MRN}|2`, `${MRN}|3`]);
      expect(requests()).toHaveLength(2);
    });

    it('read large records one by one', async () => {
      const large = (value: string) => patient(value, mrn(value), { value: 'x'.repeat(1024 * 1024) });
      answer = (request) => searchset(asked(request).map((token) => large(token.split('|')[1] ?? '')));
      expect(await idsOf(['1', '2', '3', '4'].map(mrn))).toEqual([['1'], ['2'], ['3'], ['4']]);
      expect(requests().map(({ length }) => length)).toEqual([4, 2, 2, 1, 1, 1, 1]);
    });
  });

  describe('and a record that cannot be read', () => {
    it.each<readonly [string, object]>([
      ['is of another type', { resourceType: 'Device', id: 'bad' }],
      ['has no version', { ...patient('bad', mrn('2')), meta: {} }],
      ['has identifiers that are none', patient('bad', null, { system: 7, value: '2' }, { system: MRN, value: 2 })],
      ['has something else where identifiers belong', { ...patient('bad'), identifier: 'x' }],
    ])('fail no other when it %s', async (_name, bad) => {
      answer = (request) =>
        searchset([
          ...(asked(request).includes(`${MRN}|1`) ? [patient('a', mrn('1'))] : []),
          ...(asked(request).includes(`${MRN}|2`) ? [bad] : []),
        ]);
      const [good, other] = await Promise.allSettled([search(mrn('1')), search(mrn('2'))]);
      expect(good).toMatchObject({ status: 'fulfilled', value: [{ id: 'a' }] });
      // Alone it is what it is without company: an error, or a match that is none, for the caller to refuse.
      expect(other.status === 'rejected' || other.value[0]?.id === 'bad').toBe(true);
    });
  });

  describe('and a refusal', () => {
    const outcome = (diagnostics: string) => ({
      resourceType: 'OperationOutcome',
      issue: [{ severity: 'error', code: 'processing', diagnostics }],
    });

    it.each([400, 403, 404, 414, 500])(
      'with %i to one of them leaves the others what they asked for',
      async (status) => {
        answer = (request) =>
          asked(request).includes(`${MRN}|3`)
            ? { status, body: outcome(`about ${asked(request).join(' and ')}`) }
            : holding(known('a', mrn('1')), known('b', mrn('2')), known('d', mrn('4')))(request);
        const results = await Promise.allSettled(['1', '2', '3', '4'].map((value) => search(mrn(value))));
        expect(results.map((result) => (result.status === 'fulfilled' ? ids(result.value) : 'refused'))).toEqual([
          ['a'],
          ['b'],
          'refused',
          ['d'],
        ]);
        const { reason } = results[2] as { reason: FhirStatusError };
        expect(reason).toMatchObject({ code: 'FhirStatusError', status });
        expect(reason.outcome?.issue[0]?.diagnostics).toBe(`about ${MRN}|3`);
      },
    );

    it.each([401, 408, 429, 502, 503, 504])(
      'with %i is the same for all: nobody asks again, and none hears what was said about another',
      async (status) => {
        answer = () => ({ status, headers: { 'retry-after': '7' }, body: outcome('about 1 and 2') });
        const failures = await Promise.all(['1', '2'].map((value) => failureOf(search(mrn(value)))));
        expect(requests()).toHaveLength(1);
        for (const failure of failures) {
          expect(failure).toBeInstanceOf(FhirStatusError);
          expect(failure).toMatchObject({
            status,
            retryAfterMs: 7000,
            message: expect.stringContaining('search') as string,
          });
          expect((failure as FhirStatusError).outcome).toBeUndefined();
        }
      },
    );

    it('of one half does not cost the other half its answer', async () => {
      answer = (request) => {
        const tokens = asked(request);
        if (tokens.length === 4) return { status: 400 };
        return tokens.includes(`${MRN}|1`) ? { status: 503 } : searchset([]);
      };
      const results = await Promise.allSettled(['1', '2', '3', '4'].map((value) => search(mrn(value))));
      expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled', 'fulfilled']);
    });

    it('by a connection that breaks is the same for all', async () => {
      answer = () => ({ fault: 'reset' });
      const failures = await Promise.all(['1', '2'].map((value) => failureOf(search(mrn(value)))));
      expect(requests()).toHaveLength(1);
      expect(failures).toMatchObject([{ code: 'ConnectionError' }, { code: 'ConnectionError' }]);
    });

    it('in form of a page that is no FHIR is looked at one by one: the answer to many may have been cut', async () => {
      answer = (request) => (asked(request).length > 1 ? { body: '{"resourceType":"Bun' } : searchset([]));
      expect(await idsOf([mrn('1'), mrn('2')])).toEqual([[], []]);
      answer = () => ({ body: '<html>' });
      const failures = await Promise.all(['1', '2'].map((value) => failureOf(search(mrn(value)))));
      expect(failures.map((failure) => failure instanceof InvalidFhirResponse)).toEqual([true, true]);
    });
  });

  it('go on for the others when one gives up', async () => {
    const leaving = new AbortController();
    answer = (request) => {
      leaving.abort(new Error('gone'));
      return holding(known('b', mrn('2')))(request);
    };
    const failure = failureOf(search(mrn('1'), leaving.signal));
    expect(await idsOf([mrn('2')])).toEqual([['b']]);
    expect(await failure).toEqual(new Error('gone'));
  });

  it('are ended when nobody waits any more', async () => {
    const leaving = new AbortController();
    answer = () => ({ fault: 'hang' });
    const failures = ['1', '2'].map((value) => failureOf(search(mrn(value), leaving.signal)));
    await scripted.server.received(3);
    leaving.abort(new Error('gone'));
    expect(await Promise.all(failures)).toEqual([new Error('gone'), new Error('gone')]);
  });
});

describe('a search that meets no other', () => {
  const scripted = useScriptedServer();

  it('is sent as it is without the setting', async () => {
    const urls = await Promise.all(
      [1, 20].map(async (together) => {
        const client = openFhirClient(`${scripted.server.url}/fhir`, { together });
        scripted.server.script(() => searchset([]));
        await client.search('Patient', [['identifier', tokenValue(MRN, 'A,B')]], never);
        await client.close();
        return scripted.server.requests.at(-1)?.url;
      }),
    );
    expect(urls[0]).toBe(urls[1]);
    expect(urls[0]).toBe(`/fhir/Patient?identifier=${encodeURIComponent(`${MRN}|A\\,B`)}`);
  });
});
