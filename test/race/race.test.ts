import { runsOf } from '../support/thorough';
import { mutants } from './mutants';
import { playSeed, type SeedResult } from './play';
import { startWorld, type World } from './world';

/** `npm run race -- --seeds 5000` plays more. */
const SEEDS = runsOf(200, 60);

let world: World;
beforeAll(async () => {
  world = await startWorld();
}, 120_000);
afterAll(() => world.stop());

it(`never deletes the payload of a row that is committed, and leaves no orphan that is older than the cutoff (${SEEDS} seeds)`, async () => {
  const results: SeedResult[] = [];
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const result = await playSeed(world, seed);
    if (result.violations.length > 0) console.error([`seed ${seed}`, ...result.history].join('\n  '));
    results.push(result);
  }
  expect(results.flatMap(({ violations }) => violations)).toEqual([]);
  // A race in which nothing is deleted and nothing committed would prove nothing.
  expect(results.filter(({ figures }) => figures.deleted > 0).length).toBeGreaterThan(SEEDS / 10);
  expect(results.filter(({ figures }) => figures.committed > 0).length).toBeGreaterThan(SEEDS / 2);
}, 180_000);

describe('without one rule a payload is lost:', () => {
  it.each(mutants.map((mutant) => [mutant.rule, mutant] as const))(
    '%s',
    async (_rule, mutant) => {
      for (let seed = 1; seed <= 100; seed += 1) {
        const { violations } = await playSeed(world, seed, mutant);
        if (violations.length === 0) continue;
        expect(violations[0]).toMatch(/deleted|has no payload/);
        return;
      }
      throw new Error('The race does not notice that the rule is missing');
    },
    60_000,
  );
});
