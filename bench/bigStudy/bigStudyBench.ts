import { openArena } from '../cast/contest';
import type { ContestantOperations, WorkFigures } from '../cast/contestant';
import { BIG_STUDY, WARM_UP } from '../cast/feedShapes';
import { studyUid } from '../cast/instances';
import { startProcess } from '../processes/remoteProcess';
import type { Bench, Measure } from '../report/bench';
import { short, textTable } from '../report/table';

const MAX_TURN_MS = 50;

/** What Cast finds each time that it looks at the study. */
const LOOKS = ['everything is new', 'nothing has changed', 'every instance has changed'] as const;

export const bigStudyBench: Bench = {
  name: 'big-study',
  about: 'one study of 50,000 instances: the longest turn of the event loop, and memory',
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
      await clinical.call('step', { shape: BIG_STUDY, scale, step: 0 });
      const looks: WorkFigures[] = [];
      for (const look of LOOKS) {
        progress(look);
        if (look === 'every instance has changed') await clinical.call('step', { shape: BIG_STUDY, scale, step: 1 });
        looks.push(await worker.call('look', { studyUid: studyUid(1) }));
      }
      return { measures: looks.flatMap(measuresOf), text: table(looks, 50_000 * scale), details: looks };
    } finally {
      await worker.stop();
      await arena.close();
    }
  },
};

function measuresOf({ longestTurnMs }: WorkFigures, look: number): readonly Measure[] {
  return [
    {
      name: `big-study: longest turn of the event loop in ms, when ${LOOKS[look] ?? ''}`,
      value: longestTurnMs,
      better: 'lower',
      target: MAX_TURN_MS,
      informative: true,
    },
  ];
}

function table(looks: readonly WorkFigures[], instances: number): string {
  const header = ['look', 'seconds', 'CPU µs/instance', 'longest turn ms', 'MB to FHIR', 'MB from FHIR', 'peak MB'];
  const rows = looks.map(({ seconds, cpuSeconds, longestTurnMs, bytesToFhir, bytesFromFhir, peakMemoryMb }, look) => [
    LOOKS[look] ?? '',
    ...[
      seconds,
      (cpuSeconds * 1e6) / instances,
      longestTurnMs,
      bytesToFhir / 1e6,
      bytesFromFhir / 1e6,
      peakMemoryMb,
    ].map(short),
  ]);
  return textTable(header, rows);
}
