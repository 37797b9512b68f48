import { openArena } from '../cast/contest';
import type { ContestantOperations, WorkFigures } from '../cast/contestant';
import { BIG_STUDIES, WARM_UP } from '../cast/feedShapes';
import { studyUid } from '../cast/instances';
import { startProcess } from '../processes/remoteProcess';
import type { Bench, Measure } from '../report/bench';
import { short, textTable } from '../report/table';

const MAX_TURN_MS = 50;

/** What Cast finds each time that it looks at the study. */
const LOOKS = [
  { what: 'everything is new', step: 0 },
  { what: 'nothing has changed', step: undefined },
  { what: 'one instance has changed', step: 1 },
  { what: 'every instance has changed', step: 2 },
] as const;

export const bigStudyBench: Bench = {
  name: 'big-study',
  about: 'studies of 50,000 instances: the longest turn of the event loop, and memory',
  async run({ scale, profileInto, progress }) {
    const arena = await openArena();
    const profile = profileInto === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileInto}`];
    const worker = await startProcess<ContestantOperations>('cast/contestant.ts', profile);
    try {
      const { clinical, storage } = arena;
      const addresses = { ...(await clinical.call('start', undefined)), ...(await storage.call('start', undefined)) };
      await worker.call('start', { contestant: 'cast', ...addresses });
      await clinical.call('step', { shape: WARM_UP, scale: 1, step: 0 });
      await worker.call('work', { most: Number.MAX_SAFE_INTEGER });
      const looks: Look[] = [];
      for (const [index, shape] of BIG_STUDIES.entries())
        for (const { what, step } of LOOKS) {
          progress(`${shape}: ${what}`);
          if (step !== undefined) await clinical.call('step', { shape, scale, step });
          looks.push({ shape, what, figures: await worker.call('look', { studyUid: studyUid(index + 1) }) });
        }
      return { measures: looks.map(measureOf), text: table(looks, 50_000 * scale), details: looks };
    } finally {
      await worker.stop();
      await arena.close();
    }
  },
};

interface Look {
  readonly shape: (typeof BIG_STUDIES)[number];
  readonly what: (typeof LOOKS)[number]['what'];
  readonly figures: WorkFigures;
}

function measureOf({ shape, what, figures }: Look): Measure {
  return {
    name: `big-study: longest turn of the event loop in ms, ${shape}, when ${what}`,
    value: figures.longestTurnMs,
    better: 'lower',
    target: MAX_TURN_MS,
    informative: true,
  };
}

function table(looks: readonly Look[], instances: number): string {
  const header = [
    'study',
    'look',
    'seconds',
    'CPU µs/instance',
    'longest turn ms',
    'MB to FHIR',
    'MB from FHIR',
    'peak heap MB',
  ];
  const rows = looks.map(({ shape, what, figures }) => [
    shape,
    what,
    ...[
      figures.seconds,
      (figures.cpuSeconds * 1e6) / instances,
      figures.longestTurnMs,
      figures.bytesToFhir / 1e6,
      figures.bytesFromFhir / 1e6,
      figures.peakMemoryMb,
    ].map(short),
  ]);
  return textTable(header, rows);
}
