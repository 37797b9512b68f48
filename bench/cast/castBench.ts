import type { Bench, BenchReport, Measure } from '../report/bench';
import { median } from '../report/bench';
import { short, textTable } from '../report/table';
import { type Arena, contest, type Contest, type Figures, openArena } from './contest';
import type { ContestantName } from './contestant';
import { FEED_SHAPE_NAMES, feedShape } from './feedShapes';
import type { Moved } from './transportFloor';

/** Runs of one shape, a run of each contestant in turn. */
interface Duel {
  readonly shape: string;
  readonly latencyMs: number;
  readonly cast: readonly Figures[];
  readonly old: readonly Figures[];
  readonly floor: readonly Figures[];
}

const LATENCIES_MS = [0, 10];

export const castBench: Bench = {
  name: 'cast',
  about: 'Cast against the loop of the old DICOM Cast, as the services are and with 10 ms added to every request',
  async run({ scale, repeats, only = '', profileInto, progress }) {
    const arena = await openArena();
    try {
      const duels: Duel[] = [];
      for (const latencyMs of LATENCIES_MS)
        for (const shape of FEED_SHAPE_NAMES.filter((name) => name.includes(only))) {
          progress(`${shape}, +${latencyMs} ms ...`);
          const done = await duel(
            arena,
            { shape, latencyMs, scale, nodeOptions: profileOptions(profileInto) },
            repeats,
          );
          progress(outcomeOf(done));
          duels.push(done);
        }
      return report(duels, scale);
    } finally {
      await arena.close();
    }
  },
};

async function duel(arena: Arena, feed: Omit<Contest, 'contestant'>, repeats: number): Promise<Duel> {
  const runs: Record<ContestantName, Figures[]> = { cast: [], 'old loop': [], floor: [] };
  for (let run = 0; run < repeats; run++) {
    const cast = await contest(arena, { ...feed, contestant: 'cast' });
    runs.cast.push(cast);
    // Next to each other: the ratio of their CPU times is the finest figure, and machines change their pace.
    runs.floor.push(await contest(arena, { ...feed, contestant: 'floor', moved: movedBy(cast) }));
    runs['old loop'].push(await contest(arena, { ...feed, contestant: 'old loop' }));
  }
  return { shape: feed.shape, latencyMs: feed.latencyMs, cast: runs.cast, old: runs['old loop'], floor: runs.floor };
}

const movedBy = ({ looks, looksAgain, fhirTraffic, lockRequests }: Figures): Moved => ({
  looks,
  looksAgain,
  fhir: fhirTraffic,
  lockRequests,
});

function profileOptions(folder: string | undefined): readonly string[] {
  return folder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${folder}`];
}

const rate = ({ entries, seconds }: Figures): number => entries / seconds;
const medianOf = (runs: readonly Figures[], value: (figures: Figures) => number): number => median(runs.map(value));

function report(duels: readonly Duel[], scale: number): BenchReport {
  return {
    measures: duels.flatMap((each) => measuresOf(each, scale)),
    text: textTable(HEADER, duels.flatMap(rowsOf)),
    details: duels,
  };
}

/** Rate of the old loop in the same turn: 1. */
function speedUp(runs: readonly Figures[], { old }: Duel): number {
  return median(runs.map((figures, run) => rate(figures) / rate(old[run] ?? figures)));
}

const outcomeOf = (each: Duel): string =>
  `${short(speedUp(each.cast, each))} times the rate of the old loop, ${short(cpuOfFloor(each))} times the CPU time of the transports`;

function measuresOf(each: Duel, scale: number): readonly Measure[] {
  const { shape, latencyMs, cast } = each;
  const { studyShaped } = feedShape(shape, scale);
  const name = `cast: ${shape}${latencyMs > 0 ? ` (+${latencyMs} ms)` : ''}`;
  const fhirRequests = medianOf(cast, (figures) => figures.fhirRequests / figures.entries);
  return [
    {
      name: `${name}: instances per second, of the old loop's`,
      value: speedUp(cast, each),
      better: 'higher',
      target: studyShaped ? 30 : latencyMs > 0 ? 3 : 1,
    },
    {
      name: `${name}: FHIR requests per instance`,
      value: fhirRequests,
      better: 'lower',
      ...(studyShaped && { target: 0.05 }),
    },
    ...floorMeasures(name, each),
  ];
}

const cpuPerEntry = ({ cpuSeconds, entries }: Figures): number => cpuSeconds / entries;

/** CPU time of the transports alone in the same turn: 1. */
const cpuOfFloor = ({ cast, floor }: Duel): number =>
  median(cast.map((figures, run) => cpuPerEntry(figures) / cpuPerEntry(floor[run] ?? figures)));

function floorMeasures(name: string, each: Duel): readonly Measure[] {
  return [
    { name: `${name}: CPU, of what the transports alone cost`, value: cpuOfFloor(each), better: 'lower', target: 2 },
    {
      name: `${name}: instances per second of the transports alone, of the old loop's`,
      value: speedUp(each.floor, each),
      better: 'higher',
      informative: true,
    },
  ];
}

const HEADER = [
  'shape',
  'contestant',
  'instances/s',
  'ratio',
  'FHIR req/inst',
  'DICOM req/inst',
  'storage req/inst',
  'KB to FHIR/inst',
  'KB from FHIR/inst',
  'messages',
  'CPU s',
  'CPU ms/inst',
  'DICOM+FHIR CPU ms/inst',
  'storage CPU ms/inst',
  'longest turn ms',
  'peak MB',
];

function rowsOf(each: Duel): readonly (readonly string[])[] {
  const { shape, latencyMs, cast, old, floor } = each;
  const row = (runs: readonly Figures[]): readonly string[] => [
    short(medianOf(runs, rate)),
    runs === old ? '' : short(speedUp(runs, each)),
    ...(['fhirRequests', 'dicomRequests', 'storageRequests'] as const).map((key) =>
      short(medianOf(runs, (figures) => figures[key] / figures.entries)),
    ),
    ...(['bytesToFhir', 'bytesFromFhir'] as const).map((key) =>
      short(medianOf(runs, (figures) => figures[key] / figures.entries / 1024)),
    ),
    short(medianOf(runs, ({ messages }) => messages)),
    short(medianOf(runs, ({ cpuSeconds }) => cpuSeconds)),
    ...(['cpuSeconds', 'clinicalCpuSeconds', 'storageCpuSeconds'] as const).map((key) =>
      short(medianOf(runs, (figures) => (figures[key] * 1000) / figures.entries)),
    ),
    short(medianOf(runs, ({ longestTurnMs }) => longestTurnMs)),
    short(medianOf(runs, ({ peakMemoryMb }) => peakMemoryMb)),
  ];
  return [
    [`${shape}${latencyMs > 0 ? ` (+${latencyMs} ms)` : ''}`, 'cast', ...row(cast)],
    ['', 'old loop', ...row(old)],
    ['', 'floor', ...row(floor)],
  ];
}
