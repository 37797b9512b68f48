import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { bigStudyBench } from './bigStudy/bigStudyBench';
import { castBench } from './cast/castBench';
import { readingBench } from './reading/readingBench';
import { reconcileBench } from './reconcile/reconcileBench';
import type { Bench, Measure } from './report/bench';
import { meetsTarget } from './report/bench';
import { checkScale, compareMeasures, describeChange } from './report/compare';
import { readSavedRun, type SavedRun } from './report/savedRun';
import { short } from './report/table';
import { backlogBench } from './scale/backlogBench';
import { scaleBench } from './scale/scaleBench';

/** `npm run bench`: every benchmark, or those that are named. Each is one entry of this list. */
const BENCHES: readonly Bench[] = [castBench, readingBench, bigStudyBench, backlogBench, scaleBench, reconcileBench];

const USAGE = `npm run bench -- [NAME...] [--only TEXT] [--profile FOLDER] [--scale NUMBER] [--repeats NUMBER] [--json] [--save FILE] [--compare FILE] [--tolerance NUMBER]
${BENCHES.map(({ name, about }) => `  ${name}: ${about}`).join('\n')}`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      save: { type: 'string' },
      compare: { type: 'string' },
      tolerance: { type: 'string', default: '0.25' },
      scale: { type: 'string', default: '1' },
      repeats: { type: 'string' },
      only: { type: 'string' },
      profile: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const options = {
    scale: positive('--scale', values.scale),
    repeats: values.repeats === undefined ? undefined : Math.ceil(positive('--repeats', values.repeats)),
    only: values.only,
    profileInto: values.profile,
  };
  const tolerance = positive('--tolerance', values.tolerance);
  const before = values.compare === undefined ? undefined : readSavedRun(readFileSync(values.compare, 'utf8'));
  if (before !== undefined) checkScale(before, options.scale);
  const run: SavedRun = { scale: options.scale, benches: [] };
  for (const bench of chosen(positionals)) {
    const report = await bench.run({ ...options, progress: (text) => console.error(`${bench.name}: ${text}`) });
    run.benches.push({ name: bench.name, measures: report.measures, details: report.details });
    if (!values.json) console.log([report.text, ...report.measures.map(describe), ''].join('\n'));
  }
  if (run.benches.every(({ measures }) => measures.length === 0))
    throw new Error(`Nothing was measured: no part has ${values.only ?? ''} in its name.\n${USAGE}`);
  const text = JSON.stringify(run, undefined, 2);
  if (values.json) console.log(text);
  if (values.save !== undefined) writeFileSync(values.save, text);
  return before === undefined ? 0 : tellChanges(before, run, tolerance);
}

function chosen(names: readonly string[]): readonly Bench[] {
  const unknown = names.filter((name) => !BENCHES.some((bench) => bench.name === name));
  if (unknown.length > 0) throw new Error(`There is no benchmark ${unknown.join(', ')}.\n${USAGE}`);
  return BENCHES.filter(({ name }) => names.length === 0 || names.includes(name));
}

function positive(option: string, text: string): number {
  const value = Number(text);
  if (value > 0) return value;
  throw new Error(`${option}: expected a number above 0`);
}

function describe(measure: Measure): string {
  const { name, value, better, target } = measure;
  const goal = target === undefined ? '' : ` (target: ${better === 'higher' ? 'at least' : 'at most'} ${target})`;
  return `${meetsTarget(measure) ? ' ' : '!'} ${name}: ${short(value)}${goal}`;
}

/** @returns the exit code: 1 when something became worse */
function tellChanges(before: SavedRun, now: SavedRun, tolerance: number): number {
  const changes = compareMeasures(before, now, tolerance);
  const worse = changes.filter(({ verdict }) => verdict === 'worse');
  for (const change of changes) console.error(describeChange(change));
  console.error(
    worse.length === 0
      ? `Nothing became worse by more than ${tolerance * 100} % (${changes.length} figures compared).`
      : `${worse.length} of ${changes.length} figures became worse by more than ${tolerance * 100} %.`,
  );
  return worse.length === 0 ? 0 : 1;
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exit(2);
  },
);
