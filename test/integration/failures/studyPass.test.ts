import type { TableClient } from '@azure/data-tables';
import {
  entryKey,
  markKey,
  rowKeyOfInstance,
  rowKey,
  rowKeyOfStudy,
  shardOf,
  signKey,
} from '../../../src/failures/tableKeys';
import { studyPasses, type StudyPass, type StudyPasses } from '../../../src/failures/studyPass';
import { upsertAll } from '../../../src/failures/tableBatches';
import { useAzurite } from '../../support/azurite';
import { uidsOfOneShard } from '../../support/instances';
import { failure, handClock, keys, signal, study, watch } from './support';

const azurite = useAzurite();
const nothing = { file: [], clear: [], wroteToFhir: false };
const wrote = { file: [], clear: [], wroteToFhir: true };

let table: TableClient;
let passes: StudyPasses;
let clock: ReturnType<typeof handClock>;
const open = (name: string): Promise<StudyPass> => passes.open(study, name, signal);
const rowKeys = (pass: StudyPass): string[] => pass.rows.map(({ rowKey }) => rowKey);

beforeEach(async () => {
  table = await azurite.table();
  clock = handClock();
  passes = studyPasses(table, clock.now);
});

async function file(...sequences: number[]): Promise<void> {
  const pass = await open('earlier');
  const change = { file: sequences.map((sequence) => failure(sequence)), clear: [], wroteToFhir: false };
  expect(await pass.settle(change, signal)).toBe('settled');
}

describe('a pass that nobody disturbs', () => {
  test('that has nothing to do leaves nothing behind, for three requests', async () => {
    const { sent } = watch(table);
    const pass = await open('one');
    expect(await keys(azurite2())).toEqual(['~one']);
    expect(await pass.settle(nothing, signal)).toBe('settled');
    expect(sent).toHaveLength(3);
    expect(await keys(table)).toEqual([]);
  });

  test('that wrote to FHIR costs three requests', async () => {
    const { sent } = watch(table);
    const pass = await open('one');
    expect(await pass.settle(wrote, signal)).toBe('settled');
    expect(sent).toHaveLength(3);
    expect(await keys(table)).toEqual([]);
  });

  test('over a study with entries costs one request more to read them, and one to take its mark away', async () => {
    await file(1, 2);
    const { sent } = watch(table);
    const pass = await open('one');
    const change = { file: [failure(3)], clear: [rowKey(1)], wroteToFhir: true };
    expect(await pass.settle(change, signal)).toBe('settled');
    expect(sent).toHaveLength(5);
    expect(await keys(table)).toEqual([rowKey(2), rowKey(3)]);
  });

  test('sees the rows of its study, no marks and no rows of other studies', async () => {
    await file(7);
    await passes.open({ ...study, uid: '1.9' }, 'other', signal);
    await open('sleeper');
    const pass = await open('one');
    expect(rowKeys(pass)).toEqual([rowKey(7)]);
    expect(pass.rows[0]).toMatchObject({ study, sequence: '7', instanceUid: '1.2.3.7', reason: 'TransactionFailed' });
  });

  test('keeps studies of the same UID in two partitions apart', async () => {
    await file(7);
    expect((await passes.open({ ...study, partition: 'other' }, 'one', signal)).rows).toEqual([]);
  });

  test('counts a failure that comes again, and keeps when it came first', async () => {
    await file(1);
    clock.forward(60_000);
    const again = { file: [failure(1, { message: 'FHIR answered 400' })], clear: [], wroteToFhir: false };
    await (await open('two')).settle(again, signal);
    expect((await open('three')).rows).toEqual([
      expect.objectContaining({
        failureCount: 2,
        firstFailedAt: '2024-05-06T07:08:09.000Z',
        lastFailedAt: '2024-05-06T07:09:09.000Z',
        message: 'FHIR answered 400',
      }),
    ]);
  });

  test('keeps a row that it both files and clears, and files one of two failures under one key', async () => {
    await file(1);
    const change = {
      file: [failure(1), failure(1, { message: 'the later one' })],
      clear: [rowKey(1), rowKey(99)],
      wroteToFhir: true,
    };
    expect(await (await open('two')).settle(change, signal)).toBe('settled');
    expect((await open('three')).rows).toMatchObject([{ message: 'the later one' }]);
  });

  test('files the study itself and single instances under keys of their own', async () => {
    const change = {
      file: [failure(0, { rowKey: rowKeyOfStudy() }), failure(0, { rowKey: rowKeyOfInstance('1.2.3/4#x') })],
      clear: [],
      wroteToFhir: false,
    };
    await (await open('one')).settle(change, signal);
    const pass = await open('two');
    expect(rowKeys(pass)).toEqual(['0'.repeat(20), `${'0'.repeat(20)}-1.2.3=002f4=0023x`]);
    expect(await pass.settle({ ...nothing, clear: rowKeys(pass) }, signal)).toBe('settled');
    expect(await keys(table)).toEqual([]);
  });

  test('accepts partition names that table keys forbid', async () => {
    const odd = { partition: "a/b#c?d\\e'f%2Fg ü", uid: '1.2' };
    await (await passes.open(odd, 'one', signal)).settle({ ...nothing, file: [failure(1)] }, signal);
    expect((await passes.open(odd, 'two', signal)).rows).toMatchObject([{ study: odd, sequence: '1' }]);
  });
});

