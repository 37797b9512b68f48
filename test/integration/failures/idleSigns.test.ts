import type { TableClient } from '@azure/data-tables';
import { failedEntries } from '../../../src/failures/failedEntries';
import { removeIdleSigns } from '../../../src/failures/idleSigns';
import { studyPasses, type StudyPasses } from '../../../src/failures/studyPass';
import { isSignKey, rowKey } from '../../../src/failures/tableKeys';
import { useAzurite } from '../../support/azurite';
import { failure, signal, study, watch } from './support';

const nothing = { file: [], clear: [], wroteToFhir: false };

describe('the sign of a study with failed entries', () => {
  const azurite = useAzurite();
  const later = (): Date => new Date(Date.now() + 2 * 3_600_000);
  let table: TableClient;
  let passes: StudyPasses;

  beforeEach(async () => {
    table = await azurite.table();
    passes = studyPasses(table, () => new Date());
  });

  const file = async (): Promise<void> => {
    const pass = await passes.open(study, 'files', signal);
    await pass.settle({ ...nothing, file: [failure(1)] }, signal);
  };
  const clear = async (): Promise<void> => {
    const pass = await passes.open(study, 'clears', signal);
    await pass.settle({ ...nothing, clear: [rowKey(1)] }, signal);
  };
  const signs = async (): Promise<number> => {
    let count = 0;
    for await (const { rowKey: key = '' } of table.listEntities()) if (isSignKey(key)) count++;
    return count;
  };
  const isSeen = async (): Promise<boolean> => (await passes.openShared([study], 'looks', signal)).hasEntries(study);

  it('stays while there are entries, and goes when they have gone', async () => {
    await file();
    expect(await removeIdleSigns(table, later, signal)).toBe(0);
    expect(await isSeen()).toBe(true);
    await clear();
    expect(await removeIdleSigns(table, later, signal)).toBe(1);
    expect(await isSeen()).toBe(false);
  });

  it('goes when a person has dismissed them', async () => {
    await file();
    await failedEntries(table, () => new Date()).dismiss({ study }, signal);
    expect(await removeIdleSigns(table, later, signal)).toBe(1);
    expect(await signs()).toBe(0);
  });

  it.each([
    ['a pass files one', file],
    [
      'the poison handler files one',
      async (): Promise<void> => {
        const poisoned = { study, changes: [], operationId: 'poison' };
        await failedEntries(table, () => new Date()).upsertFromPoison(poisoned, signal);
      },
    ],
  ])('stays when %s after nothing was found and before it goes', async (_what, act) => {
    await file();
    await clear();
    watch(table).before(/^DELETE/, act);
    expect(await removeIdleSigns(table, later, signal)).toBe(0);
    expect(await isSeen()).toBe(true);
  });

  it('may be gone already where its removal got lost', async () => {
    await file();
    await clear();
    watch(table).loseAnswer(/^DELETE/);
    expect(await removeIdleSigns(table, later, signal)).toBe(0);
    expect(await signs()).toBe(0);
  });
});
