import type { FailedEntry } from '../../../src/failures/failedEntry';
import { rowsAfterFailure, rowsAfterSuccess } from '../../../src/study/rows';
import type { StudyChange } from '../../../src/study/message';

type Live = Parameters<typeof rowsAfterSuccess>[1];

const change = (sequence: number, instance: string, action: StudyChange['action'] = 'Create'): StudyChange => ({
  sequence,
  action,
  series: '1.1',
  instance,
});
const key = (sequence: number): string => String(sequence).padStart(20, '0');
const valid = (instanceUid: string): Live['valid'][number] => ({
  kind: 'valid',
  seriesUid: '1.1',
  instanceUid,
  facts: {} as never,
  issues: [],
});
const broken = (instanceUid: string | undefined, missing?: string): Live['invalid'][number] => ({
  kind: 'invalid',
  seriesUid: '1.1',
  instanceUid,
  issues: [{ keyword: 'PatientID', tag: '00100020', problem: 'expected exactly one value', severity: 'invalid' }],
  ...(missing === undefined ? {} : { missing }),
});
const row = (rowKey: string, instanceUid?: string): FailedEntry => ({
  study: { partition: 'Microsoft.Default', uid: '1' },
  rowKey,
  instanceUid,
  errorType: 'FhirError',
  reason: 'TransactionFailed',
  message: '',
  failureCount: 1,
  firstFailedAt: '',
  lastFailedAt: '',
  operationId: '',
});

describe('the rows that a pass files and clears', () => {
  it('are settled by a success, whatever they were filed for', () => {
    const rows = [row(key(0)), row(key(4), 'a'), row(key(5), 'gone')];
    expect(rowsAfterSuccess([], { valid: [valid('a')], invalid: [], skipped: [] }, rows, 'op')).toEqual({
      file: [],
      clear: rows.map(({ rowKey }) => rowKey),
    });
  });

  it('name an invalid instance under the changes that name it, and keep its older rows', () => {
    const { file, clear } = rowsAfterSuccess(
      [change(7, 'a'), change(8, 'b')],
      { valid: [valid('a')], invalid: [broken('b', 'PatientID')], skipped: [] },
      [row(key(3), 'b'), row(key(4), 'a')],
      'op',
    );
    expect(file).toMatchObject([
      { rowKey: key(8), instanceUid: 'b', sequence: '8', errorType: 'DicomError', reason: 'RequiredAttributeMissing' },
    ]);
    expect(clear).toEqual([key(4)]);
  });

  it('name an invalid instance by itself when the pass had no changes', () => {
    const { file } = rowsAfterSuccess([], { valid: [], invalid: [broken('b')], skipped: [] }, [], 'op');
    expect(file).toMatchObject([{ rowKey: `${key(0)}-b`, reason: 'InvalidAttribute' }]);
  });

  it('blame no skipped instance for one that is too broken to be told', () => {
    const live = {
      valid: [],
      invalid: [broken(undefined, 'SOPInstanceUID')],
      skipped: [{ kind: 'skipped', instanceUid: 'a', issues: [] } as const],
    };
    expect(rowsAfterSuccess([change(7, 'a')], live, [row(key(3), 'a')], 'op')).toEqual({ file: [], clear: [key(3)] });
  });

  it('never forget a change whose instance is too broken to be told', () => {
    const { file, clear } = rowsAfterSuccess(
      [change(7, 'a'), change(8, 'b')],
      { valid: [valid('a')], invalid: [broken(undefined, 'SOPInstanceUID')], skipped: [] },
      [row(key(3), 'c')],
      'op',
    );
    expect(file.map(({ rowKey }) => rowKey)).toEqual([key(8)]);
    expect(clear).toEqual([]);
  });

  it('say why for each change of a pass that failed for good, or for the study when there was none', () => {
    const failure = { errorType: 'FhirError', reason: 'TransactionFailed', message: 'refused' } as const;
    expect(rowsAfterFailure([change(7, 'a', 'Delete')], failure, 'op').file).toMatchObject([
      { rowKey: key(7), action: 'Delete', reason: 'TransactionFailed' },
    ]);
    expect(rowsAfterFailure([], failure, 'op').file).toMatchObject([{ rowKey: key(0) }]);
  });
});
