import type { Run, Shard } from '../../src/payloads/runs/run';
import { tokenOf } from '../../src/payloads/runs/runView';
import { needsSweep } from '../../src/payloads/runs/sweepShard';

interface ScannedPageEnd {
  readonly shardId: string;
  readonly page: number;
  /** undefined: nothing is left to scan behind it */
  readonly token: string | undefined;
}

/**
 * The tokens of a run, page by page. One is given out when everything before it was dealt with: in a run that deletes, that is after the
 * sweep of its page, so that a run which goes on from it leaves no orphan behind.
 */
export interface Continuation {
  /** after a page was scanned */
  pageScanned(run: Run, shards: readonly Shard[], shard: Shard): readonly string[];
  /** after a shard got on with its sweep, or the run ended */
  swept(run: Run, shards: readonly Shard[]): readonly string[];
  /** the last one that was given out */
  last(): string | undefined;
}

export function createContinuation(startedFrom: string | undefined): Continuation {
  const pages: ScannedPageEnd[] = [];
  let given = 0;
  let last = startedFrom;
  const give = (isDone: (page: ScannedPageEnd) => boolean): readonly string[] => {
    const tokens: string[] = [];
    for (let page = pages[given]; page !== undefined && isDone(page); page = pages[given]) {
      given += 1;
      last = page.token;
      if (page.token !== undefined) tokens.push(page.token);
    }
    return tokens;
  };
  return {
    pageScanned(run, shards, { id, pages: scanned }) {
      pages.push({ shardId: id, page: scanned - 1, token: tokenOf(run, shards) });
      return run.request.mode === 'report' ? give(() => true) : [];
    },
    swept(run, shards) {
      return give(({ shardId, page }) => {
        const shard = shards.find(({ id }) => id === shardId);
        if (shard === undefined) return false;
        return run.request.mode === 'report' || !needsSweep(run, shard) || shard.sweep.done || page < shard.sweep.page;
      });
    },
    last: () => last,
  };
}
