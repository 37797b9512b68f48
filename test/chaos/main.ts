import { parseArgs } from 'node:util';
import { startAzurite } from '../../local/azurite/azurite';
import { playSeed, type SeedResult } from './play';
import { failureText, reportText, summarise } from './report';
import { freshTables } from './tables';

const USAGE = `npm run chaos -- [--seeds N] [--from S] [--bail] [--json]   N seeds from S on (default 200 from 1); --bail stops at the first that fails
npm run chaos -- --seed S [--history]              one seed; --history prints what happened even if all is well`;

function wholeNumber(text: string, option: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Error(`--${option}: expected a whole number\n${USAGE}`);
  return Number(text);
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '200' },
      from: { type: 'string', default: '1' },
      seed: { type: 'string' },
      bail: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      history: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const first = wholeNumber(values.seed ?? values.from, values.seed === undefined ? 'from' : 'seed');
  const count = values.seed === undefined ? wholeNumber(values.seeds, 'seeds') : 1;
  const azurite = await startAzurite();
  const results: SeedResult[] = [];
  try {
    for (let seed = first; seed < first + count; seed++) {
      const result = await playSeed(seed, freshTables(azurite.connectionString));
      results.push(result);
      if (result.violations.length > 0 || values.history) console.error(failureText(result));
      else if (!values.json && results.length % 20 === 0) console.error(`${results.length} of ${count} seeds`);
      if (values.bail && result.violations.length > 0) break;
    }
  } finally {
    await azurite.stop();
  }
  const report = summarise(results);
  console.log(values.json ? JSON.stringify(report, undefined, 2) : reportText(report));
  return report.violations === 0 ? 0 : 1;
}

main().then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 2;
  },
);
