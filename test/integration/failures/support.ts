import { RestError, type TableClient } from '@azure/data-tables';
import type { FailedEntryInput } from '../../../src/failures/failedEntry';
import { isMarkKey, isSignKey, keyWithinStudy, rowKey } from '../../../src/failures/tableKeys';

export const study = { partition: 'Microsoft.Default', uid: '1.2.826.0.1.3680043.8.498.1' };
export const signal = new AbortController().signal;

/** A clock that a test moves by hand. */
export function handClock(start = '2024-05-06T07:08:09.000Z'): { now: () => Date; forward: (ms: number) => void } {
  let at = Date.parse(start);
  return { now: () => new Date(at), forward: (ms) => void (at += ms) };
}

export const failure = (sequence: number, more: Partial<FailedEntryInput> = {}): FailedEntryInput => ({
  rowKey: rowKey(sequence),
  sequence: String(sequence),
  action: 'Create',
  seriesUid: '1.2.3',
  instanceUid: `1.2.3.${sequence}`,
  errorType: 'FhirError',
  reason: 'TransactionFailed',
  message: 'FHIR answered 422',
  operationId: 'operation-1',
  ...more,
});

interface Wire {
  /** What was sent, such as `PUT` or `POST $batch`, oldest first. */
  readonly sent: readonly string[];
  /** Runs before the next request that fits is sent. */
  before(fits: RegExp, act: () => Promise<void>): void;
  /** The next request that fits is carried out, but its answer is lost: the client sees a broken connection. */
  loseAnswer(fits: RegExp): void;
}

/** Watches what a table client sends, and lets a test step in between two requests. */
export function watch(table: TableClient): Wire {
  const sent: string[] = [];
  const steps: { fits: RegExp; act: () => Promise<void> }[] = [];
  const losses: RegExp[] = [];
  const take = <T>(list: T[], fits: (item: T) => boolean): T | undefined => {
    const at = list.findIndex(fits);
    return at < 0 ? undefined : list.splice(at, 1)[0];
  };
  table.pipeline.addPolicy(
    {
      name: 'watch',
      async sendRequest(request, next) {
        const path = new URL(request.url).pathname.replace(/^\/devstoreaccount1\/\w*/, '');
        const line = `${request.method} ${decodeURIComponent(path)}`.trim();
        await take(steps, ({ fits }) => fits.test(line))?.act();
        sent.push(line);
        const answer = await next(request);
        if (take(losses, (fits) => fits.test(line))) throw new RestError('reset', { code: 'ECONNRESET' });
        return answer;
      },
    },
    { phase: 'Sign' },
  );
  return {
    sent,
    before: (fits, act) => void steps.push({ fits, act }),
    loseAnswer: (fits) => void losses.push(fits),
  };
}

/** Keys of all entries within their studies, and marks as `~` and the invocation; signs are left out. */
export async function keys(table: TableClient): Promise<string[]> {
  const found: string[] = [];
  for await (const { rowKey: key = '' } of table.listEntities()) {
    if (isMarkKey(key)) found.push(`~${key.split('~')[2] ?? ''}`);
    else if (!isSignKey(key)) found.push(keyWithinStudy(key));
  }
  return found.sort();
}
