import { subscribe } from 'node:diagnostics_channel';

/** Requests of one kind. */
export interface Exchanged {
  readonly requests: number;
  /** Characters of the URLs, which are long where searches share a request. */
  readonly urlLength: number;
  /** Bytes of the bodies, without headers. */
  readonly sent: number;
  readonly received: number;
}

/** By method and resource type, such as `GET Patient`; a transaction has no type. */
export type FhirTraffic = Readonly<Record<string, Exchanged>>;

interface UndiciRequest {
  readonly origin: string | URL;
  readonly path: string;
  readonly method: string;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * Counts from now on what undici exchanges with a FHIR server; storage clients do not use it.
 * @param fhirUrl with its path
 * @returns what there was since the last call
 */
export function countFhirTraffic(fhirUrl: string): () => FhirTraffic {
  const { origin, pathname } = new URL(fhirUrl);
  const base = pathname.replace(/\/$/, '').length;
  let counts: Record<string, Mutable<Exchanged>> = {};
  const kinds = new WeakMap<object, string>();
  const countOf = (request: object): Mutable<Exchanged> | undefined => {
    const kind = kinds.get(request);
    return kind === undefined ? undefined : (counts[kind] ??= { requests: 0, urlLength: 0, sent: 0, received: 0 });
  };
  subscribe('undici:request:create', (message) => {
    const { request } = message as { readonly request: UndiciRequest };
    if (String(request.origin) !== origin) return;
    const [, type = ''] = /^\/?([^/?]*)/.exec(request.path.slice(base)) ?? [];
    kinds.set(request, `${request.method} ${type}`);
    const count = countOf(request);
    if (count === undefined) return;
    count.requests++;
    count.urlLength += request.path.length;
  });
  const countBytes = (name: string, key: 'sent' | 'received'): void => {
    subscribe(name, (message) => {
      const { request, chunk } = message as { readonly request: object; readonly chunk: string | Uint8Array };
      const count = countOf(request);
      if (count !== undefined) count[key] += Buffer.byteLength(chunk);
    });
  };
  countBytes('undici:request:bodyChunkSent', 'sent');
  countBytes('undici:request:bodyChunkReceived', 'received');
  return () => {
    const taken = counts;
    counts = {};
    return taken;
  };
}

/** Of several parts of a run. */
export function addTraffic(parts: readonly FhirTraffic[]): FhirTraffic {
  const kinds = [...new Set(parts.flatMap((part) => Object.keys(part)))];
  return Object.fromEntries(kinds.map((kind) => [kind, sumOf(parts.flatMap((part) => part[kind] ?? []))]));
}

/** Of all kinds. */
export function totalOf(traffic: FhirTraffic): Exchanged {
  return sumOf(Object.values(traffic));
}

function sumOf(all: readonly Exchanged[]): Exchanged {
  const sum = (key: keyof Exchanged): number => all.reduce((total, each) => total + each[key], 0);
  return { requests: sum('requests'), urlLength: sum('urlLength'), sent: sum('sent'), received: sum('received') };
}
