import type { TableClient } from '@azure/data-tables';
import { validationWarnings, type ValidationWarning, type ValidationWarnings } from '../../../src/failures/warnings';
import { useAzurite } from '../../support/azurite';
import { handClock, keys, signal, study } from './support';

const azurite = useAzurite();
let table: TableClient;
let clock: ReturnType<typeof handClock>;
let warnings: ValidationWarnings;
beforeEach(async () => {
  table = await azurite.table();
  clock = handClock();
  warnings = validationWarnings(table, clock.now);
});

const warning = (instanceUid: string, keyword = 'PatientSex', tag = '00100040'): ValidationWarning => ({
  study,
  seriesUid: '1.2.3',
  instanceUid,
  keyword,
  tag,
  problem: 'expected M, F or O',
  operationId: 'operation-1',
});
const instances = async (filter: Parameters<ValidationWarnings['list']>[0]): Promise<string[]> =>
  (await warnings.list(filter, { top: 100 }, signal)).items.map(
    ({ instanceUid, keyword }) => `${instanceUid} ${keyword}`,
  );

test('an attribute of an instance is one row however often it is met', async () => {
  await warnings.file(warning('1.1'), signal);
  clock.forward(1000);
  await warnings.file(warning('1.1'), signal);
  expect((await warnings.list({}, { top: 10 }, signal)).items).toEqual([
    { ...warning('1.1'), seenAt: '2024-05-06T07:08:10.000Z' },
  ]);
});

test('many are filed at once, in several studies, doubles too', async () => {
  const many = Array.from({ length: 150 }, (_, index) => warning(`1.${index}`));
  const elsewhere = { ...warning('1.1'), study: { partition: 'other', uid: '1.9' } };
  await warnings.fileAll([...many, elsewhere, warning('1.1')], signal);
  expect(await keys(table)).toHaveLength(151);
});

test('the list fits study, instance, keyword and time, and comes in pages', async () => {
  await warnings.file(warning('1.1'), signal);
  clock.forward(3_600_000);
  await warnings.fileAll(
    [
      warning('1.1', 'PatientBirthDate', '00100030'),
      warning('1.2'),
      { ...warning('1.3'), study: { ...study, partition: 'other' } },
    ],
    signal,
  );
  expect(await instances({})).toHaveLength(4);
  expect(await instances({ study })).toHaveLength(3);
  expect(await instances({ study: { uid: study.uid } })).toHaveLength(4);
  expect(await instances({ instanceUid: '1.2' })).toEqual(['1.2 PatientSex']);
  expect(await instances({ keyword: 'PatientBirthDate' })).toEqual(['1.1 PatientBirthDate']);
  expect(await instances({ since: new Date('2024-05-06T08:00:00Z'), keyword: 'PatientSex' })).toEqual([
    '1.2 PatientSex',
    '1.3 PatientSex',
  ]);
  const first = await warnings.list({}, { top: 3 }, signal);
  const second = await warnings.list({}, { top: 3, continuationToken: first.continuationToken }, signal);
  expect([first.items.length, second.items.length, second.continuationToken]).toEqual([3, 1, undefined]);
});

test('the warnings of an instance are cleared, those of instances with a longer UID stay', async () => {
  await warnings.fileAll(
    [warning('1.1'), warning('1.1', 'PatientBirthDate', '00100030'), warning('1.11'), warning('1.1.1'), warning('1.0')],
    signal,
  );
  expect(await warnings.clear(study, '1.1', signal)).toBe(2);
  expect(await instances({})).toEqual(['1.0 PatientSex', '1.1.1 PatientSex', '1.11 PatientSex']);
});

test('old ones are forgotten, those seen again stay', async () => {
  await warnings.fileAll([warning('1.1'), warning('1.2')], signal);
  clock.forward(86_400_000);
  await warnings.file(warning('1.2'), signal);
  expect(await warnings.purge(new Date('2024-05-07T00:00:00Z'), signal)).toBe(1);
  expect(await instances({})).toEqual(['1.2 PatientSex']);
});
