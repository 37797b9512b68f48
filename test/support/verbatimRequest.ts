import { request } from 'node:http';
import { checkAnswer } from './describedApi';

interface VerbatimAnswer {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly text: string;
}

/**
 * A request whose path goes out as it is written: `fetch` would resolve `..` and `%2e%2e` before it sends.
 * The answer must be as the API is described.
 * @param init.body is sent in chunks, so that no header tells its length
 */
export async function requestVerbatim(
  origin: string,
  path: string,
  init: { readonly method?: string; readonly contentType?: string; readonly body?: string | Buffer } = {},
): Promise<VerbatimAnswer> {
  const { method = 'GET', contentType, body } = init;
  const { hostname, port } = new URL(origin);
  const headers = { ...(contentType !== undefined && { 'content-type': contentType }) };
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, path, method, headers }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.once('error', reject).once('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        const status = answer.statusCode ?? 0;
        const given = Object.entries(answer.headers).map(([name, value]) => [name, String(value)] as [string, string]);
        try {
          checkAnswer({ method, path }, { status, headers: new Headers(given), text });
          resolve({ status, contentType: answer.headers['content-type'], text });
        } catch (error) {
          reject(error instanceof Error ? error : new Error('The answer is not as described'));
        }
      });
    });
    sent.once('error', reject);
    if (body !== undefined) sent.write(body);
    sent.end();
  });
}
