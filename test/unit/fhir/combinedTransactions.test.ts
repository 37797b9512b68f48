import type { ImagingStudy } from 'fhir/r4';
import type { TransactionEntry, TransactionResult } from '../../../src/fhir/client';
import { type FhirStatusError, InvalidFhirResponse, type VersionConflict } from '../../../src/fhir/errors';
import { failureOf, type OpenFhirClient, openFhirClient } from '../../support/fhirClient';
import { useScriptedServer } from '../../support/scriptedServer';

const never = new AbortController().signal;

type Script = Parameters<ReturnType<typeof useScriptedServer>['server']['script']>[0];
type Request = Parameters<Script>[0];
type Reply = ReturnType<Script>;
interface Entry {
  readonly request: { readonly method: string; readonly url: string; readonly ifNoneExist?: string };
}

const create = (name: string, type: 'Patient' | 'ImagingStudy' = 'ImagingStudy'): TransactionEntry => ({
  kind: 'create',
  fullUrl: `urn:uuid:${name}`,
  resource: { resourceType: type },
  ifNoneExist: [['identifier', `urn:x|${name}`]],
});
const update = (id: string): TransactionEntry => ({
  kind: 'update',
  resource: { resourceType: 'ImagingStudy', id },
  id,
  etag: 'W/"2"',
});
const remove = (id: string): TransactionEntry => ({ kind: 'delete', type: 'ImagingStudy', id, etag: 'W/"2"' });

const entriesOf = ({ body }: Request): readonly Entry[] =>
  (JSON.parse(body) as { readonly entry: readonly Entry[] }).entry;
/** What each entry is about: `ImagingStudy/a`, or the name of what is created. */
const subjects = (request: Request): readonly string[] =>
  entriesOf(request).map(({ request: { url, ifNoneExist } }) =>
    ifNoneExist === undefined ? url : `${url} ${decodeURIComponent(ifNoneExist).split('|')[1] ?? ''}`,
  );
/** Confirms each entry; a create by an id of its name. */
const confirmed = (request: Request): Reply => ({
  body: {
    resourceType: 'Bundle',
    type: 'transaction-response',
    entry: entriesOf(request).map(({ request: { method, url, ifNoneExist } }) =>
      method === 'POST'
        ? { response: { status: '201', location: `${url}/${ifNoneExist?.split('%7C')[1] ?? ''}/_history/1` } }
        : { response: { status: method === 'PUT' ? '200' : '204' } },
    ),
  },
});
const outcome = (diagnostics: string): object => ({
  resourceType: 'OperationOutcome',
  issue: [{ severity: 'error', code: 'processing', diagnostics }],
});

