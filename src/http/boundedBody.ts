import { ResponseTooLarge } from './errors';

/**
 * The whole body as text (UTF-8, a byte order mark is dropped).
 * @throws ResponseTooLarge when it is longer than the limit; the rest is not read
 */
export async function readText(chunks: AsyncIterable<Uint8Array>, limitBytes: number): Promise<string> {
  const decoder = new TextDecoder();
  const count = byteLimit(limitBytes);
  let text = '';
  let last: Uint8Array | undefined;
  // As it comes: a long body would hold the event loop at its end. Most come in one chunk, which is decoded faster as the last.
  for await (const chunk of chunks) {
    count(chunk);
    if (last !== undefined) text += decoder.decode(last, { stream: true });
    last = chunk;
  }
  return text + decoder.decode(last);
}

/** @returns what counts the chunks of a body, and throws ResponseTooLarge as soon as they hold more bytes than the limit */
export function byteLimit(limitBytes: number): (chunk: Uint8Array) => void {
  let sizeBytes = 0;
  return (chunk) => {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > limitBytes) throw new ResponseTooLarge(limitBytes);
  };
}
