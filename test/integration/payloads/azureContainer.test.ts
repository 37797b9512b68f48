import type { TokenCredential } from '@azure/identity';
import { ContainerClient, ContainerSASPermissions } from '@azure/storage-blob';
import fc from 'fast-check';
import { createPayloadContainer } from '../../../src/payloads/container/azureContainer';
import type { ListRequest, PayloadContainer } from '../../../src/payloads/container/payloadContainer';
import type { ListedBlob } from '../../../src/payloads/verdict';
import { useAzurite } from '../../support/azurite';
import { listAnswerOfAzure } from '../../support/listAnswers';
import { useScriptedServer } from '../../support/scriptedServer';

const azurite = useAzurite();
const { signal } = new AbortController();
const pipeline = { retryOptions: { maxTries: 3, retryDelayInMs: 1, maxRetryDelayInMs: 5 } };

interface Rig {
  readonly client: ContainerClient;
  readonly payloads: PayloadContainer;
  store(name: string, metadata?: Record<string, string>): Promise<string>;
}

async function rig(deletes: 'single' | 'batch' = 'single'): Promise<Rig> {
  const client = await azurite.container();
  return {
    client,
    payloads: createPayloadContainer(client, { deletes, pipeline }),
    async store(name, metadata = {}) {
      const { etag = '' } = await client.getBlockBlobClient(name).upload('{}', 2, { metadata });
      return etag;
    },
  };
}

async function listAll(payloads: PayloadContainer, request: ListRequest): Promise<ListedBlob[]> {
  const blobs: ListedBlob[] = [];
  let { marker } = request;
  do {
    const page = await payloads.list({ ...request, marker }, signal);
    blobs.push(...page.blobs);
    marker = page.nextMarker;
  } while (marker !== undefined);
  return blobs;
}

const namesOf = (blobs: readonly ListedBlob[]): string[] => blobs.map(({ name }) => name);

describe('listing', () => {
  it('gives each name, ETag and date exactly as a HEAD of that blob does', async () => {
    const { client, payloads, store } = await rig();
    // What Azurite can store and list: it has no way to write control characters into XML, and takes a backslash for a slash.
    const name = fc
      .string({
        unit: fc.oneof(
          fc.constantFrom(...Array.from(`/*+ .&<>'"%;#?=~!]\t\né`)),
          fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
        ),
        minLength: 1,
        maxLength: 30,
      })
      .filter((text) => !/[\u0000-\u0008\u000b-\u001f\\]|(^|\/)\.{1,2}(\/|$)/.test(text));
    const names = new Set([
      'a*b',
      '/lead',
      'a//b',
      'x/',
      ' space',
      'a+b',
      '%2e%2e/x',
      `&<>'"`,
      'ü',
      ...fc.sample(name, 60),
    ]);
    for (const each of names) await store(each);
    const listed = await listAll(payloads, { pageSize: 7 });
    expect(new Set(namesOf(listed))).toEqual(names);
    for (const { name: listedName, etag, lastModified } of listed) {
      const head = await client.getBlobClient(listedName).getProperties();
      expect({ etag, lastModified }).toEqual({ etag: head.etag, lastModified: head.lastModified });
    }
  });

  it('goes on from a marker, stays within a prefix and begins at a name', async () => {
    const { payloads, store } = await rig();
    for (const name of ['1/a', '97/a', '97/a-b', '97/a/c', '97/b', '98/a']) await store(name);
    expect(namesOf(await listAll(payloads, { pageSize: 1, prefix: '97/' }))).toEqual([
      '97/a',
      '97/a-b',
      '97/a/c',
      '97/b',
    ]);
    const startFrom = '97/a-b';
    expect(namesOf(await listAll(payloads, { pageSize: 2, startFrom }))).toEqual(['97/a-b', '97/a/c', '97/b', '98/a']);
  });

  it('tells restored payloads that shall stay', async () => {
    const { payloads, store } = await rig();
    await store('1/a/1/k', { Keep: 'true' });
    await store('1/b/1/k', { kept: 'true' });
    expect((await listAll(payloads, { pageSize: 5 })).map(({ isKept }) => isKept)).toEqual([true, undefined]);
  });

  it('finds the first segments, with all that has no slash', async () => {
    const { payloads, store } = await rig();
    for (const name of ['104/a/1/k', '104/b/1/k', '97/a/1/k', 'stray', '/x', ' y/z']) await store(name);
    expect(await payloads.rootSegments(signal)).toEqual([' y/', '/', '104/', '97/', 'stray']);
  });

  it('works with a SAS', async () => {
    const { client, store } = await rig();
    await store('1/a/1/k');
    const permissions = ContainerSASPermissions.parse('rld');
    const url = await client.generateSasUrl({ permissions, expiresOn: new Date(Date.now() + 3_600_000) });
    const payloads = createPayloadContainer(new ContainerClient(url), { pipeline });
    expect(payloads.account).not.toContain('sig');
    const [blob] = await listAll(payloads, { pageSize: 5 });
    const listed = { name: '1/a/1/k', etag: blob?.etag ?? '' };
    expect(await payloads.deleteManyUnchanged([listed], signal)).toEqual([{ kind: 'deleted' }]);
  });

  it('tells that the container is not there, which is no empty list', async () => {
    const { client, payloads } = await rig();
    await client.delete();
    await expect(payloads.list({ pageSize: 5 }, signal)).rejects.toMatchObject({ code: 'ContainerMissing' });
  });
});