describe('small transactions that meet', () => {
  const scripted = useScriptedServer();
  let client: OpenFhirClient;
  /** Two transactions that the server does not answer: those that come meanwhile meet. */
  let ahead: readonly Promise<unknown>[];
  let stopAhead: AbortController;
  /** Answers to what is sent after those. */
  let answer: Script;
  const requests = (): readonly (readonly string[])[] => scripted.server.requests.slice(2).map(subjects);

  beforeEach(async () => {
    client = openFhirClient(`${scripted.server.url}/fhir`, { together: 20 });
    stopAhead = new AbortController();
    answer = confirmed;
    scripted.server.script((request) => (request.body.includes('ahead') ? { fault: 'hang' } : answer(request)));
    ahead = ['ahead-1', 'ahead-2'].map((id) => failureOf(client.transaction([update(id)], stopAhead.signal)));
    await scripted.server.received(2);
  });
  afterEach(async () => {
    await scripted.server.stop();
    await Promise.all(ahead);
    await client.close();
  });

  const send = (entries: readonly TransactionEntry[], signal = never): Promise<readonly TransactionResult[]> =>
    client.transaction(entries, signal);
  const settle = (...all: readonly (readonly TransactionEntry[])[]) =>
    Promise.allSettled(all.map((entries) => send(entries)));
  const statuses = (results: readonly PromiseSettledResult<unknown>[]): readonly string[] =>
    results.map(({ status }) => status);

  it('share a request, and each gets the results of its own entries', async () => {
    const results = await Promise.all([
      send([create('a'), update('b')]),
      send([]),
      send([remove('c')]),
      send([create('d')]),
    ]);
    expect(requests()).toEqual([['ImagingStudy a', 'ImagingStudy/b', 'ImagingStudy/c', 'ImagingStudy d']]);
    expect(results.map((own) => own.map(({ id, status }) => `${status} ${id}`))).toEqual([
      ['201 a', '200 b'],
      [],
      ['204 c'],
      ['201 d'],
    ]);
  });

  it.each<readonly [string, TransactionEntry, TransactionEntry]>([
    ['change the same resource', update('a'), update('a')],
    ['change and delete the same resource', update('a'), remove('a')],
    ['would create the same', create('a', 'Patient'), create('a', 'Patient')],
  ])('never go together when they %s', async (_name, one, other) => {
    await settle([one], [other], [update('z')]);
    expect(requests().length).toBeGreaterThan(1);
    for (const sent of requests()) expect(new Set(sent).size).toBe(sent.length);
  });

  it('go together when they create different types by the same identifier', async () => {
    await settle([create('a', 'Patient')], [create('a', 'ImagingStudy')]);
    expect(requests()).toHaveLength(1);
  });

  it('do not take a large one with them, and stay within a hundred entries', async () => {
    const series = Array.from({ length: 1000 }, (_, index) => ({ uid: `1.2.${index}`, modality: { code: 'CT' } }));
    const study: ImagingStudy = { resourceType: 'ImagingStudy', status: 'available', subject: {}, series };
    const large: TransactionEntry = { kind: 'update', resource: study, id: 'large', etag: 'W/"2"' };
    const many = (name: string): readonly TransactionEntry[] =>
      Array.from({ length: 60 }, (_, index) => update(`${name}${index}`));
    await settle([large], many('a'), many('b'), [update('c')]);
    expect(
      requests()
        .map(({ length }) => length)
        .sort((a, b) => a - b),
    ).toEqual([1, 60, 61]);
  });

  it('do not take a large one with them whose first series is small', async () => {
    const series = Array.from({ length: 30 }, (_, number) => ({
      uid: `1.2.${number}`,
      modality: { code: 'CT' },
      instance: Array.from({ length: number === 0 ? 3 : 500 }, (_unused, index) => ({
        uid: `1.2.${number}.${index}`,
        sopClass: { code: 'urn:oid:1.2' },
      })),
    }));
    const study: ImagingStudy = { resourceType: 'ImagingStudy', status: 'available', subject: {}, series };
    const large: TransactionEntry = { kind: 'update', resource: study, id: 'large', etag: 'W/"2"' };
    await settle([large], [update('a')], [update('b')], [update('c')]);
    expect(requests().find((sent) => sent.includes('ImagingStudy/large'))).toHaveLength(1);
  });

  describe('and are refused', () => {
    it.each([400, 403, 409, 412, 413, 422, 500])(
      'with %i because of one of them: the others are stored, and that one has its own reason',
      async (status) => {
        answer = (request) =>
          subjects(request).includes('ImagingStudy/b')
            ? { status, body: outcome(`about ${subjects(request).join(' and ')}`) }
            : confirmed(request);
        const results = await settle([update('a')], [update('b')], [create('c')]);
        expect(statuses(results)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
        expect(results[2]).toMatchObject({ value: [{ status: 201, id: 'c' }] });
        const { reason } = results[1] as { readonly reason: FhirStatusError };
        expect(reason).toMatchObject({ status });
        expect(reason.outcome?.issue[0]?.diagnostics).toBe('about ImagingStudy/b');
        expect(requests()).toHaveLength(4);
      },
    );

    it('because several match: whose condition it is, it learns alone', async () => {
      answer = (request) =>
        subjects(request).includes('ImagingStudy b')
          ? { status: 412, body: outcome('Multiple resources match') }
          : confirmed(request);
      const results = await settle([create('a')], [create('b')]);
      expect(results).toMatchObject([{ status: 'fulfilled' }, { reason: { code: 'MultipleMatches' } }]);
    });

    it.each([401, 408, 429, 502, 503, 504])(
      'with %i: that is the same for all, nothing is sent again, and none hears what was said about another',
      async (status) => {
        answer = () => ({ status, headers: { 'retry-after': '7' }, body: outcome('about a and b') });
        const results = await settle([update('a')], [update('b')]);
        expect(requests()).toHaveLength(1);
        for (const result of results) {
          const { reason } = result as { readonly reason: FhirStatusError };
          expect(reason).toMatchObject({ code: 'FhirStatusError', status, retryAfterMs: 7000 });
          expect(reason.outcome).toBeUndefined();
        }
      },
    );

    it('late: each has to read again, because what it rests on may be old; the next time each goes alone', async () => {
      let nowMs = 0;
      const clock = jest.spyOn(performance, 'now').mockImplementation(() => nowMs);
      try {
        answer = (request) => {
          if (subjects(request).length > 1) nowMs += 5001;
          return subjects(request).includes('ImagingStudy/b')
            ? { status: 400, body: outcome('about b') }
            : confirmed(request);
        };
        const late = await settle([update('a')], [update('b')]);
        expect(requests()).toHaveLength(1);
        expect(late).toMatchObject([{ reason: { code: 'VersionConflict' } }, { reason: { code: 'VersionConflict' } }]);
        expect((late[0] as { readonly reason: VersionConflict }).reason.outcome).toBeUndefined();
        expect(await settle([update('a')], [update('b')])).toMatchObject([
          { status: 'fulfilled' },
          { reason: { status: 400 } },
        ]);
        expect(requests().slice(1)).toEqual([['ImagingStudy/a'], ['ImagingStudy/b']]);
      } finally {
        clock.mockRestore();
      }
    });

    it('and one has given up meanwhile: for that one nothing is sent again', async () => {
      const leaving = new AbortController();
      answer = (request) => {
        if (subjects(request).length === 1) return confirmed(request);
        leaving.abort(new Error('gone'));
        return { status: 400 };
      };
      const failure = failureOf(send([update('a')], leaving.signal));
      expect(await settle([update('b')], [update('c')])).toMatchObject([
        { status: 'fulfilled' },
        { status: 'fulfilled' },
      ]);
      expect(await failure).toEqual(new Error('gone'));
      expect(requests().slice(1).flat().sort()).toEqual(['ImagingStudy/b', 'ImagingStudy/c']);
    });

    it('alone: one that does not come back holds up no other', async () => {
      answer = (request) => {
        if (subjects(request).length > 1) return { status: 400 };
        return subjects(request).includes('ImagingStudy/b') ? { fault: 'hang' } : confirmed(request);
      };
      const leaving = new AbortController();
      const hanging = failureOf(send([update('b')], leaving.signal));
      expect(await send([update('a')])).toMatchObject([{ status: 200 }]);
      leaving.abort(new Error('gone'));
      expect(await hanging).toEqual(new Error('gone'));
    });
  });

  describe('and whose outcome is unknown', () => {
    it.each<readonly [string, Reply]>([
      ['the connection breaks', { fault: 'reset' }],
      ['the answer is cut', { body: '{"resourceType":"Bundle"', missingBytes: 10 }],
      ['the answer is no JSON', { body: '<html>' }],
      ['the answer is empty', {}],
      ['the answer is no Bundle', { body: { resourceType: 'OperationOutcome' } }],
    ])('because %s: it is unknown for each, and nothing is sent again', async (_name, reply) => {
      answer = () => reply;
      const failures = await settle([update('a')], [update('b')]);
      expect(requests()).toHaveLength(1);
      for (const { reason } of failures as readonly PromiseRejectedResult[]) {
        const unknown =
          reason instanceof InvalidFhirResponse
            ? reason.outcomeUnknown
            : (reason as { requestSent: boolean }).requestSent;
        expect(unknown).toBe(true);
      }
    });

    it('for those that gave up, others still have theirs', async () => {
      const leaving = new AbortController();
      answer = (request) => {
        leaving.abort(new Error('gone'));
        return confirmed(request);
      };
      const failure = failureOf(send([update('a')], leaving.signal));
      expect(await send([update('b')])).toMatchObject([{ status: 200, id: 'b' }]);
      expect(await failure).toEqual(new Error('gone'));
    });
  });

  it.each<readonly [string, (entries: readonly unknown[]) => readonly unknown[]]>([
    ['too few entries', (entries) => entries.slice(1)],
    ['too many entries', (entries) => [...entries, { response: { status: '200' } }]],
    ['an entry that confirms nothing', (entries) => [{ response: { status: '500' } }, ...entries.slice(1)]],
    ['an entry without response', (entries) => [{}, ...entries.slice(1)]],
  ])('that are answered with %s are asked for one by one: no result is given to another', async (_name, spoil) => {
    answer = (request) => {
      const { body } = confirmed(request) as { readonly body: { readonly entry: readonly unknown[] } };
      return { body: { ...body, entry: entriesOf(request).length > 1 ? spoil(body.entry) : body.entry } };
    };
    const results = await Promise.all([send([create('a')]), send([create('b')])]);
    expect(results.map(([result]) => result?.id)).toEqual(['a', 'b']);
    expect(requests()).toHaveLength(3);
  });

  it('are ended when nobody waits any more', async () => {
    const leaving = new AbortController();
    answer = () => ({ fault: 'hang' });
    const failures = ['a', 'b'].map((id) => failureOf(send([update(id)], leaving.signal)));
    await scripted.server.received(3);
    leaving.abort(new Error('gone'));
    expect(await Promise.all(failures)).toEqual([new Error('gone'), new Error('gone')]);
  });
});

describe('a transaction that meets no other', () => {
  const scripted = useScriptedServer();

  it('is sent as it is without the setting', async () => {
    scripted.server.script(confirmed);
    for (const together of [1, 20]) {
      const client = openFhirClient(`${scripted.server.url}/fhir`, { together });
      await client.transaction([create('a'), update('b'), remove('c')], never);
      await client.close();
    }
    const [one, other] = scripted.server.requests.map(({ method, url, body }) => ({ method, url, body }));
    expect(one).toEqual(other);
    expect(scripted.server.requests).toHaveLength(2);
  });
});
