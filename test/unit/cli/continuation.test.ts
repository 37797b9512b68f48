import { createContinuation } from '../../../cli/reconcile/continuation';
import { newShard, SWEEP_START, type Run, type RunMode, type Shard } from '../../../src/payloads/runs/run';

const runIn = (mode: RunMode): Run => ({
  id: 'run1',
  request: {
    tenantId: 'default',
    dsId: 'default',
    mode,
    graceMs: 0,
    includeTombstones: false,
    audit: false,
    overrides: {},
  },
  account: 'account',
  container: 'payloads',
  state: 'scanning',
  startedAt: '2026-11-24T00:00:00.000Z',
  cancelRequested: false,
  stoppedByGuard: false,
  reserved: {},
  deleteBound: 0,
  guards: [],
  warnings: [],
  unprovenTypes: [],
  plan: {
    storageDate: '2026-11-24T00:00:00.000Z',
    cutoff: '2026-11-23T00:00:00.000Z',
    identity: { cluster: undefined, timeline: undefined, database: undefined, relation: undefined },
    scanStartedAt: '2026-11-24T00:00:00.000Z',
    shards: 1,
  },
});

/** The only shard of a run, after a number of pages with orphans. */
const shardAfter = (pages: number, swept: Partial<Shard['sweep']> = {}): Shard => ({
  ...newShard('0000', { kind: 'others', except: [] }, { after: `104/name-${pages}` }),
  pages,
  totals: { all: { noRow: pages }, byType: {} },
  sweep: { ...SWEEP_START, ...swept },
});

/** Scans a number of pages. @returns the tokens that were given meanwhile */
function scan(continuation: ReturnType<typeof createContinuation>, run: Run, pages: number): readonly string[] {
  return Array.from({ length: pages }, (_page, n) => shardAfter(n + 1)).flatMap((shard) =>
    continuation.pageScanned(run, [shard], shard),
  );
}

it('gives the token of a page of a dry run as soon as it is scanned', () => {
  const continuation = createContinuation(undefined);
  const given = scan(continuation, runIn('report'), 2);
  expect(given).toHaveLength(2);
  expect(continuation.last()).toBe(given[1]);
});

it('gives the token of a page of a run that deletes only once the orphans of the page are dealt with', () => {
  const continuation = createContinuation('of an earlier run');
  const run = runIn('delete');
  expect(scan(continuation, run, 3)).toEqual([]);
  expect(continuation.swept(run, [shardAfter(3)])).toEqual([]);
  expect(continuation.last()).toBe('of an earlier run');
  expect(continuation.swept(run, [shardAfter(3, { page: 1 })])).toHaveLength(1);
  expect(continuation.swept(run, [shardAfter(3, { page: 1, offset: 7 })])).toEqual([]);
  expect(continuation.swept(run, [shardAfter(3, { page: 3, done: true })])).toHaveLength(2);
});