describe('a listing that does not come whole', () => {
  const scripted = useScriptedServer();
  const xml = { 'content-type': 'application/xml' };
  const payloads = (): PayloadContainer =>
    createPayloadContainer(new ContainerClient(`${scripted.server.url}/account/payloads`), { pipeline });
  const answer = listAnswerOfAzure({ names: ['104/a/1/k'] });

  it('is asked for again after a broken connection, a 503 and a body without its end', async () => {
    for (const first of [
      { fault: 'reset' as const },
      { status: 503, headers: xml, body: '<Error><Code>ServerBusy</Code></Error>' },
      { headers: xml, body: answer.slice(0, -30) },
      { headers: xml, body: answer.slice(0, -30), missingBytes: 30 },
    ]) {
      scripted.server.replies(first, { headers: xml, body: answer });
      expect(namesOf((await payloads().list({ pageSize: 5 }, signal)).blobs)).toEqual(['104/a/1/k']);
    }
  });

  it('throws when it stays cut off, or is something else, and is never an empty page', async () => {
    scripted.server.script(() => ({ headers: xml, body: answer.slice(0, -30) }));
    await expect(payloads().list({ pageSize: 5 }, signal)).rejects.toMatchObject({
      code: 'MalformedListAnswer',
      isCutOff: true,
    });
    expect(scripted.server.requests).toHaveLength(3);
    scripted.server.script(() => ({ headers: { 'content-type': 'text/html' }, body: '<html>Sign in</html>' }));
    await expect(payloads().list({ pageSize: 5 }, signal)).rejects.toMatchObject({
      code: 'MalformedListAnswer',
      isCutOff: false,
    });
    expect(scripted.server.requests).toHaveLength(4);
  });

  it('takes an empty page with a marker for what it is', async () => {
    scripted.server.replies({ headers: xml, body: listAnswerOfAzure({ names: [], nextMarker: 'go on' }) });
    expect(await payloads().list({ pageSize: 5 }, signal)).toEqual({ blobs: [], nextMarker: 'go on' });
  });

  it('finds out that an older service does not start from a name, and never takes its page for the asked one', async () => {
    scripted.server.script(() => ({ headers: xml, body: answer }));
    expect(await payloads().canStartFrom(signal)).toBe(false);
    await expect(payloads().list({ pageSize: 5, startFrom: '97/' }, signal)).rejects.toMatchObject({
      code: 'StartFromIgnored',
    });
  });

  it('collects the first segments over all pages, also empty ones', async () => {
    scripted.server.replies(
      { headers: xml, body: listAnswerOfAzure({ names: ['root'], prefixes: ['104/'], nextMarker: '1' }) },
      { headers: xml, body: listAnswerOfAzure({ names: [], nextMarker: '2' }) },
      { headers: xml, body: listAnswerOfAzure({ names: [], prefixes: ['97/'] }) },
    );
    expect(await payloads().rootSegments(signal)).toEqual(['104/', '97/', 'root']);
  });

  it('ends with its signal', async () => {
    scripted.server.script(() => ({ fault: 'hang' }));
    const stop = new AbortController();
    const listed = payloads().list({ pageSize: 5 }, stop.signal);
    await scripted.server.received(1);
    stop.abort();
    await expect(listed).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('sends no token without TLS', async () => {
    const credential: TokenCredential = {
      getToken: () => Promise.resolve({ token: 'secret', expiresOnTimestamp: Date.now() + 3_600_000 }),
    };
    const client = new ContainerClient(`${scripted.server.url}/account/payloads`, credential);
    await expect(createPayloadContainer(client, { pipeline }).list({ pageSize: 5 }, signal)).rejects.toThrow('non-TLS');
    expect(scripted.server.requests).toHaveLength(0);
  });
});

describe('what would undo a delete', () => {
  const scripted = useScriptedServer();
  const xml = { 'content-type': 'application/xml' };
  const undo = (policy: string, versionId: string) => {
    const service = `<StorageServiceProperties><DeleteRetentionPolicy>${policy}</DeleteRetentionPolicy></StorageServiceProperties>`;
    const list = listAnswerOfAzure({ names: ['1/a/1/k'] }).replace('<Properties>', `${versionId}<Properties>`);
    scripted.server.script(({ method, url }) =>
      method === 'HEAD' || !url.includes('comp=')
        ? { headers: { etag: '"1"' } }
        : { headers: xml, body: url.includes('comp=properties') ? service : list },
    );
    return createPayloadContainer(new ContainerClient(`${scripted.server.url}/account/payloads`)).undo(signal);
  };

  it('is soft delete for its days, and versions where a blob has one', async () => {
    const enabled = '<Enabled>true</Enabled><Days>7</Days>';
    expect(await undo(enabled, '<VersionId>2026-01-01T00:00:00Z</VersionId>')).toEqual({
      softDeleteDays: 7,
      versioning: true,
    });
    expect(await undo('<Enabled>false</Enabled>', '')).toEqual({ softDeleteDays: 0, versioning: undefined });
  });
});

describe.each(['single', 'batch'] as const)('%s deletes', (deletes) => {
  it('delete what is unchanged, with its snapshots, and tell what became of the rest', async () => {
    const { client, payloads, store } = await rig(deletes);
    const blobs = [];
    for (const name of ['1/kept*id/1/k', '1/b+/1/k', '1/changed/1/k', '1/gone/1/k', '1/leased/1/k'])
      blobs.push({ name, etag: await store(name) });
    await client.getBlobClient('1/b+/1/k').createSnapshot();
    await store('1/changed/1/k');
    await client.deleteBlob('1/gone/1/k');
    await client.getBlobClient('1/leased/1/k').getBlobLeaseClient().acquireLease(-1);
    blobs.push({ name: '1/../k', etag: '"0x1"' });
    expect(await payloads.deleteManyUnchanged(blobs, signal)).toEqual([
      { kind: 'deleted' },
      { kind: 'deleted' },
      { kind: 'changed' },
      { kind: 'gone' },
      { kind: 'failed', code: 'LeaseIdMissing' },
      { kind: 'failed', code: 'NoAddress' },
    ]);
    expect(namesOf(await listAll(payloads, { pageSize: 10 }))).toEqual(['1/changed/1/k', '1/leased/1/k']);
  });

  it('settle more than a batch holds, in order', async () => {
    const { payloads, store } = await rig(deletes);
    const blobs = [];
    for (let index = 0; index < 300; index += 1) {
      const name = `1/r${String(index).padStart(3, '0')}/1/k`;
      blobs.push({ name, etag: index % 3 === 0 ? '"0x1"' : await store(name) });
      if (index % 3 === 0) await store(name);
    }
    const outcomes = await payloads.deleteManyUnchanged(blobs, signal);
    expect(outcomes.map(({ kind }) => kind)).toEqual(
      blobs.map((_, index) => (index % 3 === 0 ? 'changed' : 'deleted')),
    );
    expect(await listAll(payloads, { pageSize: 5000 })).toHaveLength(100);
  });

  it('count as failed with the code of the connection when the storage cannot be reached', async () => {
    const client = new ContainerClient('http://127.0.0.1:1/account/payloads');
    const outcomes = await createPayloadContainer(client, { deletes, pipeline }).deleteManyUnchanged(
      [{ name: '1/a/1/k', etag: '"0x1"' }],
      signal,
    );
    expect(outcomes).toEqual([{ kind: 'failed', code: 'ECONNREFUSED' }]);
  });

  it('are not an outcome when the signal ends, but end with it', async () => {
    const { payloads, store } = await rig(deletes);
    const etag = await store('1/a/1/k');
    await expect(
      payloads.deleteManyUnchanged([{ name: '1/a/1/k', etag }], AbortSignal.abort(new Error('stopped'))),
    ).rejects.toThrow('stopped');
  });
});

describe('the container', () => {
  it('is created once, and says so to whoever comes second', async () => {
    const client = new ContainerClient(
      `${azurite.running.blobUrl}/${azurite.freshName()}`,
      (await azurite.container()).credential,
    );
    const payloads = createPayloadContainer(client, { pipeline });
    expect(await payloads.exists(signal)).toBe(false);
    const created = await Promise.all([payloads.create(signal), payloads.create(signal)]);
    expect([...created].sort()).toEqual([false, true]);
    expect(await payloads.exists(signal)).toBe(true);
    expect((await client.getProperties()).blobPublicAccess).toBeUndefined();
  });

  it('keeps its metadata under names in lower case', async () => {
    const { payloads } = await rig();
    expect(await payloads.metadata(signal)).toEqual({});
    await payloads.setMetadata({ reconcileIdentity: 'x' }, signal);
    expect(await payloads.metadata(signal)).toEqual({ reconcileidentity: 'x' });
  });

  it('dates by the storage, and reads payloads and their properties', async () => {
    const { client, payloads } = await rig();
    await client.getBlockBlobClient('1/a/1/k').upload('{"id":"ä"}', 11, { metadata: { keep: 'true' } });
    const date = await payloads.storageDate(signal);
    const head = await payloads.properties('1/a/1/k', signal);
    expect(date.getMilliseconds()).toBe(0);
    expect(head?.lastModified.getTime()).toBeLessThanOrEqual(date.getTime());
    expect(head).toMatchObject({ sizeBytes: 11, contentMd5: expect.any(String) as string, metadata: { keep: 'true' } });
    expect((await payloads.read('1/a/1/k', signal))?.toString()).toBe('{"id":"ä"}');
    expect(await payloads.properties('1/b/1/k', signal)).toBeUndefined();
    expect(await payloads.read('1/b/1/k', signal)).toBeUndefined();
    await expect(payloads.read('1/../k', signal)).rejects.toMatchObject({ code: 'NoAddress' });
  });

  it('leaves unknown what would undo a delete where it may not ask', async () => {
    const { client, payloads } = await rig();
    const permissions = ContainerSASPermissions.parse('r');
    const url = await client.generateSasUrl({ permissions, expiresOn: new Date(Date.now() + 3_600_000) });
    const limited = createPayloadContainer(new ContainerClient(url), { pipeline });
    expect(await limited.undo(signal)).toEqual({ softDeleteDays: undefined, versioning: undefined });
    expect((await payloads.undo(signal)).versioning).toBeUndefined();
  });

  it('can tell that Azurite starts from a name, but not while it is empty', async () => {
    const { payloads, store } = await rig();
    expect(await payloads.canStartFrom(signal)).toBe(false);
    await store('104/a/1/k');
    expect(await payloads.canStartFrom(signal)).toBe(true);
  });
});
