import type { TableClient } from '@azure/data-tables';
import { markKey, rowKey } from '../../../src/failures/tableKeys';
import { studyMarks, type Mark, type StudyMarks } from '../../../src/failures/marks';
import { studyPasses, type StudyPasses } from '../../../src/failures/studyPass';
import { useAzurite } from '../../support/azurite';
import { failure, handClock, keys, signal, study, watch } from './support';

const azurite = useAzurite();
const hour = 3_600_000;
const wrote = { file: [], clear: [], wroteToFhir: true };

let table: TableClient;
let clock: ReturnType<typeof handClock>;
let passes: StudyPasses;
let marks: StudyMarks;
beforeEach(async () => {
  table = await azurite.table();
  clock = handClock();
  passes = studyPasses(table, clock.now);
  marks = studyMarks(table, clock.now);
});
async function old(): Promise<Mark[]> {
  const found: Mark[] = [];
  for await (const mark of marks.findOld(hour, signal)) found.push(mark);
  return found;
}

test('marks of passes that died are found in all studies once they are old, and only marks', async () => {
  const other = { partition: 'p/q', uid: '1.9' };
  await passes.open(study, 'dead', signal);
  await passes.open(other, 'dead', signal);
  await (await passes.open(other, 'filer', signal)).settle({ ...wrote, file: [failure(1)] }, signal);
  expect(await old()).toEqual([]);
  clock.forward(hour + 1);
  await passes.open(study, 'young', signal);
  const found = await old();
  expect(found.map((mark) => [mark.studies, mark.rowKey])).toEqual(
    expect.arrayContaining([
      [[study], markKey('dead', study)],
      [[other], markKey('dead', other)],
    ]),
  );
  expect(found).toHaveLength(2);
});

test('a pass that is opened again is young again, a touch does not make it young', async () => {
  await passes.open(study, 'again', signal);
  await passes.open(study, 'dead', signal);
  clock.forward(hour + 1);
  await passes.open(study, 'again', signal);
  expect((await old()).map((mark) => mark.rowKey)).toEqual([markKey('dead', study)]);
});

test('a mark that was swept makes a pass with effects that was only slow start over', async () => {
  const slow = await passes.open(study, 'slow', signal);
  clock.forward(hour + 1);
  for (const mark of await old()) expect(await marks.remove(mark, signal)).toBe('removed');
  expect(await slow.settle(wrote, signal)).toBe('overtaken');
  expect(await keys(table)).toEqual([]);
});

test('a mark that was only touched since the sweep saw it goes all the same', async () => {
  await passes.open(study, 'dead', signal);
  clock.forward(hour + 1);
  const [mark] = await old();
  await passes.open(study, 'newcomer', signal);
  expect(await marks.remove(mark!, signal)).toBe('removed');
  expect(await keys(table)).toEqual(['~newcomer']);
  expect(await marks.remove({ ...mark!, rowKey: markKey('gone', study) }, signal)).toBe('removed');
});

test('a mark whose pass began anew since the sweep saw it stays', async () => {
  await passes.open(study, 'slow', signal);
  clock.forward(hour + 1);
  const [mark] = await old();
  await passes.open(study, 'slow', signal);
  expect(await marks.remove(mark!, signal)).toBe('changed');
  expect(await keys(table)).toEqual(['~slow']);
});

test('a pass that settled but could not take its mark away needs no second look', async () => {
  const pass = await passes.open(study, 'settled', signal);
  watch(table).before(/DELETE/, () => Promise.reject(new Error('the process dies')));
  expect(await pass.settle({ ...wrote, file: [failure(1)] }, signal)).toBe('settled');
  expect(await keys(table)).toEqual([rowKey(1), '~settled']);
  clock.forward(hour + 1);
  expect(await old()).toEqual([]);
  expect(await keys(table)).toEqual([rowKey(1)]);
});

describe('touching all marks of a study', () => {
  test('makes every pass that runs start over, if it has effects', async () => {
    const working = await passes.open(study, 'working', signal);
    await marks.touchAll(study, signal);
    const idle = await passes.open(study, 'idle', signal);
    await marks.touchAll(study, signal);
    expect(await working.settle(wrote, signal)).toBe('overtaken');
    expect(await idle.settle({ ...wrote, wroteToFhir: false }, signal)).toBe('settled');
  });

  test('also a pass that is opened again between the list and the touch', async () => {
    await passes.open(study, 'one', signal);
    let reopened: Awaited<ReturnType<StudyPasses['open']>> | undefined;
    watch(table).before(/PATCH .*~one/, async () => {
      reopened = await passes.open(study, 'one', signal);
    });
    await marks.touchAll(study, signal);
    expect(await reopened?.settle(wrote, signal)).toBe('overtaken');
  });

  test('leaves other studies alone, and does nothing where nobody works', async () => {
    const other = await passes.open({ ...study, uid: '1.9' }, 'one', signal);
    await marks.touchAll(study, signal);
    expect(await other.settle(wrote, signal)).toBe('settled');
  });
});
