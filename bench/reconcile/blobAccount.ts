import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { payloadBlobName } from '../../src/payloads/blobName';
import { serveParent } from '../processes/serveParent';
import type { ContainerAddress } from './azuriteStore';
import { generatedPayloads } from './generatedPayloads';
import { listAnswer, type ListPages, renderList } from './listPages';

/**
 * A blob endpoint in a process of its own with the latency of a real account: 50 ms for a page of a list, 10 ms for a delete and for every
 * other request, 100 ms for a batch of deletes. Requests are answered side by side, as an account does. It knows the operations that
 * Reconcile and the old tool use, checks If-Match, and believes every signature.
 */

const LATENCY_MS = { list: 50, batch: 100, other: 10 };

const CONTAINER = 'payloads';
const ACCOUNT = 'devstoreaccount1';
/** Public: see "Well-known storage account and key" in the documentation of Azure Storage. */
const KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';
const YESTERDAY_MS = 24 * 3_600_000;

let pages: ListPages = renderList([], new Date());
let lastModified = new Date();
let isDeleted = new Uint8Array(0);
let metadata: Readonly<Record<string, string>> = {};
let counts: Record<string, number> = {};

interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = '', url = '/' } = request;
  const { pathname, searchParams } = new URL(url, 'http://127.0.0.1');
  const comp = searchParams.get('comp');
  const body = method === 'POST' ? await text(request) : '';
  const kind = comp === 'list' ? 'list' : comp === 'batch' ? 'batch' : 'other';
  const counted = kind === 'other' ? method : kind;
  counts[counted] = (counts[counted] ?? 0) + 1;
  await delay(LATENCY_MS[kind]);
  const { status, headers = {}, body: sent = '' } = reply(request, pathname, searchParams, body);
  response.writeHead(status, { 'x-ms-version': '2026-02-06', 'x-ms-request-id': 'bench', ...headers });
  response.end(method === 'HEAD' ? '' : sent);
}

function reply(request: IncomingMessage, pathname: string, query: URLSearchParams, body: string): Answer {
  const comp = query.get('comp');
  if (query.get('restype') === 'service') return failed(403, 'AuthorizationFailure');
  if (comp === 'list') return list(query);
  if (comp === 'batch') return batch(body);
  if (query.get('restype') === 'container') return container(request, comp);
  return blob(request.method ?? '', nameIn(pathname), request.headers['if-match']);
}

const failed = (status: number, code: string): Answer => ({
  status,
  headers: { 'x-ms-error-code': code, 'content-type': 'application/xml' },
  body: `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`,
});

const nameIn = (pathname: string): string => decodeURIComponent(pathname).slice(`/${ACCOUNT}/${CONTAINER}/`.length);

function list(query: URLSearchParams): Answer {
  const headers = { 'content-type': 'application/xml' };
  if (query.get('delimiter') !== null) {
    const segments = new Set(pages.names.map((name) => name.slice(0, name.indexOf('/') + 1)));
    const groups = [...segments].map((segment) => `<BlobPrefix><Name>${segment}</Name></BlobPrefix>`);
    return { status: 200, headers, body: listAnswer([Buffer.from(groups.join(''))], undefined) };
  }
  const prefix = query.get('prefix') ?? '';
  const end = prefix === '' ? pages.names.length : pages.placeOf(`${prefix}\uFFFF`);
  const marker = query.get('marker');
  const first = marker === null ? pages.placeOf(maximum(prefix, query.get('startFrom') ?? '')) : Number(marker);
  const wanted = Number(query.get('maxresults') ?? '5000');
  const parts: Buffer[] = [];
  let place = first;
  for (let found = 0; place < end && found < wanted;) {
    const from = place;
    while (place < end && found < wanted && isDeleted[place] === 0) {
      place += 1;
      found += 1;
    }
    if (place > from) parts.push(pages.render(from, place));
    while (place < end && isDeleted[place] === 1) place += 1;
  }
  return { status: 200, headers, body: listAnswer(parts, place < end ? String(place) : undefined) };
}

const maximum = (one: string, other: string): string => (one > other ? one : other);

function container({ method, headers }: IncomingMessage, comp: string | null): Answer {
  if (method === 'PUT' && comp === 'metadata')
    metadata = Object.fromEntries(
      Object.entries(headers).flatMap(([name, value]) =>
        name.startsWith('x-ms-meta-') ? [[name, String(value)]] : [],
      ),
    );
  return { status: 200, headers: { etag: '"0x8DE0"', 'last-modified': lastModified.toUTCString(), ...metadata } };
}

function blob(method: string, name: string, ifMatch: string | undefined): Answer {
  const place = pages.placeOf(name);
  if (pages.names[place] !== name || isDeleted[place] === 1) return failed(404, 'BlobNotFound');
  const etag = `"${pages.etagOf(place)}"`;
  if (ifMatch !== undefined && ifMatch !== etag) return failed(412, 'ConditionNotMet');
  if (method === 'DELETE') {
    isDeleted[place] = 1;
    return { status: 202 };
  }
  const type = { 'x-ms-blob-type': 'BlockBlob', 'x-ms-lease-state': 'available' };
  return {
    status: 200,
    headers: { etag, 'last-modified': lastModified.toUTCString(), 'content-length': '129', ...type },
  };
}

/** Blob Batch (REST API reference): a part for each delete, each a request of its own. */
function batch(body: string): Answer {
  const boundary = 'batchresponse';
  const parts = body
    .split(/\r\nDELETE /)
    .slice(1)
    .map((part) => {
      const path = new URL(part.slice(0, part.indexOf(' ')), 'http://127.0.0.1').pathname;
      return blob('DELETE', nameIn(path), /^if-match: *(.*)\r$/im.exec(part)?.[1]);
    });
  const text = parts.map(
    ({ status, headers = {} }, index) =>
      `--${boundary}\r\nContent-Type: application/http\r\nContent-ID: ${index}\r\n\r\nHTTP/1.1 ${status} Answer\r\n` +
      `${Object.entries(headers)
        .map(([name, value]) => `${name}: ${value}\r\n`)
        .join('')}\r\n`,
  );
  return {
    status: 202,
    headers: { 'content-type': `multipart/mixed; boundary=${boundary}` },
    body: `${text.join('')}--${boundary}--\r\n`,
  };
}

const server = createServer((request, response) => {
  answer(request, response).catch((error: unknown) => {
    console.error(error);
    response.destroy();
  });
});

const operations = {
  async start({ payloads }: { readonly payloads: number }): Promise<ContainerAddress> {
    lastModified = new Date(Math.floor((Date.now() - YESTERDAY_MS) / 1000) * 1000);
    pages = renderList(generatedPayloads(payloads).map(payloadBlobName), lastModified);
    operations.restore(undefined);
    if (!server.listening) await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const blobEndpoint = `http://127.0.0.1:${port}/${ACCOUNT}`;
    const connectionString = `DefaultEndpointsProtocol=http;AccountName=${ACCOUNT};AccountKey=${KEY};BlobEndpoint=${blobEndpoint};`;
    return { connectionString, container: CONTAINER };
  },
  /** As if nothing had been deleted, nor been marked. */
  restore(_input: undefined): void {
    isDeleted = new Uint8Array(pages.names.length);
    metadata = {};
    counts = {};
  },
  /** What is gone since then. */
  deleted(_input: undefined): number {
    return isDeleted.reduce((sum, value) => sum + value, 0);
  },
  /** Requests since then, by kind. */
  counts(_input: undefined): Readonly<Record<string, number>> {
    return counts;
  },
};

export type BlobAccount = typeof operations;

serveParent(operations);
