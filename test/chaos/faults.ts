import { RestError } from '@azure/data-tables';
import { ConnectionError } from '../../src/http/errors';
import type { Random } from './random';
import type { Step } from './scheduler';

export interface HttpReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** What a service does with a request instead of answering it as it should. */
export interface WireFault {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly destroy?: 'before' | 'after';
}

/** One mishap of one request. Exactly one of the optional parts says how it shows. */
export interface Fault {
  /** For the report. */
  readonly name: string;
  /** The service itself misbehaves. */
  readonly wire?: WireFault;
  /** The request is carried out, but this is the answer that arrives. */
  readonly reply?: (reply: HttpReply) => HttpReply;
  /** The request never leaves. */
  readonly instead?: () => Error;
  /** The request is carried out, but its answer gets lost. */
  readonly afterwards?: () => Error;
  /** The request is carried out at any later time; nobody hears of it. Without an error the other parts say what arrives now. */
  readonly late?: () => Error | undefined;
  /** The client library sends it again after a lost answer: it is carried out twice. */
  readonly twice?: true;
}

/** How often requests of each boundary fail, 0 to 1. */
export type FaultRates = Readonly<Record<Step['boundary'], number>>;

const ORIGIN = 'http://127.0.0.1';
const HTML = '<html><body>Please wait</body></html>';

const refused: Fault = {
  name: 'connection refused',
  instead: () => new ConnectionError(ORIGIN, { requestSent: false, timedOut: false, causeCode: 'ECONNREFUSED' }),
};
const never: Fault = {
  name: 'time-out, never arrived',
  instead: () => new ConnectionError(ORIGIN, { requestSent: true, timedOut: true }),
};
const late: Fault = {
  name: 'time-out, arrives late',
  late: () => new ConnectionError(ORIGIN, { requestSent: true, timedOut: true }),
};
const reset: Fault = { name: 'reset before', wire: { destroy: 'before' } };
const lost: Fault = { name: 'lost reply', wire: { destroy: 'after' } };
const html: Fault = {
  name: 'HTML instead of an answer',
  wire: { status: 200, headers: { 'content-type': 'text/html' }, body: HTML },
};
const htmlAfter: Fault = {
  name: 'done, HTML as answer',
  reply: () => ({ status: 200, headers: { 'content-type': 'text/html' }, body: Buffer.from(HTML) }),
};
const truncated: Fault = {
  name: 'truncated body',
  reply: ({ status, headers, body }) => ({
    status,
    headers: Object.fromEntries(Object.entries(headers).filter(([name]) => name !== 'content-length')),
    body: body.subarray(0, Math.floor(body.length / 2)),
  }),
};

const status = (code: number, headers: Readonly<Record<string, string>> = {}): Fault => ({
  name: `${code}${headers['retry-after'] === undefined ? '' : ' with Retry-After'}`,
  wire: { status: code, headers: { 'content-type': 'text/plain', ...headers }, body: `status ${code}` },
});
const statusAfter = (code: number): Fault => ({
  name: `done, ${code} as answer`,
  reply: () => ({ status: code, headers: { 'content-type': 'text/plain' }, body: Buffer.from(`status ${code}`) }),
});

const passing: readonly Fault[] = [
  refused,
  never,
  reset,
  lost,
  html,
  truncated,
  status(408),
  status(429),
  status(429, { 'retry-after': '7' }),
  status(500),
  status(502),
  status(503),
  status(503, { 'retry-after': '30' }),
  status(504),
  status(401),
  status(403),
];
const fhirRead: readonly Fault[] = [...passing, status(409), status(412)];
const fhirWrite: readonly Fault[] = [
  ...fhirRead,
  // Twice as often: these are what the rules are about.
  lost,
  late,
  late,
  htmlAfter,
  { ...html, name: 'HTML as answer, arrives late', late: () => undefined },
  { ...status(504), name: '504 as answer, arrives late', late: () => undefined },
  statusAfter(500),
  statusAfter(502),
  statusAfter(503),
  statusAfter(504),
  status(422),
  status(422),
  { name: 'done, JSON that is no Bundle', reply: (reply) => ({ ...reply, body: Buffer.from('{}') }) },
];
const dicomRead: readonly Fault[] = [
  ...passing,
  status(409),
  { name: 'JSON that is no array', reply: (reply) => ({ ...reply, body: Buffer.from('{"a":1}') }) },
];

const storageReset = (): Error => new RestError('connection reset', { code: 'ECONNRESET' });
const tableFaults: readonly Fault[] = [
  { name: 'reset before', instead: storageReset },
  { name: 'lost reply', afterwards: storageReset },
  { name: '503', wire: { status: 503 } },
  { name: '500', wire: { status: 500 } },
];
const storageFaults: readonly Fault[] = [
  { name: 'reset before', instead: storageReset },
  { name: 'lost reply', afterwards: storageReset },
  { name: '503', instead: () => new RestError('server busy', { statusCode: 503 }) },
];
const sendFaults: readonly Fault[] = [...storageFaults, { name: 'sent twice', twice: true }];

/** A mishap for this request, or none. */
export function chooseFault(random: Random, rates: FaultRates, step: Step): Fault | undefined {
  // Writes are rare among the requests, and what the rules are about.
  const often = step.boundary === 'fhir' && step.writes ? 4 : 1;
  if (!random.chance(Math.min(0.7, rates[step.boundary] * often))) return undefined;
  switch (step.boundary) {
    case 'fhir':
      return random.pick(step.writes ? fhirWrite : fhirRead);
    case 'dicom':
      return random.pick(dicomRead);
    case 'table':
    case 'lease':
      return random.pick(tableFaults);
    case 'queue':
      return random.pick(step.label.startsWith('send') ? sendFaults : storageFaults);
  }
}

/** While a service is down each of its requests fails in the same way. */
export function outageFault(random: Random): Fault {
  return random.pick([refused, status(503), status(403), status(429), status(500)]);
}