describe('two passes', () => {
  test('the earlier one is overtaken when it wrote to FHIR, and keeps its mark', async () => {
    const first = await open('first');
    const second = await open('second');
    expect(await first.settle(wrote, signal)).toBe('overtaken');
    expect(await keys(table)).toEqual(['~first', '~second']);
    expect(await second.settle(wrote, signal)).toBe('settled');
  });

  test('nothing of the batch of an overtaken pass applies', async () => {
    await file(1);
    const first = await open('first');
    await open('second');
    const change = { file: [failure(2)], clear: [rowKey(1)], wroteToFhir: true };
    expect(await first.settle(change, signal)).toBe('overtaken');
    expect(await keys(table)).toEqual([rowKey(1), '~first', '~second']);
  });

  test('a pass without effects ends whoever came in between', async () => {
    const first = await open('first');
    await open('second');
    expect(await first.settle(nothing, signal)).toBe('settled');
    expect(await keys(table)).toEqual(['~second']);
  });

  test('a pass whose mark was swept is overtaken when it has effects, and ends when it has none', async () => {
    const swept = await open('first');
    await table.deleteEntity(shardOf(study), markKey('first', study));
    expect(await swept.settle({ ...wrote, file: [failure(1)] }, signal)).toBe('overtaken');
    expect(await swept.settle(wrote, signal)).toBe('overtaken');
    expect(await swept.settle(nothing, signal)).toBe('settled');
    expect(await keys(table)).toEqual([]);
  });

  test('an overtaken pass that is opened again overtakes the other one in turn', async () => {
    const first = await open('first');
    const second = await open('second');
    expect(await first.settle(wrote, signal)).toBe('overtaken');
    const again = await open('first');
    expect(await second.settle({ ...wrote, file: [failure(5)] }, signal)).toBe('overtaken');
    expect(await again.settle({ ...wrote, file: [failure(6)] }, signal)).toBe('settled');
    expect(await (await open('second')).settle(wrote, signal)).toBe('settled');
    expect(await keys(table)).toEqual([rowKey(6)]);
  });

  test('a success that began before a newer failure was filed does not clear it', async () => {
    await file(1);
    const success = await open('success');
    const newer = await open('newer');
    expect(await newer.settle({ ...nothing, file: [failure(3)] }, signal)).toBe('settled');
    expect(await success.settle({ ...wrote, clear: rowKeys(success) }, signal)).toBe('overtaken');
    expect(await keys(table)).toEqual([rowKey(1), rowKey(3), '~success']);
  });

  test('a failure that began before a success does not file over it', async () => {
    await file(1);
    const slow = await open('slow');
    const success = await open('success');
    expect(await success.settle({ ...wrote, clear: rowKeys(success) }, signal)).toBe('settled');
    expect(await slow.settle({ ...nothing, file: [failure(2)] }, signal)).toBe('overtaken');
    expect(await keys(table)).toEqual(['~slow']);
  });

  test('rows that another pass files between the list and the touch are seen', async () => {
    const first = await open('first');
    watch(table).before(/PATCH .*~first/, async () => {
      expect(await first.settle({ ...nothing, file: [failure(3)] }, signal)).toBe('settled');
    });
    const second = await open('second');
    expect(rowKeys(second)).toEqual([rowKey(3)]);
    expect(await second.settle({ ...wrote, clear: rowKeys(second) }, signal)).toBe('settled');
    expect(await keys(table)).toEqual([]);
  });

  test('a mark that comes between the mark and the list of another pass is touched', async () => {
    let between: StudyPass | undefined;
    watch(table).before(/GET/, async () => {
      between = await open('between');
    });
    const first = await open('first');
    // Each has touched the other: neither may settle, both start over.
    expect(await first.settle(wrote, signal)).toBe('overtaken');
    expect(await between?.settle(wrote, signal)).toBe('overtaken');
  });
});

