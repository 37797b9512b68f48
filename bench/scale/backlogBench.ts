import { enter, WARM_UP_FEED } from '../cast/contest';
import { BACKLOG } from '../cast/feedShapes';
import { FLAT_MEMORY } from '../processes/heapSamples';
import type { Bench } from '../report/bench';
import { short } from '../report/table';

export const backlogBench: Bench = {
  name: 'backlog',
  about: 'memory of Cast over a backlog of 100,000 entries; of 1,000,000 with --scale 10',
  async run({ scale, progress }) {
    const cast = await enter('cast', ['--expose-gc']);
    try {
      progress(`${(100_000 * scale).toLocaleString('en')} entries`);
      await cast.run(WARM_UP_FEED);
      const figures = await cast.run({ shape: BACKLOG, scale, latencyMs: 0 });
      const { entries, seconds, memoryGrowth, peakMemoryMb, cpuSeconds } = figures;
      return {
        measures: [
          {
            name: 'backlog: memory in the last quarter, of that in the second',
            value: memoryGrowth,
            better: 'lower',
            target: FLAT_MEMORY,
          },
        ],
        text: `${short(entries)} entries in ${short(seconds)} s (CPU ${short((cpuSeconds * 1000) / entries)} ms each), at most ${short(peakMemoryMb)} MB on the heap`,
        details: figures,
      };
    } finally {
      await cast.stop();
    }
  },
};
