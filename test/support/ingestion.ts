import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';

const TLS = resolve(__dirname, '../fixtures/tls');

/** One item as Application Insights is sent it. */
export interface Envelope {
  readonly name: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly sampleRate?: number;
  readonly data: {
    readonly baseType: string;
    readonly baseData: {
      readonly id?: string;
      readonly name?: string;
      readonly type?: string;
      readonly target?: string;
      readonly resultCode?: string;
      readonly success?: boolean;
      readonly properties?: Readonly<Record<string, unknown>>;
      readonly metrics?: readonly { readonly name: string; readonly value: number; readonly count: number }[];
    };
  };
}

/** An ingestion endpoint of Application Insights on loopback, with a certificate that only `environment` makes a process trust. */
export interface Ingestion {
  readonly connectionString: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly envelopes: readonly Envelope[];
  /** Bodies as they came, unpacked. */
  readonly bodies: readonly string[];
  /** The Authorization header of each request. */
  readonly authorizations: readonly (string | undefined)[];
  ofType(baseType: string): readonly Envelope[];
  stop(): Promise<void>;
}

export async function startIngestion(): Promise<Ingestion> {
  const bodies: string[] = [];
  const authorizations: (string | undefined)[] = [];
  const envelopes: Envelope[] = [];
  const [key, cert] = ['localhost-key.pem', 'localhost.pem'].map((name) => readFileSync(resolve(TLS, name)));
  const server = createServer({ key, cert }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const packed = Buffer.concat(chunks);
      const body = (request.headers['content-encoding'] === 'gzip' ? gunzipSync(packed) : packed).toString('utf8');
      const items = itemsOf(body);
      bodies.push(body);
      authorizations.push(request.headers.authorization);
      envelopes.push(...items);
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ itemsReceived: items.length, itemsAccepted: items.length, errors: [] }));
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  return {
    connectionString: connectionStringTo(port),
    environment: { NODE_EXTRA_CA_CERTS: resolve(TLS, 'localhost.pem') },
    envelopes,
    bodies,
    authorizations,
    ofType: (baseType) => envelopes.filter(({ data }) => data.baseType === baseType),
    async stop() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

export function connectionStringTo(port: number): string {
  return `InstrumentationKey=00000000-0000-4000-8000-000000000001;IngestionEndpoint=https://localhost:${port}/`;
}

/** A JSON array, or one item a line. */
function itemsOf(body: string): readonly Envelope[] {
  if (body.trim() === '') return [];
  if (body.trimStart().startsWith('[')) return JSON.parse(body) as readonly Envelope[];
  return body
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Envelope);
}
