import type { TableClient } from '@azure/data-tables';
import {
  failedEntries,
  FilterRequired,
  InvalidContinuationToken,
  type FailedEntries,
  type FailedEntryFilter,
} from '../../../src/failures/failedEntries';
import { entryKey, rowKey, rowKeyOfStudy, shardOf } from '../../../src/failures/tableKeys';
import { studyPasses, type StudyPasses } from '../../../src/failures/studyPass';
import type { StudyKey } from '../../../src/dicom/studyKey';
import { useAzurite } from '../../support/azurite';
import { failure, handClock, keys, signal, study } from './support';

const azurite = useAzurite();
const other: StudyKey = { partition: 'other', uid: '1.9' };
const sameUid: StudyKey = { partition: 'other', uid: study.uid };

let table: TableClient;
let clock: ReturnType<typeof handClock>;
let passes: StudyPasses;
let entries: FailedEntries;

beforeEach(async () => {
  table = await azurite.table();
  clock = handClock();
  passes = studyPasses(table, clock.now);
  entries = failedEntries(table, clock.now);
});

async function file(key: StudyKey, ...rows: ReturnType<typeof failure>[]): Promise<void> {
  const pass = await passes.open(key, 'filer', signal);
  await pass.settle({ file: rows, clear: [], wroteToFhir: false }, signal);
}
const listed = async (filter: FailedEntryFilter): Promise<string[]> =>
  (await entries.list(filter, { top: 100 }, signal)).items.map(
    (entry) => `${entry.study?.uid ?? 'feed'} ${entry.sequence ?? ''}`,
  );

describe('the list', () => {
  beforeEach(async () => {
    await file(study, failure(1), failure(2, { reason: 'ServerError', errorType: 'TransientFailure' }));
    clock.forward(3_600_000);
    await file(other, failure(3, { reason: 'InvalidAttribute', errorType: 'DicomError' }));
    await file(sameUid, failure(4));
    await entries.fileUnreadable({ sequence: 5, message: 'action: expected Create, Update or Delete' }, signal);
    for (const key of [study, other]) await passes.open(key, 'mark', signal);
  });

  test('shows everything but marks', async () => {
    expect((await listed({})).sort()).toEqual(
      [`${study.uid} 1`, `${study.uid} 2`, '1.9 3', `${study.uid} 4`, 'feed 5'].sort(),
    );
  });

  test.each<[string, FailedEntryFilter, string[]]>([
    ['a UID in all partitions', { study: { uid: study.uid } }, [`${study.uid} 1`, `${study.uid} 2`, `${study.uid} 4`]],
    ['one study', { study: sameUid }, [`${study.uid} 4`]],
    ['a reason', { reason: 'ServerError' }, [`${study.uid} 2`]],
    ['an error type', { errorType: 'DicomError' }, ['1.9 3', 'feed 5']],
    ['a time', { since: new Date('2024-05-06T08:00:00Z') }, ['1.9 3', `${study.uid} 4`, 'feed 5']],
    [
      'several things at once',
      { errorType: 'FhirError', study: { uid: study.uid }, since: new Date('2024-05-06T08:00:00Z') },
      [`${study.uid} 4`],
    ],
    ['nothing that is there', { study: { uid: "1' or RowKey ge '" } }, []],
  ])('fits %s', async (_name, filter, expected) => {
    expect((await listed(filter)).sort()).toEqual([...expected].sort());
  });

  test('comes in pages, each entry once, and ends', async () => {
    const seen: string[] = [];
    let continuationToken: string | undefined;
    let pages = 0;
    do {
      const page = await entries.list({}, { top: 2, continuationToken }, signal);
      expect(page.items.length).toBeLessThanOrEqual(2);
      seen.push(...page.items.map(({ rowKey: key }) => key));
      ({ continuationToken } = page);
      pages++;
    } while (continuationToken !== undefined);
    expect(seen.sort()).toEqual([1, 2, 3, 4, 5].map((sequence) => rowKey(sequence)));
    expect(pages).toBe(3);
  });

  test('a continuation token is good for its own filter only', async () => {
    const { continuationToken } = await entries.list({}, { top: 1 }, signal);
    await expect(entries.list({ reason: 'ServerError' }, { top: 1, continuationToken }, signal)).rejects.toThrow(
      InvalidContinuationToken,
    );
    for (const bad of ['', 'x', 'e30', Buffer.from('{"filter":1}').toString('base64url')]) {
      await expect(entries.list({}, { top: 1, continuationToken: bad }, signal)).rejects.toThrow(
        InvalidContinuationToken,
      );
    }
  });

  test('gives every column back', async () => {
    expect(await entries.get(study, rowKey(1), signal)).toEqual({
      study,
      rowKey: rowKey(1),
      sequence: '1',
      action: 'Create',
      seriesUid: '1.2.3',
      instanceUid: '1.2.3.1',
      errorType: 'FhirError',
      reason: 'TransactionFailed',
      message: 'FHIR answered 422',
      suggestedFix: undefined,
      httpStatus: undefined,
      failureCount: 1,
      firstFailedAt: '2024-05-06T07:08:09.000Z',
      lastFailedAt: '2024-05-06T07:08:09.000Z',
      operationId: 'operation-1',
    });
    expect(await entries.get(study, rowKey(99), signal)).toBeUndefined();
    expect(await entries.get(study, '~mark', signal)).toBeUndefined();
  });

  test('counts by reason', async () => {
    expect(await entries.countByReason(signal)).toEqual({
      TransactionFailed: 2,
      ServerError: 1,
      InvalidAttribute: 1,
      UnreadableEntry: 1,
    });
  });
});

