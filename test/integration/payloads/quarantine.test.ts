import { randomBytes } from 'node:crypto';
import { ContainerClient } from '@azure/storage-blob';
import { createPayloadContainer } from '../../../src/payloads/container/azureContainer';
import type {
  QuarantineContainer,
  QuarantinedPayload,
  QuarantineRequest,
} from '../../../src/payloads/container/payloadContainer';
import { createQuarantineContainer } from '../../../src/payloads/container/quarantine';
import { useAzurite } from '../../support/azurite';
import { type MortalProxy, startMortalProxy } from './mortalProxy';

const azurite = useAzurite();
const { signal } = new AbortController();
const pipeline = { retryOptions: { maxTries: 1 } };
const NAME = '104/a*b/1/0257adb5-4fbc-4431-9ada-28eb679b7dc4';
const BODY = Buffer.from('{"id":"a.b"}');

interface Rig {
  readonly payloads: ContainerClient;
  readonly copies: ContainerClient;
  readonly quarantine: QuarantineContainer;
  /** The same through the proxy. */
  readonly mortal: QuarantineContainer;
  readonly proxy: MortalProxy;
  store(body?: Buffer): Promise<QuarantineRequest>;
  listed(runId?: string): Promise<QuarantinedPayload[]>;
  /** undefined: there is no such blob */
  bodyOf(container: ContainerClient, name: string): Promise<string | undefined>;
  metadataOf(container: ContainerClient, name: string): Promise<Record<string, string> | undefined>;
}

let proxy: MortalProxy;
beforeAll(async () => {
  proxy = await startMortalProxy(new URL(azurite.running.blobUrl).origin);
});
afterAll(() => proxy.stop());

async function rig(): Promise<Rig> {
  const payloads = await azurite.container();
  const copies = await azurite.container();
  const throughProxy = ({ url, credential }: ContainerClient): ContainerClient =>
    new ContainerClient(url.replace(new URL(url).origin, proxy.url), credential);
  const quarantine = createQuarantineContainer({ payloads, quarantine: copies }, pipeline);
  const mortal = createQuarantineContainer(
    { payloads: throughProxy(payloads), quarantine: throughProxy(copies) },
    pipeline,
  );
  return {
    ...{ payloads, copies, quarantine, mortal, proxy },
    async store(body = BODY) {
      const { etag = '', lastModified = new Date(NaN) } = await payloads
        .getBlockBlobClient(NAME)
        .upload(body, body.length, { blobHTTPHeaders: { blobContentType: 'application/fhir+json' } });
      return { runId: 'run-1', name: NAME, etag, lastModified, reason: 'no-row' };
    },
    async listed(runId) {
      const found = [];
      for await (const payload of quarantine.list(runId, signal)) found.push(payload);
      return found;
    },
    async bodyOf(container, name) {
      return (await createPayloadContainer(container).read(name, signal))?.toString();
    },
    async metadataOf(container, name) {
      const head = await createPayloadContainer(container).properties(name, signal);
      return head === undefined ? undefined : { ...head.metadata };
    },
  };
}