describe('three passes', () => {
  test('only the one that nobody joined settles, in every order of settling', async () => {
    for (const order of [
      [0, 1, 2],
      [0, 2, 1],
      [1, 0, 2],
      [1, 2, 0],
      [2, 0, 1],
      [2, 1, 0],
    ]) {
      const three = [await open('a'), await open('b'), await open('c')];
      const outcomes = ['', '', ''];
      for (const index of order)
        outcomes[index] = await three[index]!.settle({ ...wrote, file: [failure(index)] }, signal);
      expect(outcomes).toEqual(['overtaken', 'overtaken', 'settled']);
    }
    expect(await keys(table)).toEqual([rowKey(2), '~a', '~b']);
  });

  test('that start over again and again all end, and each failure is filed once', async () => {
    const run = async (index: number): Promise<number> => {
      for (let tries = 1; ; tries++) {
        const pass = await open(`run-${index}`);
        if ((await pass.settle({ ...wrote, file: [failure(index)] }, signal)) === 'settled') return tries;
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 30 * tries));
      }
    };
    await Promise.all([run(1), run(2), run(3)]);
    expect(await keys(table)).toEqual([1, 2, 3].map((sequence) => rowKey(sequence)));
    expect((await open('after')).rows.map(({ failureCount }) => failureCount)).toEqual([1, 1, 1]);
  });
});

describe('more rows than one batch holds', () => {
  const many = Array.from({ length: 250 }, (_, index) => failure(index + 1));

  test('are filed in several batches, and cleared in several', async () => {
    const { sent } = watch(table);
    expect(await (await open('one')).settle({ ...nothing, file: many }, signal)).toBe('settled');
    expect(sent.filter((line) => line === 'POST $batch')).toHaveLength(3);
    const second = await open('two');
    expect(second.rows).toHaveLength(250);
    expect(await second.settle({ ...wrote, clear: rowKeys(second) }, signal)).toBe('settled');
    expect(await keys(table)).toEqual([]);
  });

  test('a pass that is joined between two batches stops there, and the newcomer sees what was filed', async () => {
    const first = await open('first');
    const wire = watch(table);
    let newcomer: StudyPass | undefined;
    wire.before(/\$batch/, async () => {
      wire.before(/\$batch/, async () => {
        newcomer = await open('newcomer');
      });
      await Promise.resolve();
    });
    expect(await first.settle({ ...nothing, file: many }, signal)).toBe('overtaken');
    expect(newcomer?.rows).toHaveLength(98);
    expect(await newcomer?.settle({ ...wrote, clear: rowKeys(newcomer) }, signal)).toBe('settled');
    expect(await keys(table)).toEqual(['~first']);
  });

  test('a listing of several pages still sees every row and touches every mark', async () => {
    const lots = Array.from({ length: 1005 }, (_, index) => failure(index + 1));
    const sleeper = await open('sleeper');
    await (await open('one')).settle({ ...nothing, file: lots }, signal);
    const pass = await open('two');
    expect(pass.rows).toHaveLength(1005);
    expect(await sleeper.settle(wrote, signal)).toBe('overtaken');
  });
});

