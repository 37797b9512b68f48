import { RequestRefused } from './reply';

export interface BodyPart {
  /** Media type without parameters, in lower case. */
  readonly mediaType: string;
  readonly content: Buffer;
}

const HEADER_END = Buffer.from('\r\n\r\n');

/** @returns media type and parameters of a Content-Type */
export function parseContentType(text: string): {
  readonly mediaType: string;
  readonly parameters: ReadonlyMap<string, string>;
} {
  const [mediaType = ''] = text.split(';', 1);
  const parameters = new Map<string, string>();
  for (const match of text.slice(mediaType.length).matchAll(/;\s*([^=;\s]+)\s*=\s*(?:"([^"]*)"|([^;\s]*))/g)) {
    parameters.set((match[1] ?? '').toLowerCase(), match[2] ?? match[3] ?? '');
  }
  return { mediaType: mediaType.trim().toLowerCase(), parameters };
}

/**
 * Splits a `multipart/related` body (RFC 2387). Parts without a Content-Type get `defaultMediaType`.
 *
 * @throws {RequestRefused} when the body has no closing boundary or a part has no header end
 */
export function splitMultipart(body: Buffer, boundary: string, defaultMediaType: string): readonly BodyPart[] {
  const delimiter = Buffer.from(`--${boundary}`);
  const parts: BodyPart[] = [];
  let start = body.indexOf(delimiter);
  while (start !== -1) {
    const afterDelimiter = start + delimiter.length;
    if (body.toString('latin1', afterDelimiter, afterDelimiter + 2) === '--') return parts;
    const end = body.indexOf(Buffer.concat([Buffer.from('\r\n'), delimiter]), afterDelimiter);
    if (end === -1) break;
    parts.push(parsePart(body.subarray(afterDelimiter + 2, end), defaultMediaType));
    start = end + 2;
  }
  throw new RequestRefused(400, 'The multipart body is not closed by its boundary.');
}

function parsePart(part: Buffer, defaultMediaType: string): BodyPart {
  if (part.subarray(0, 2).toString('latin1') === '\r\n')
    return { mediaType: defaultMediaType, content: part.subarray(2) };
  const headerEnd = part.indexOf(HEADER_END);
  if (headerEnd === -1) throw new RequestRefused(400, 'A part of the multipart body has no end of its headers.');
  const headers = part.toString('latin1', 0, headerEnd);
  const contentType = /^content-type:\s*(.+)$/im.exec(headers)?.[1];
  const mediaType = contentType === undefined ? defaultMediaType : parseContentType(contentType).mediaType;
  return { mediaType, content: part.subarray(headerEnd + HEADER_END.length) };
}