describe('quarantine of a payload', () => {
  it('moves it under the name of the run, with what is known of it', async () => {
    const { quarantine, payloads, copies, store, listed, bodyOf, metadataOf } = await rig();
    const request = await store();
    expect(await quarantine.moveIn(request, signal)).toEqual({ kind: 'deleted' });
    expect(await bodyOf(payloads, NAME)).toBeUndefined();
    expect(await bodyOf(copies, `run-1/${NAME}`)).toBe(BODY.toString());
    expect(await metadataOf(copies, `run-1/${NAME}`)).toMatchObject({
      ...{ sourceetag: request.etag, sourcelastmodified: request.lastModified.toISOString(), reason: 'no-row' },
    });
    const [payload, ...more] = await listed('run-1');
    expect(payload).toMatchObject({ runId: 'run-1', name: NAME, quarantinedAt: expect.any(Date) as Date });
    expect(more).toEqual([]);
    expect(await listed('run-')).toEqual([]);
  });

  it('comes back byte for byte, also when it is larger than a block', async () => {
    const { quarantine, payloads, store, listed } = await rig();
    const large = randomBytes(9 * 1024 * 1024);
    await quarantine.moveIn(await store(large), signal);
    const [payload] = await listed();
    expect(await quarantine.restore(payload!, false, signal)).toEqual({ kind: 'restored' });
    const { contentType } = await payloads.getBlobClient(NAME).getProperties();
    expect(contentType).toBe('application/fhir+json');
    expect((await payloads.getBlobClient(NAME).downloadToBuffer()).equals(large)).toBe(true);
    expect(await listed()).toEqual([]);
  });

  it('keeps a payload that is another by now, or gone, and makes no copy of it', async () => {
    const { quarantine, payloads, store, listed } = await rig();
    const request = await store();
    await store();
    expect(await quarantine.moveIn(request, signal)).toEqual({ kind: 'changed' });
    await payloads.deleteBlob(NAME);
    expect(await quarantine.moveIn(request, signal)).toEqual({ kind: 'gone' });
    expect(await listed()).toEqual([]);
  });

  it('marks the copy as abandoned when the payload cannot be deleted, and takes it up when it can', async () => {
    const { quarantine, payloads, copies, store, listed, bodyOf, metadataOf } = await rig();
    const request = await store();
    const lease = payloads.getBlobClient(NAME).getBlobLeaseClient();
    await lease.acquireLease(-1);
    expect(await quarantine.moveIn(request, signal)).toEqual({ kind: 'failed', code: 'LeaseIdMissing' });
    expect(await bodyOf(payloads, NAME)).toBe(BODY.toString());
    expect(await metadataOf(copies, `run-1/${NAME}`)).toMatchObject({ abandoned: 'true' });
    expect(await listed()).toEqual([]);
    await lease.breakLease(0);
    expect(await quarantine.moveIn(request, signal)).toEqual({ kind: 'deleted' });
    expect(await listed()).toHaveLength(1);
  });

  it('keeps a payload that was written anew between copy and delete, and abandons the copy', async () => {
    const { mortal, payloads, copies, store, listed, bodyOf, metadataOf } = await rig();
    const request = await store();
    proxy.reviveFor(Infinity);
    proxy.beforeNext('DELETE', () => store(Buffer.from('newer')));
    expect(await mortal.moveIn(request, signal)).toEqual({ kind: 'changed' });
    expect(await bodyOf(payloads, NAME)).toBe('newer');
    expect(await metadataOf(copies, `run-1/${NAME}`)).toMatchObject({ abandoned: 'true' });
    expect(await listed()).toEqual([]);
  });

  it('abandons the copy of a crashed move when the payload was written anew since', async () => {
    const { mortal, quarantine, copies, store, listed, metadataOf } = await rig();
    const request = await store();
    proxy.reviveFor(Infinity);
    proxy.beforeNext('DELETE', () => {
      proxy.reviveFor(0);
      return Promise.resolve();
    });
    expect(await mortal.moveIn(request, signal)).toMatchObject({ kind: 'failed' });
    proxy.reviveFor(Infinity);
    expect(await listed()).toHaveLength(1);
    await store(Buffer.from('newer'));
    expect(await quarantine.moveIn(request, signal)).toEqual({ kind: 'changed' });
    expect(await metadataOf(copies, `run-1/${NAME}`)).toMatchObject({ abandoned: 'true' });
    expect(await listed()).toEqual([]);
  });

  it('does not begin with a payload in the archive tier, which cannot be read', async () => {
    const { quarantine, payloads, store, listed } = await rig();
    await store();
    await payloads.getBlobClient(NAME).setAccessTier('Archive');
    const { etag = '' } = await payloads.getBlobClient(NAME).getProperties();
    const request = { runId: 'run-1', name: NAME, etag, lastModified: new Date(), reason: 'no-row' };
    expect(await quarantine.moveIn(request, signal)).toEqual({ kind: 'failed', code: 'archived' });
    expect(await listed()).toEqual([]);
  });

  it('never takes another copy of that name for its own', async () => {
    const { quarantine, payloads, copies, store, bodyOf } = await rig();
    await copies.getBlockBlobClient(`run-1/${NAME}`).upload('other', 5);
    expect(await quarantine.moveIn(await store(), signal)).toEqual({ kind: 'failed', code: 'QuarantineNameTaken' });
    expect(await bodyOf(payloads, NAME)).toBe(BODY.toString());
    expect(await bodyOf(copies, `run-1/${NAME}`)).toBe('other');
  });

  it('keeps the payload when its copy turns out to be different, and drops the copy', async () => {
    const { quarantine, payloads, copies, store, bodyOf } = await rig();
    const request = await store();
    const metadata = { sourceetag: request.etag, sourcemd5: 'AAAA' };
    await copies.getBlockBlobClient(`run-1/${NAME}`).upload('{"id":"x.y"}', BODY.length, { metadata });
    expect(await quarantine.moveIn(request, signal)).toEqual({ kind: 'failed', code: 'CopyDiffers' });
    expect(await bodyOf(payloads, NAME)).toBe(BODY.toString());
    expect(await bodyOf(copies, `run-1/${NAME}`)).toBeUndefined();
  });

  it('creates its container with the first payload, and is another container than the scanned one', async () => {
    const { payloads, copies, quarantine, store, listed } = await rig();
    await copies.delete();
    expect(await listed()).toEqual([]);
    expect(await quarantine.moveIn(await store(), signal)).toEqual({ kind: 'deleted' });
    expect(() => createQuarantineContainer({ payloads, quarantine: payloads })).toThrow('another');
  });

  it('loses nothing in a crash at any request, and a repetition ends it', async () => {
    for (const death of ['before', 'with the reply'] as const)
      for (let life = 0; ; life += 1) {
        const { mortal, quarantine, payloads, copies, store, listed, bodyOf } = await rig();
        const request = await store();
        proxy.reviveFor(life, death);
        const outcome = await mortal.moveIn(request, signal);
        const isOver = proxy.requests <= life;
        proxy.reviveFor(Infinity);
        const kept = [await bodyOf(payloads, NAME), await bodyOf(copies, `run-1/${NAME}`)];
        expect(kept).toContain(BODY.toString());
        const repeated = isOver ? outcome : await quarantine.moveIn(request, signal);
        expect(['deleted', 'gone']).toContain(repeated.kind);
        expect(await bodyOf(payloads, NAME)).toBeUndefined();
        expect(await listed('run-1')).toHaveLength(1);
        if (isOver) break;
      }
  });
});

