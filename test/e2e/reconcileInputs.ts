/** What somebody may send by mistake or on purpose, and what comes of it: never a 500. */

const KEY = '00000000-0000-4000-8000-000000000002';
/** 64 characters: as long as an id may be. */
export const EVERY_CHARACTER = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.';

/** 404 without a problem is the host's answer to a path that is none of the app's. */
type Expected = 200 | 400 | 'no route';

/** Paths below /api, as they go out, and the field that is wrong. */
export const paths: readonly (readonly [path: string, expected: Expected, field: string | undefined])[] = [
  ['payloads/104/../../../../etc/passwd', 'no route', undefined],
  ['payloads/%2e%2e/%2e%2e/etc/passwd', 'no route', undefined],
  [`payloads/104/%2e%2e/1/${KEY}`, 200, undefined],
  [`payloads/104/..%2f..%2fother/1/${KEY}`, 400, 'id'],
  ['payloads/104/a%2Fb', 400, 'id'],
  ['payloads/104/a%5Cb', 400, 'id'],
  ['payloads/..%2F104/x', 400, 'type'],
  ['payloads/104/%252e%252e', 400, 'id'],
  ['payloads/104/a%00b', 400, 'id'],
  ['payloads/Patient%00/x', 400, 'type'],
  ['payloads/104/x/1%00', 400, 'version'],
  ['payloads/104/x/1/key%00', 400, 'key'],
  ['payloads/104/%zz', 400, 'id'],
  ['payloads/104/%ff%fe', 400, 'id'],
  ['payloads/104/%C3%A9', 400, 'id'],
  ['payloads/104/a_b', 400, 'id'],
  [`payloads/104/x/1/${KEY}/more`, 'no route', undefined],
  [`payloads/104/${EVERY_CHARACTER}`, 200, undefined],
  [`payloads/Patient/${'x'.repeat(64)}/1`, 200, undefined],
  [`payloads/104/${'x'.repeat(65)}`, 400, 'id'],
  [`payloads/104/${'x'.repeat(4000)}`, 400, 'id'],
  ['payloads/104/x/2147483647', 200, undefined],
  ['payloads/104/x/2147483648', 400, 'version'],
  ['payloads/104/x/99999999999999999999', 400, 'version'],
  ['payloads/104/x/0', 400, 'version'],
  ['payloads/104/x/-1', 400, 'version'],
  ['payloads/104/x/1e3', 400, 'version'],
  ['payloads/2147483647/x', 200, undefined],
  ['payloads/2147483648/x', 400, 'type'],
  ['payloads/0/x', 400, 'type'],
  [`payloads/104/x/1/${'k'.repeat(256)}`, 400, 'key'],
  ['payloads/104/x?tenantId=%00', 400, 'tenantId'],
  ['payloads/104/x?tenantId=default&tenantId=default', 400, 'tenantId'],
  ['payloads/104/x?colour=red', 400, 'colour'],
  ['reconcile/%00', 400, 'runId'],
  ['reconcile/..%2f..%2fx/report', 400, 'runId'],
  ['reconcile?continuationToken=%00', 400, 'continuationToken'],
  ['reconcile?continuationToken=rubbish', 400, 'continuationToken'],
  [`reconcile?continuationToken=${'x'.repeat(5000)}`, 400, 'continuationToken'],
];

/** Bodies of requests that need none, or an object. */
export const bodies: readonly (readonly [what: string, body: string | Buffer])[] = [
  ['no JSON', 'dryRun=false'],
  ['half of JSON', '{"dryRun": fal'],
  ['an array', '[{"dryRun":false}]'],
  ['a text', '"dryRun"'],
  ['a number', '0'],
  ['null', 'null'],
  ['XML', '<dryRun>false</dryRun>'],
  ['bytes that are no text', Buffer.from([0xff, 0xfe, 0x00, 0x80])],
  ['NULs', '\0'.repeat(100)],
  ['arrays in arrays', '['.repeat(30_000) + ']'.repeat(30_000)],
];
