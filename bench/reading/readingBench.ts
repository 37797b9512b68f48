import { startProcess } from '../processes/remoteProcess';
import { type Bench, type Measure, median } from '../report/bench';
import { short, textTable } from '../report/table';
import { METADATA_KINDS } from './metadataKinds';
import type { ReaderOperations, ReadingRound } from './reader';

const INSTANCES = 2000;
const WARM_UPS = 6;
const ROUNDS = 9;

/** Where instances are much alike, to read, check and map one costs less than to parse its JSON. */
const TARGET = 1;
const TARGET_SHARING_LITTLE = 2;

export const readingBench: Bench = {
  name: 'reading',
  about: 'reading metadata of many kinds, against JSON.parse of the same bytes',
  async run({ scale, repeats = 1, only = '', profileInto, progress }) {
    const readings: Reading[] = [];
    for (const { name, sharesLittle = false } of METADATA_KINDS.filter((kind) => kind.name.includes(only))) {
      progress(name);
      readings.push({ kind: name, sharesLittle, rounds: await roundsOf(name, scale, repeats, profileInto) });
    }
    return { measures: readings.map(measureOf), text: table(readings), details: readings };
  },
};

interface Reading {
  readonly kind: string;
  readonly sharesLittle: boolean;
  readonly rounds: readonly ReadingRound[];
}

async function roundsOf(
  kind: string,
  scale: number,
  repeats: number,
  profileInto: string | undefined,
): Promise<readonly ReadingRound[]> {
  const profile = profileInto === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileInto}`];
  const reader = await startProcess<ReaderOperations>('reading/reader.ts', profile);
  try {
    const instances = Math.max(1, Math.round(INSTANCES * scale));
    return await reader.call('measure', { kind, instances, warmUps: WARM_UPS, rounds: ROUNDS * repeats });
  } finally {
    await reader.stop();
  }
}

function measureOf({ kind, sharesLittle, rounds }: Reading): Measure {
  return {
    name: `reading: ${kind}: CPU, of JSON.parse of the same bytes`,
    value: median(rounds.map(({ read, parsed }) => read / parsed)),
    better: 'lower',
    target: sharesLittle ? TARGET_SHARING_LITTLE : TARGET,
  };
}

function table(readings: readonly Reading[]): string {
  const rows = readings.map(({ kind, rounds }) => [
    kind,
    ...(['read', 'parsed'] as const).map((what) => short(median(rounds.map((round) => round[what])))),
  ]);
  return textTable(['metadata', 'read, CPU µs/instance', 'JSON.parse, CPU µs/instance'], rows);
}
