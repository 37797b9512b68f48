import type { TableClient } from '@azure/data-tables';
import type { HttpRequest, StreamingHttpClient } from '../../src/http/httpClient';
import type { StudyQueue } from '../../src/study/studyQueue';
import type { ScriptedQueue } from '../support/scriptedQueue';
import type { Fault, HttpReply, WireFault } from './faults';
import type { Scheduler, Step } from './scheduler';

/** Hands the fault of the next request to the service that receives it: one request is under way at a time. */
export class WireSlot {
  private next: WireFault | undefined;

  put(fault: WireFault | undefined): void {
    this.next = fault;
  }

  take(): WireFault | undefined {
    const fault = this.next;
    this.next = undefined;
    return fault;
  }
}

/** An HTTP client each request of which is a step. */
export function steppedHttp(
  inner: StreamingHttpClient,
  boundary: 'fhir' | 'dicom',
  scheduler: Scheduler,
  slot: WireSlot,
): StreamingHttpClient {
  async function exchange(request: HttpRequest, fault: Fault | undefined): Promise<HttpReply> {
    if (fault?.instead !== undefined) throw fault.instead();
    slot.put(fault?.wire);
    const { status, headers, chunks } = await inner.stream(request);
    const parts: Uint8Array[] = [];
    for await (const chunk of chunks) parts.push(chunk);
    const reply = { status, headers, body: Buffer.concat(parts) };
    return fault?.reply === undefined ? reply : fault.reply(reply);
  }

  const stepOf = (request: HttpRequest): Step => {
    const { pathname, search } = new URL(request.url);
    const path = `${pathname}${search}`.replace(/^\/fhir\/R4\/?/, '/').slice(0, 110);
    return {
      boundary,
      label: `${boundary} ${request.method} ${decodeURIComponent(path)}${bundleOf(request)}`,
      writes: request.method !== 'GET',
    };
  };

  return {
    async stream(request) {
      const { status, headers, body } = await scheduler.request(stepOf(request), (fault) => exchange(request, fault));
      return { status, headers, chunks: oneChunk(body) };
    },
    async send(request) {
      const reply = await scheduler.request(stepOf(request), (fault) => exchange(request, fault));
      return { ...reply, body: reply.body.toString('utf8') };
    },
    close: () => inner.close(),
  };
}

// eslint-disable-next-line @typescript-eslint/require-await
async function* oneChunk(body: Uint8Array): AsyncGenerator<Uint8Array> {
  if (body.length > 0) yield body;
}

/** `[POST Patient, PUT ImagingStudy/3]` for a transaction. */
function bundleOf({ body, method }: HttpRequest): string {
  if (method !== 'POST' || body?.startsWith('{"resourceType":"Bundle"') !== true) return '';
  const { entry } = JSON.parse(body) as { entry: { request: { method: string; url: string } }[] };
  return ` [${entry.map(({ request }) => `${request.method} ${request.url}`).join(', ')}]`;
}

/** Makes each request of a table client a step, below the client's own repeats. */
export function stepTable(
  table: TableClient,
  scheduler: Scheduler,
  boundary: 'table' | 'lease' = 'table',
): TableClient {
  table.pipeline.addPolicy(
    {
      name: 'chaos',
      sendRequest(request, next) {
        const { pathname, searchParams } = new URL(request.url);
        const batch = pathname.endsWith('$batch');
        const path = decodeURIComponent(pathname).replace(/^\/devstoreaccount1\/\w+/, '');
        const filter = searchParams.get('$filter');
        const label = `${boundary} ${batch ? 'batch' : request.method} ${path}${filter === null ? '' : ` where ${filter}`}`;
        return scheduler.request(
          { boundary, label: label.slice(0, 160), writes: request.method !== 'GET' },
          async (fault) => {
            if (fault?.instead !== undefined) throw fault.instead();
            if (fault?.wire !== undefined) {
              return { request, status: fault.wire.status ?? 503, headers: request.headers, bodyAsText: '{}' };
            }
            const response = await next(request);
            if (fault?.afterwards !== undefined) throw fault.afterwards();
            return response;
          },
        );
      },
    },
    { phase: 'Sign' },
  );
  return table;
}

async function carryOut<T>(fault: Fault | undefined, act: () => Promise<T>): Promise<T> {
  if (fault?.instead !== undefined) throw fault.instead();
  if (fault?.twice !== undefined) await act();
  const result = await act();
  if (fault?.afterwards !== undefined) throw fault.afterwards();
  return result;
}

/** The queue as the functions see it: each request is a step. */
export function steppedQueue(inner: ScriptedQueue, scheduler: Scheduler): StudyQueue {
  return {
    name: inner.name,
    send: (message, options) =>
      scheduler.request(
        {
          boundary: 'queue',
          label: `send ${message.study.uid} [${message.changes.map(({ sequence }) => sequence).join(',')}] after ${String(options.delayMs ?? 0)} ms`,
          writes: true,
        },
        (fault) => carryOut(fault, () => inner.send(message, options)),
      ),
    sendShared: (messages) =>
      scheduler.request(
        {
          boundary: 'queue',
          label: `send ${messages.map(({ study }) => study.uid).join(' and ')}`,
          writes: true,
        },
        (fault) => carryOut(fault, () => inner.sendShared(messages)),
      ),
    postpone: (receipt, delayMs, _signal) =>
      scheduler.request(
        { boundary: 'queue', label: `postpone ${receipt.messageId} ${delayMs} ms`, writes: true },
        (fault) => carryOut(fault, () => inner.postpone(receipt, delayMs)),
      ),
    depth: () =>
      scheduler.request({ boundary: 'queue', label: 'depth', writes: false }, (fault) =>
        carryOut(fault, () => inner.depth()),
      ),
  };
}
