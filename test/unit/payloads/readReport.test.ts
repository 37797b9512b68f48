import type { Run } from '../../../src/payloads/runs/run';
import { memoryRunStore } from '../../../src/payloads/runs/memoryRunStore';
import { reportFiles } from '../../../src/payloads/runs/pageFiles';
import { readReport, type ReportPosition } from '../../../src/payloads/runs/readReport';
import { RUN_PAGES, runPage } from '../../../src/payloads/runs/reportStore';
import { newShard } from '../../../src/payloads/runs/run';

const signal = new AbortController().signal;

it('a report that is read on from any of its pages tells the rest once, that of the run as a whole too', async () => {
  const files = new Map<string, string>();
  const reports = reportFiles({
    write: (name, text) => Promise.resolve(void files.set(name, text)),
    read: (name) => Promise.resolve(files.get(name)),
  });
  const runs = memoryRunStore();
  const shard = {
    ...newShard('0000', { kind: 'others', except: [] }),
    pages: 2,
    writers: [{ fromPage: 0, writer: 'w' }],
  };
  await runs.createShards('run', [shard], signal);
  for (const page of [0, 1])
    await reports.write(
      { runId: 'run', shardId: '0000', page, writer: 'w', kind: 'found' },
      [{ name: `page ${page}`, verdict: 'orphan' }],
      signal,
    );
  for (const about of RUN_PAGES) await reports.write(runPage('run', about), [{ name: about, verdict: about }], signal);

  const read = async (from?: ReportPosition) => {
    const pages: { position: ReportPosition; name: string | undefined }[] = [];
    for await (const { position, findings } of readReport({ runs, reports }, { id: 'run' } as Run, signal, from))
      pages.push({ position, name: findings[0]?.name });
    return pages;
  };
  const whole = await read();
  expect(whole.map(({ name }) => name)).toEqual(['page 0', 'page 1', ...RUN_PAGES]);
  for (const [place, { position }] of whole.entries()) expect(await read(position)).toEqual(whole.slice(place));
});