describe('restoring', () => {
  it('never writes over a payload that is there', async () => {
    const { quarantine, payloads, store, listed, bodyOf } = await rig();
    await quarantine.moveIn(await store(), signal);
    await store(Buffer.from('newer'));
    const [payload] = await listed();
    expect(await quarantine.restore(payload!, true, signal)).toEqual({ kind: 'occupied' });
    expect(await bodyOf(payloads, NAME)).toBe('newer');
    expect(await listed()).toHaveLength(1);
  });

  it('marks a payload that shall stay, and only such a one', async () => {
    for (const keep of [true, false]) {
      const { quarantine, payloads, store, listed } = await rig();
      await quarantine.moveIn(await store(), signal);
      await quarantine.restore((await listed())[0]!, keep, signal);
      const { blobs } = await createPayloadContainer(payloads).list({ pageSize: 5 }, signal);
      expect(blobs.map(({ isKept = false }) => isKept)).toEqual([keep]);
    }
  });

  it('says of a copy whose time was over that it is gone', async () => {
    const { quarantine, store, listed } = await rig();
    await quarantine.moveIn(await store(), signal);
    const [payload] = await listed();
    expect(await quarantine.expire(new Date(Date.now() + 60_000), signal)).toBe(1);
    expect(await quarantine.restore(payload!, false, signal)).toEqual({ kind: 'gone' });
  });

  it('loses nothing in a crash at any request, and a repetition ends it with the wish of the last one', async () => {
    for (const death of ['before', 'with the reply'] as const)
      for (let life = 0; ; life += 1) {
        const { mortal, quarantine, payloads, copies, store, listed, bodyOf, metadataOf } = await rig();
        await quarantine.moveIn(await store(), signal);
        const [payload] = await listed();
        proxy.reviveFor(life, death);
        await mortal.restore(payload!, false, signal);
        const isOver = proxy.requests <= life;
        proxy.reviveFor(Infinity);
        const kept = [await bodyOf(payloads, NAME), await bodyOf(copies, `run-1/${NAME}`)];
        expect(kept).toContain(BODY.toString());
        if (isOver) break;
        const repeated = await quarantine.restore(payload!, true, signal);
        expect(['restored', 'gone']).toContain(repeated.kind);
        expect(await bodyOf(payloads, NAME)).toBe(BODY.toString());
        if (repeated.kind === 'restored') expect(await metadataOf(payloads, NAME)).toMatchObject({ keep: 'true' });
        expect(await listed()).toEqual([]);
      }
  });
});

describe('retention', () => {
  it('ends what is older than a time of the storage, abandoned copies too, and nothing else', async () => {
    const { quarantine, payloads, copies, store } = await rig();
    await payloads.getBlockBlobClient(NAME).upload('{}', 2);
    await quarantine.moveIn(await store(), signal);
    const other = '1/b/1/00000000-0000-4000-8000-000000000001';
    const metadata = { abandoned: 'true', sourceetag: '"0x1"' };
    await copies.getBlockBlobClient(`run-2/${other}`).upload('{}', 2, { metadata });
    // Where the wrong container was named: payloads, and whatever else.
    for (const name of [other, 'backup.zip', `run-2/${other}x`])
      await copies.getBlockBlobClient(name).upload('{}', 2, name === 'backup.zip' ? {} : { metadata });
    await copies.getBlockBlobClient('run-3/1/c/1/00000000-0000-4000-8000-000000000002').upload('{}', 2);
    const now = await createPayloadContainer(copies).storageDate(signal);
    expect(await quarantine.expire(new Date(now.getTime() - 60_000), signal)).toBe(0);
    expect(await quarantine.expire(new Date(now.getTime() + 60_000), signal)).toBe(2);
    const left: string[] = [];
    for await (const { name } of copies.listBlobsFlat()) left.push(name);
    expect(left).toHaveLength(4);
  });

  it('tells when something stays beyond its time', async () => {
    const { quarantine, copies, store } = await rig();
    await quarantine.moveIn(await store(), signal);
    await copies.getBlobClient(`run-1/${NAME}`).getBlobLeaseClient().acquireLease(-1);
    await copies
      .getBlockBlobClient('run-2/1/b/1/00000000-0000-4000-8000-000000000001')
      .upload('{}', 2, { metadata: { sourceetag: '"0x1"' } });
    await expect(quarantine.expire(new Date(Date.now() + 60_000), signal)).rejects.toMatchObject({
      ...{ code: 'QuarantineNotExpired', deleted: 1, failed: 1 },
      message: expect.stringContaining('LeaseIdMissing') as string,
    });
  });
});
