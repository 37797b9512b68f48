import { tracedQueue } from '../../../src/study/studyQueue';
import { ScriptedQueue } from '../../support/scriptedQueue';

const { signal } = new AbortController();
const study = { partition: 'Microsoft.Default', uid: '1.2.3' };
const round = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
const worker = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

describe('a message that is sent on', () => {
  const sentWith = async (traceParent: string | undefined, message: Parameters<ScriptedQueue['send']>[0]) => {
    const queue = new ScriptedQueue(() => 0);
    await tracedQueue(queue, { traceParent: () => traceParent }).send(message, { signal });
    return JSON.parse(queue.sent[0] ?? '') as unknown;
  };

  it('says where it was sent', async () => {
    expect(await sentWith(round, { study, changes: [] })).toEqual({ study, changes: [], trace: { parent: round } });
  });

  it('keeps the place of its origin when a worker sends it again', async () => {
    const message = { study, changes: [], lastTry: true, trace: { parent: round } };
    expect(await sentWith(worker, message)).toEqual(message);
  });

  it('is as it always was where nothing is traced', async () => {
    expect(await sentWith(undefined, { study, changes: [] })).toEqual({ study, changes: [] });
  });
});
