import { parseArgs } from 'node:util';
import { mutants } from './mutants';
import { playSeed } from './play';
import { startWorld } from './world';

const USAGE = `npm run race -- [--seeds N] [--from S]        N interleavings from seed S on (default 1000 from 1)
npm run race -- --seed S [--history]         one; --history prints what happened even if all is well
npm run race -- --without "the grace"        with one rule taken out: how many seeds notice it
npm run race -- --mutants [--seeds N]        each rule in turn`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '1000' },
      from: { type: 'string', default: '1' },
      seed: { type: 'string' },
      without: { type: 'string' },
      mutants: { type: 'boolean', default: false },
      history: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const numbers = [values.seeds, values.from, values.seed ?? '1'];
  if (values.help || !numbers.every((text) => /^\d{1,9}$/.test(text))) {
    console.log(USAGE);
    return values.help ? 0 : 2;
  }
  const first = Number(values.seed ?? values.from);
  const count = values.seed === undefined ? Number(values.seeds) : 1;
  const chosen = mutants.filter(({ rule }) => values.mutants || rule === values.without);
  if (values.without !== undefined && chosen.length === 0)
    throw new Error(`--without: expected one of ${mutants.map(({ rule }) => rule).join(', ')}`);
  const world = await startWorld();
  try {
    let isAsExpected = true;
    for (const mutant of chosen.length === 0 ? [undefined] : chosen) {
      const failed: number[] = [];
      const sums = { runs: 0, deleted: 0, committed: 0, steps: 0 };
      for (let seed = first; seed < first + count; seed += 1) {
        const { violations, history, figures } = await playSeed(world, seed, mutant);
        for (const name of Object.keys(sums) as (keyof typeof sums)[]) sums[name] += figures[name];
        if (violations.length > 0) failed.push(seed);
        if ((violations.length > 0 && mutant === undefined) || values.history)
          console.error([`seed ${seed}`, ...history, ...violations].join('\n  '));
      }
      isAsExpected &&= failed.length > 0 === (mutant !== undefined);
      const title = mutant === undefined ? 'all rules' : `without ${mutant.rule}`;
      console.log(`${title}: ${failed.length} of ${count} seeds lose a payload or leave an orphan`);
      if (mutant === undefined) console.log(JSON.stringify(sums));
      else console.log(`  first ${failed.slice(0, 5).join(', ')}`);
    }
    return isAsExpected ? 0 : 1;
  } finally {
    await world.stop();
  }
}

main().then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    console.error(error);
    process.exitCode = 2;
  },
);
