import { TableClient } from '@azure/data-tables';
import { studyPasses } from '../../../src/failures/studyPass';
import { useAzurite } from '../../support/azurite';
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

async function play(seed: number): Promise<{ settled: Settled[]; left: string[] }> {
  const table = await azurite.table();
  const choose = numbers(seed);
  const turns = new Turns();
  const settled: Settled[] = [];
  let time = 0;
  const work = async (actor: number): Promise<void> => {
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
    const passes = studyPasses(client, handClock().now);
    for (let tries = 0; tries < 4; tries++) {
      const pass = await passes.open(study, `actor-${actor}`, signal);
      const openedAt = sentAt;
      const rows = pass.rows.map((row) => row.rowKey);
      const filed = failure(actor * 10 + tries);
      if ((await pass.settle({ file: [filed], clear: rows, wroteToFhir: true }, signal)) === 'settled') {
        settled.push({ actor, openedAt, settledAt: batchAt, rows, filed: filed.rowKey });
        return;
      }
    }
  };
  const actors = [1, 2, 3].map(async (actor) => {
    turns.started(actor);
    try {
      await work(actor);
    } finally {
      turns.ended(actor);
    }
  });
  await turns.run(choose);
  await Promise.all(actors);
  return { settled: settled.sort((a, b) => a.settledAt - b.settledAt), left: await keys(table) };
}

test.each(Array.from({ length: 80 }, (_, index) => 7919 * (index + 1)))(
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