describe('a person who dismisses a row meanwhile', () => {
  test('does not make the batch fail', async () => {
    await file(1, 2);
    const pass = await open('one');
    await table.deleteEntity(shardOf(study), entryKey(study, rowKey(1)));
    const change = { file: [failure(3)], clear: rowKeys(pass), wroteToFhir: true };
    expect(await pass.settle(change, signal)).toBe('settled');
    expect(await keys(table)).toEqual([rowKey(3)]);
  });

  test('may dismiss everything that was to be cleared', async () => {
    await file(1, 2);
    const pass = await open('one');
    for (const sequence of [1, 2]) await table.deleteEntity(shardOf(study), entryKey(study, rowKey(sequence)));
    expect(await pass.settle({ ...wrote, clear: rowKeys(pass) }, signal)).toBe('settled');
    expect(await keys(table)).toEqual([]);
  });

  test('does not hide that another pass has begun', async () => {
    await file(1, 2);
    const pass = await open('one');
    await table.deleteEntity(shardOf(study), entryKey(study, rowKey(1)));
    await open('two');
    expect(await pass.settle({ ...wrote, clear: rowKeys(pass) }, signal)).toBe('overtaken');
    expect(await keys(table)).toEqual([rowKey(2), '~one', '~two']);
  });
});

describe('a shard with more marks and signs than one page holds', () => {
  const others = uidsOfOneShard(1100, study.partition).map((uid) => ({ partition: study.partition, uid }));
  const [mine = study, next = study] = others;

  beforeEach(async () => {
    const signs = others.slice(2).map((other) => ({ partitionKey: shardOf(mine), rowKey: signKey(other) }));
    await upsertAll(table, signs, signal);
  });

  test('shows a pass the entries of its study, whose sign is on a later page', async () => {
    const pass = await passes.open(mine, 'one', signal);
    expect(await pass.settle({ ...wrote, file: [failure(1)] }, signal)).toBe('settled');
    expect(rowKeys(await passes.open(mine, 'two', signal))).toEqual([rowKey(1)]);
    const shared = await passes.openShared([mine, next], 'three', signal);
    expect([mine, next].map((each) => shared.hasEntries(each))).toEqual([true, false]);
  });

  test('shows it the marks of others, which it touches', async () => {
    const shared = await passes.openShared([mine, next], 'one', signal);
    await passes.open(next, 'two', signal);
    expect(await shared.settle([mine, next], signal)).toEqual([next]);
  });
});