test('texts that exceed what a table row holds are cut', async () => {
  const long = 'ü'.repeat(100_000);
  const rows = Array.from({ length: 99 }, (_, index) =>
    failure(index + 1, { message: long, suggestedFix: long, operationId: long }),
  );
  await file(study, ...rows);
  const { items } = await entries.list({}, { top: 100 }, signal);
  expect(items).toHaveLength(99);
  expect(items[0]?.message).toMatch(/^ü{3999}…$/);
});

test('a row that another release wrote is shown, not hidden', async () => {
  await table.createEntity({
    partitionKey: shardOf(study),
    rowKey: entryKey(study, rowKey(8)),
    reason: 'NewReason',
    extra: 1,
  });
  expect((await entries.list({}, { top: 10 }, signal)).items).toMatchObject([
    { study, errorType: 'Unexpected', reason: 'Unexpected', message: '' },
  ]);
});

describe('a poisoned message', () => {
  const changes = [
    { sequence: 1, action: 'Create', series: '1.2.3', instance: '1.2.3.1' },
    { sequence: 2, action: 'Delete', series: '1.2.3', instance: '1.2.3.2' },
    { sequence: 2, action: 'Delete', series: '1.2.3', instance: '1.2.3.2' },
  ] as const;

  test('files each of its changes once as unconfirmed', async () => {
    await entries.upsertFromPoison({ study, changes, operationId: 'poison' }, signal);
    const { items } = await entries.list({}, { top: 10 }, signal);
    expect(items).toMatchObject([
      { study, sequence: '1', action: 'Create', reason: 'Unconfirmed', errorType: 'Unexpected', failureCount: 1 },
      { study, sequence: '2', action: 'Delete', reason: 'Unconfirmed', instanceUid: '1.2.3.2' },
    ]);
    expect(items[0]?.suggestedFix).toContain('Retry');
  });

  test('keeps the root cause of a row that was there', async () => {
    await file(study, failure(1, { httpStatus: 422, suggestedFix: 'fix' }));
    clock.forward(1000);
    await entries.upsertFromPoison({ study, changes, operationId: 'poison' }, signal);
    expect(await entries.get(study, rowKey(1), signal)).toMatchObject({
      reason: 'TransactionFailed',
      message: 'FHIR answered 422',
      httpStatus: 422,
      suggestedFix: 'fix',
      failureCount: 2,
      firstFailedAt: '2024-05-06T07:08:09.000Z',
      lastFailedAt: '2024-05-06T07:08:10.000Z',
    });
  });

  test('without changes files the study, twice is once', async () => {
    for (let n = 0; n < 2; n++) await entries.upsertFromPoison({ study, changes: [], operationId: 'poison' }, signal);
    expect(await keys(table)).toEqual([rowKeyOfStudy()]);
  });

  test('of a whole round fits', async () => {
    const many = Array.from({ length: 1000 }, (_, index) => ({ ...changes[0], sequence: index }));
    await entries.upsertFromPoison({ study, changes: many, operationId: 'poison' }, signal);
    expect((await passes.open(study, 'one', signal)).rows).toHaveLength(1000);
  });
});

describe('what belongs to no study', () => {
  test('an unreadable feed entry is one row however often it is met', async () => {
    for (let n = 0; n < 2; n++) await entries.fileUnreadable({ sequence: '12', message: 'no study UID' }, signal);
    const { items } = await entries.list({}, { top: 10 }, signal);
    expect(items).toMatchObject([{ rowKey: rowKey(12), sequence: '12', reason: 'UnreadableEntry', failureCount: 2 }]);
    expect(items[0]?.study).toBeUndefined();
    expect(items[0]?.suggestedFix).toContain('sequence');
  });

  test('each unreadable message is a row', async () => {
    await entries.fileUnreadableMessage({ operationId: 'a/b', message: 'study: invalid_type' }, signal);
    await entries.fileUnreadableMessage({ operationId: 'c', message: 'study: invalid_type' }, signal);
    expect((await entries.list({ reason: 'UnreadableMessage' }, { top: 10 }, signal)).items).toHaveLength(2);
  });
});

describe('a dismissal', () => {
  beforeEach(async () => {
    await file(study, failure(1), failure(2, { reason: 'ServerError' }));
    await file(other, failure(3));
    await passes.open(study, 'mark', signal);
  });

  test('needs a filter', async () => {
    await expect(entries.dismiss({}, signal)).rejects.toThrow(FilterRequired);
    await expect(entries.dismiss({ reason: undefined, study: undefined }, signal)).rejects.toThrow(FilterRequired);
    expect(await keys(table)).toHaveLength(4);
  });

  test('forgets what the filter fits and says how many; marks stay', async () => {
    expect(await entries.dismiss({ study: { uid: study.uid } }, signal)).toBe(2);
    expect(await keys(table)).toEqual([rowKey(3), '~mark']);
  });

  test('of one row', async () => {
    expect(await entries.dismiss({ study, rowKey: rowKey(2) }, signal)).toBe(1);
    expect(await entries.dismiss({ study, rowKey: rowKey(2) }, signal)).toBe(0);
    expect(await keys(table)).toEqual([rowKey(1), rowKey(3), '~mark']);
  });

  test('does not touch a pass that runs', async () => {
    const pass = await passes.open(study, 'runner', signal);
    await entries.dismiss({ study }, signal);
    expect(
      await pass.settle(
        { file: [failure(9)], clear: pass.rows.map(({ rowKey: key }) => key), wroteToFhir: true },
        signal,
      ),
    ).toBe('settled');
  });
});
