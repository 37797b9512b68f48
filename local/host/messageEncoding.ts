import { Buffer } from 'node:buffer';
import type { QueueSettings } from './hostSettings';

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** The text on the wire for a message body. */
export function encodeMessage(body: Buffer, encoding: QueueSettings['messageEncoding']): string {
  return encoding === 'base64' ? body.toString('base64') : body.toString('utf8');
}

/** The body of a message; `undefined` when the host expects base64 and the text is none. */
export function decodeMessage(text: string, encoding: QueueSettings['messageEncoding']): string | undefined {
  if (encoding === 'none') return text;
  const compact = text.replace(/[ \t\r\n]/g, '');
  return BASE64.test(compact) ? Buffer.from(compact, 'base64').toString('utf8') : undefined;
}
