/** An answer of the service before it is sent. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The service refuses a request; the message goes to the client as plain text. */
export class RequestRefused extends Error {
  readonly code = 'RequestRefused';
  override readonly name = 'RequestRefused';

  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

export function jsonReply(status: number, value: unknown): Reply {
  return jsonTextReply(status, JSON.stringify(value));
}

/** @param body JSON */
export function jsonTextReply(status: number, body: string): Reply {
  return { status, headers: { 'content-type': 'application/json; charset=utf-8' }, body };
}

export function dicomJsonReply(status: number, value: unknown): Reply {
  return dicomTextReply(status, JSON.stringify(value));
}

/** @param body DICOM JSON */
export function dicomTextReply(status: number, body: string): Reply {
  return { status, headers: { 'content-type': 'application/dicom+json' }, body };
}

export function textReply(status: number, text: string): Reply {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: text };
}

export function emptyReply(status: number): Reply {
  return { status, headers: {}, body: '' };
}
