import { TableClient } from '@azure/data-tables';
import type { StudyKey } from '../../../src/dicom/studyKey';
import { studyPasses, type StudyPasses } from '../../../src/failures/studyPass';
import { useAzurite } from '../../support/azurite';
import { uidsOfOneShard } from '../../support/instances';
import { runsOf } from '../../support/thorough';
import { failure, handClock, keys, signal, study } from './support';

const azurite = useAzurite();

/** Park-Miller: small, and the same everywhere, so that a seed that fails can be run again. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}

/** Lets one request at a time through, whichever the dice say of those that wait. */
class Turns {
  private readonly waiting: { readonly actor: number; readonly go: () => void }[] = [];
  private readonly running = new Set<number>();
  private underWay = 0;
  private wake: () => void = () => undefined;

  started(actor: number): void {
    this.running.add(actor);
  }

  ended(actor: number): void {
    this.running.delete(actor);
    this.wake();
  }

  async request<T>(actor: number, send: () => Promise<T>): Promise<T> {
    await new Promise<void>((go) => {
      this.waiting.push({ actor, go });
      this.wake();
    });
    try {
      return await send();
    } finally {
      this.underWay--;
      this.wake();
    }
  }

  /** Gives turns until every actor has ended; each turn only when every actor stands before a request. */
  async run(choose: (below: number) => number): Promise<void> {
    while (this.running.size > 0) {
      if (this.underWay > 0 || new Set(this.waiting.map(({ actor }) => actor)).size < this.running.size) {
        await new Promise<void>((resolve) => (this.wake = resolve));
        continue;
      }
      this.waiting.sort((a, b) => a.actor - b.actor);
      this.underWay++;
      this.waiting.splice(choose(this.waiting.length), 1)[0]?.go();
    }
  }
}

interface Settled {
  readonly actor: number;
  readonly openedAt: number;
  readonly settledAt: number;
  readonly rows: readonly string[];
  readonly filed: string;
}

/** The passes of one actor, and when its last request, and its last batch, got its turn. */
interface Stage {
  readonly passes: StudyPasses;
  readonly sentAt: () => number;
  readonly batchAt: () => number;
}

/** Lets actors work on one table, one request of one of them at a time. @returns what the table holds in the end */
async function interleave(seed: number, actors: readonly ((stage: Stage) => Promise<void>)[]): Promise<string[]> {
  const table = await azurite.table();
  const turns = new Turns();
  let time = 0;
  const stageOf = (actor: number): Stage => {
    const client = TableClient.fromConnectionString(azurite.connectionString, table.tableName, {
      allowInsecureConnection: true,
    });
    let sentAt = 0;
    let batchAt = 0;
    client.pipeline.addPolicy({
      name: 'turns',
      sendRequest(request, next) {
        return turns.request(actor, () => {
          sentAt = ++time;
          if (request.url.includes('$batch')) batchAt = sentAt;
          return next(request);
        });
      },
    });
    return { passes: studyPasses(client, handClock().now), sentAt: () => sentAt, batchAt: () => batchAt };
  };
  const ended = actors.map(async (work, actor) => {
    turns.started(actor);
    try {
      await work(stageOf(actor));
    } finally {
      turns.ended(actor);
    }
  });
  await turns.run(numbers(seed));
  await Promise.all(ended);
  return keys(table);
}

async function play(seed: number): Promise<{ settled: Settled[]; left: string[] }> {
  const settled: Settled[] = [];
  const work =
    (actor: number) =>
    async ({ passes, sentAt, batchAt }: Stage): Promise<void> => {
      for (let tries = 0; tries < 4; tries++) {
        const pass = await passes.open(study, `actor-${actor}`, signal);
        const openedAt = sentAt();
        const rows = pass.rows.map((row) => row.rowKey);
        const filed = failure(actor * 10 + tries);
        if ((await pass.settle({ file: [filed], clear: rows, wroteToFhir: true }, signal)) === 'settled') {
          settled.push({ actor, openedAt, settledAt: batchAt(), rows, filed: filed.rowKey });
          return;
        }
      }
    };
  const left = await interleave(seed, [1, 2, 3].map(work));
  return { settled: settled.sort((a, b) => a.settledAt - b.settledAt), left };
}

test.each(Array.from({ length: runsOf(80, 20) }, (_, index) => 7919 * (index + 1)))(
  'three passes whose requests interleave at random settle one after the other, each on the rows of the one before (seed %i)',
  async (seed) => {
    const { settled, left } = await play(seed);
    let before: Pick<Settled, 'settledAt' | 'filed'> | undefined;
    for (const pass of settled) {
      expect(pass.openedAt).toBeGreaterThan(before?.settledAt ?? 0);
      expect(pass.rows).toEqual(before === undefined ? [] : [before.filed]);
      before = pass;
    }
    expect(left.filter((key) => !key.startsWith('~'))).toEqual(before === undefined ? [] : [before.filed]);
  },
);

/** A pass that wrote to a study and was not overtaken there. */
interface SettledStudy {
  readonly study: string;
  readonly openedAt: number;
  readonly settledAt: number;
}

/** Every pass writes to all its studies. Those at which a shared one is overtaken it leaves to others. */
async function playShared(
  seed: number,
  shared: readonly (readonly StudyKey[])[],
  alone: StudyKey,
): Promise<SettledStudy[]> {
  const settled: SettledStudy[] = [];
  const sharedActor =
    (studies: readonly StudyKey[], index: number) =>
    async ({ passes, sentAt }: Stage): Promise<void> => {
      const pass = await passes.openShared(studies, `shared-${index}`, signal);
      const openedAt = sentAt();
      for (let left = studies; ;) {
        const overtaken = await pass.settle(left, signal);
        if (overtaken.length === 0) {
          settled.push(...left.map(({ uid }) => ({ study: uid, openedAt, settledAt: sentAt() })));
          return;
        }
        left = left.filter((one) => !overtaken.includes(one));
      }
    };
  const actorAlone = async ({ passes, sentAt, batchAt }: Stage): Promise<void> => {
    for (let tries = 0; tries < 6; tries++) {
      const pass = await passes.open(alone, 'alone', signal);
      const openedAt = sentAt();
      if ((await pass.settle({ file: [failure(tries)], clear: [], wroteToFhir: true }, signal)) === 'settled') {
        settled.push({ study: alone.uid, openedAt, settledAt: batchAt() });
        return;
      }
    }
  };
  const left = await interleave(seed, [...shared.map(sharedActor), actorAlone]);
  expect(left.filter((key) => key.startsWith('~shared'))).toEqual([]);
  return settled.sort((a, b) => a.settledAt - b.settledAt);
}

describe('passes over several studies whose requests interleave at random', () => {
  const [first = study, second = study, third = study] = uidsOfOneShard(3, study.partition).map((uid) => ({
    partition: study.partition,
    uid,
  }));

  test.each(Array.from({ length: runsOf(60, 20) }, (_, index) => 104_729 * (index + 1)))(
    'settle each study one after the other, and those that nobody else began with at once (seed %i)',
    async (seed) => {
      const settled = await playShared(
        seed,
        [
          [first, second],
          [third, second],
        ],
        second,
      );
      for (const uid of [first.uid, second.uid, third.uid]) {
        let before = 0;
        for (const { openedAt, settledAt } of settled.filter((one) => one.study === uid)) {
          expect(openedAt).toBeGreaterThan(before);
          before = settledAt;
        }
      }
      expect(settled.filter((one) => one.study !== second.uid)).toHaveLength(2);
    },
  );
});
