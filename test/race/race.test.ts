import { mutants } from './mutants';
import { playSeed, type SeedResult } from './play';
import { startWorld, type World } from './world';

let world: World;
beforeAll(async () => {
  world = await startWorld();
}, 120_000);
afterAll(() => world.stop());

/** A short run of the race; `npm run race -- --seeds 5000` plays more. */
it('never deletes the payload of a row that is committed, and leaves no orphan that is older than the cutoff', async () => {
  const results: SeedResult[] = [];
  for (let seed = 1; seed <= 200; seed += 1) {
    const result = await playSeed(world, seed);
    if (result.violations.length > 0) console.error([`seed ${seed}`, ...result.history].join('\n  '));
    results.push(result);
  }
  expect(results.flatMap(({ violations }) => violations)).toEqual([]);
  // A race in which nothing is deleted and nothing committed would prove nothing.
  expect(results.filter(({ figures }) => figures.deleted > 0).length).toBeGreaterThan(20);
  expect(results.filter(({ figures }) => figures.committed > 0).length).toBeGreaterThan(100);
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