describe('a pass over several studies', () => {
  const [first = study, second = study, third = study] = uidsOfOneShard(3, study.partition).map((uid) => ({
    partition: study.partition,
    uid,
  }));

  test('is overtaken by a pass over one of them, and by no other', async () => {
    const overtaken = await passes.openShared([first, second], 'one', signal);
    await passes.open(third, 'two', signal);
    const apart = await passes.openShared([third], 'three', signal);
    await passes.openShared([second], 'four', signal);
    expect(await overtaken.settle([first, second], signal)).toEqual([second]);
    expect(await apart.settle([third], signal)).toEqual([]);
  });

  test('is not overtaken at a study that it did not write to, and settles the others', async () => {
    const shared = await passes.openShared([first, second], 'one', signal);
    await passes.open(second, 'two', signal);
    expect(await shared.settle([first], signal)).toEqual([]);
    expect(await keys(table)).toEqual(['~two']);
  });

  test('keeps its mark until those at which it was overtaken are seen to, and knows of each that comes meanwhile', async () => {
    const shared = await passes.openShared([first, second, third], 'one', signal);
    await passes.open(second, 'two', signal);
    expect(await shared.settle([first, second, third], signal)).toEqual([second]);
    expect(await keys(table)).toContain('~one');
    // Whoever was sent to look at the second again, and somebody else.
    await passes.open(second, 'three', signal);
    await passes.openShared([first, second], 'four', signal);
    expect(await shared.settle([first, third], signal)).toEqual([first]);
    expect(await shared.settle([third], signal)).toEqual([]);
    expect(await keys(table)).not.toContain('~one');
  });

  test('knows of all that began, each with another of its studies', async () => {
    const shared = await passes.openShared([first, second, third], 'one', signal);
    await passes.open(second, 'two', signal);
    await passes.open(first, 'three', signal);
    expect(await shared.settle([first, second, third], signal)).toEqual([first, second]);
  });

  test('that is touched while it reads who touched it is not taken for untouched', async () => {
    const shared = await passes.openShared([first, second], 'one', signal);
    await passes.open(second, 'two', signal);
    const wire = watch(table);
    wire.before(/GET/, async () => {
      await passes.openShared([first], 'three', signal);
    });
    expect(await shared.settle([first], signal)).toEqual([first]);
  });

  test('that has no mark any more is overtaken at all that it wrote to', async () => {
    const shared = await passes.openShared([first, second], 'one', signal);
    for await (const { partitionKey, rowKey } of table.listEntities())
      await table.deleteEntity(partitionKey ?? '', rowKey ?? '');
    expect(await shared.settle([first], signal)).toEqual([first]);
    expect(await shared.settle([], signal)).toEqual([]);
  });

  test('overtakes a pass over one of them that files something', async () => {
    const single = await passes.open(second, 'one', signal);
    await passes.openShared([first, second], 'two', signal);
    expect(await single.settle({ ...nothing, file: [failure(1)] }, signal)).toBe('overtaken');
  });

  test('sees what another has filed between its mark and its look', async () => {
    const single = await passes.open(second, 'one', signal);
    const wire = watch(table);
    wire.before(/GET/, async () => {
      expect(await single.settle({ ...nothing, file: [failure(1)] }, signal)).toBe('settled');
    });
    const shared = await passes.openShared([first, second], 'two', signal);
    expect(shared.hasEntries(second)).toBe(true);
  });

  test('is not opened over studies of different shards', async () => {
    const elsewhere = Array.from({ length: 50 }, (_, index) => ({ ...study, uid: `1.7.${index}` })).find(
      (other) => shardOf(other) !== shardOf(first),
    );
    await expect(passes.openShared([first, elsewhere ?? first], 'one', signal)).rejects.toThrow('one shard');
    expect(await keys(table)).toEqual([]);
  });
});

describe('a storage that loses answers', () => {
  test('a batch that was applied although its answer got lost is settled, and counted once', async () => {
    const wire = watch(table);
    const pass = await open('one');
    wire.loseAnswer(/\$batch/);
    expect(await pass.settle({ ...wrote, file: [failure(1)] }, signal)).toBe('settled');
    expect(await keys(table)).toEqual([rowKey(1)]);
    expect((await open('two')).rows).toMatchObject([{ failureCount: 1 }]);
  });

  test('a mark whose removal got lost makes a pass with effects start over, which is harmless', async () => {
    const wire = watch(table);
    const pass = await open('one');
    wire.loseAnswer(/DELETE/);
    expect(await pass.settle(wrote, signal)).toBe('overtaken');
  });

  test('an error of the storage is thrown, not taken for a touch', async () => {
    const pass = await open('one');
    await table.deleteTable();
    await expect(pass.settle({ ...wrote, file: [failure(1)] }, signal)).rejects.toThrow();
    await expect(open('two')).rejects.toThrow();
  });
});

/** A second client of the same table, so that a look at it is not counted. */
const azurite2 = (): TableClient => {
  const constructor = table.constructor as typeof TableClient;
  return constructor.fromConnectionString(azurite.connectionString, table.tableName, { allowInsecureConnection: true });
};
