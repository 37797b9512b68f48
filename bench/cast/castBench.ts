import type { Bench, BenchReport, Measure } from '../report/bench';
import { median } from '../report/bench';
import { short, textTable } from '../report/table';
import { type Entrant, enter, type Feed, type Figures, WARM_UP_FEED } from './contest';
import { FEED_SHAPE_NAMES, feedShape, MIXED } from './feedShapes';
import type { Moved } from './transportFloor';

/** Runs of one shape, each contestant in turn. */
interface Duel {
  readonly shape: string;
  readonly latencyMs: number;
  readonly cast: readonly Figures[];
  readonly old: readonly Figures[];
  readonly floor: readonly Figures[];
}

const LATENCIES_MS = [0, 10];

/** On each feed: single turns differ by a quarter where machines change their pace. */
const TURNS = 3;

/** The old loop, which takes much longer, comes in every other turn. */
const OLD_LOOP_EVERY = 2;

export const castBench: Bench = {
  name: 'cast',
  about: 'Cast against the loop of the old DICOM Cast, as the services are and with 10 ms added to every request',
  async run({ scale, repeats = TURNS, only = '', profileInto, progress }) {
    const rivals = { cast: await enter('cast'), floor: await enter('floor'), old: await enter('old loop') };
    try {
      progress('warm-up ...');
      await warmUp(rivals);
      const duels: Duel[] = [];
      for (const latencyMs of LATENCIES_MS)
        for (const shape of FEED_SHAPE_NAMES.filter((name) => name.includes(only))) {
          progress(`${shape}, +${latencyMs} ms ...`);
          const feed = { shape, latencyMs, scale };
          // What no other shape needs has to be compiled as well.
          if (latencyMs === 0) await turn(rivals, feed);
          const done = await duel(rivals, { ...feed, profileInto }, repeats);
          progress(outcomeOf(done));
          duels.push(done);
        }
      return report(duels, scale);
    } finally {
      await Promise.all(Object.values(rivals).map((rival) => rival.stop()));
    }
  },
};

interface Rivals {
  readonly cast: Entrant;
  readonly floor: Entrant;
  readonly old: Entrant;
}

/** The old loop, which takes one entry at a time, gets a shorter one. */
async function warmUp(rivals: Rivals): Promise<void> {
  await turn(rivals, WARM_UP_FEED);
  await rivals.old.run({ shape: MIXED, scale: 1, latencyMs: 0 });
}

async function duel(rivals: Rivals, feed: Feed, turns: number): Promise<Duel> {
  const cast: Figures[] = [];
  const floor: Figures[] = [];
  const old: Figures[] = [];
  for (let count = 0; count < turns; count++) {
    const figures = await turn(rivals, feed);
    cast.push(figures.cast);
    floor.push(figures.floor);
    if (count % OLD_LOOP_EVERY === 0) old.push(await rivals.old.run(feed));
  }
  return { shape: feed.shape, latencyMs: feed.latencyMs, cast, old, floor };
}

/** Cast, and the floor right after it. */
async function turn({ cast, floor }: Rivals, feed: Feed): Promise<Record<'cast' | 'floor', Figures>> {
  const figures = await cast.run(feed);
  return { cast: figures, floor: await floor.run({ ...feed, moved: movedBy(figures) }) };
}

const movedBy = ({ looks, looksAgain, fhirTraffic, lockRequests }: Figures): Moved => ({
  looks,
  looksAgain,
  fhir: fhirTraffic,
  lockRequests,
});

const rate = ({ entries, seconds }: Figures): number => entries / seconds;
const medianOf = (runs: readonly Figures[], value: (figures: Figures) => number): number => median(runs.map(value));

function report(duels: readonly Duel[], scale: number): BenchReport {
  return {
    measures: duels.flatMap((each) => measuresOf(each, scale)),
    text: textTable(HEADER, duels.flatMap(rowsOf)),
    details: duels,
  };
}

/** Rate of the old loop: 1. */
const speedUp = (runs: readonly Figures[], { old }: Duel): number => medianOf(runs, rate) / medianOf(old, rate);

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

/** CPU time of the transports alone for the same entries, over all turns: 1. */
const cpuOfFloor = ({ cast, floor }: Duel): number => cpuPerEntry(cast) / cpuPerEntry(floor);

function cpuPerEntry(runs: readonly Figures[]): number {
  const sum = (key: 'cpuSeconds' | 'entries'): number => runs.reduce((total, figures) => total + figures[key], 0);
  return sum('cpuSeconds') / sum('entries');
}

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
  'peak heap MB',
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
