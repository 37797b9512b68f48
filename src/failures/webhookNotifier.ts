import { randomUUID } from 'node:crypto';
import { flatEvent, notifierOf, type FailureEventKind, type FailureEvents, type FailureNotifier } from './notifier';

/** The receiver of the webhook did not accept an event. */
export class WebhookRefused extends Error {
  readonly code = 'WebhookRefused';
  constructor(readonly status: number) {
    super(`The webhook answered ${status}`);
    this.name = 'WebhookRefused';
  }
}

/** The part of an HTTP client that is needed. */
interface WebhookSender {
  send(request: {
    readonly method: string;
    readonly url: string;
    readonly headers: Record<string, string>;
    readonly body: string;
    readonly timeoutMs: number;
    readonly signal: AbortSignal;
  }): Promise<{ readonly status: number }>;
}

export interface WebhookOptions {
  readonly url: string;
  /** HTTP client of the webhook's origin. */
  readonly http: WebhookSender;
  /** CloudEvents `source`: a URI that names this installation. */
  readonly source: string;
  readonly timeoutMs: number;
  readonly clock: () => Date;
}

const typePrefix = 'fhir-imaging-functions.cast';
const types: Readonly<Record<FailureEventKind, string>> = {
  entryFailed: `${typePrefix}.entry-failed`,
  warning: `${typePrefix}.validation-warning`,
  gaveUp: `${typePrefix}.gave-up`,
  dependencyDown: `${typePrefix}.dependency-down`,
  dependencyBack: `${typePrefix}.dependency-back`,
  feedReset: `${typePrefix}.feed-reset`,
};

/**
 * Posts each event as CloudEvents 1.0 JSON (structured content mode, one event a request).
 * The subject is `study/series/instance` as far as they are known, or the name of the service.
 * Each method throws WebhookRefused for any answer but 2xx.
 */
export function webhookNotifier({ url, http, source, timeoutMs, clock }: WebhookOptions): FailureNotifier {
  return notifierOf(async (kind, event) => {
    const body = JSON.stringify({
      specversion: '1.0',
      id: randomUUID(),
      source,
      type: types[kind],
      time: clock().toISOString(),
      ...subjectOf(event),
      datacontenttype: 'application/json',
      data: flatEvent(event),
    });
    const headers = { 'content-type': 'application/cloudevents+json; charset=utf-8' };
    const signal = AbortSignal.timeout(timeoutMs);
    const { status } = await http.send({ method: 'POST', url, headers, body, timeoutMs, signal });
    if (status < 200 || status > 299) throw new WebhookRefused(status);
  });
}

function subjectOf(event: FailureEvents[FailureEventKind]): { readonly subject?: string } {
  if ('dependency' in event) return { subject: event.dependency };
  if (!('study' in event) || event.study === undefined) return {};
  return {
    subject: [event.study.uid, event.seriesUid, event.instanceUid].filter((part) => part !== undefined).join('/'),
  };
}
